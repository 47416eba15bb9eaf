"""What training, export and evaluation share, without jax: tensors from pictures, boxes, and the scores."""
import argparse
import hashlib
import json
import os
import tempfile

import numpy as np
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))


def generator(*key):
    """A random stream of its own for each picture, so that any picture can be made alone and in any order."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], 'little'))


def tensor(pictures, step):
    """uint8 NHWC pictures to the model's NCHW input, by the normalize step of a pipeline descriptor."""
    scale, mean, std = (np.asarray(step[k], np.float32) for k in ('scale', 'mean', 'std'))
    x = (pictures.astype(np.float32) * scale - mean) / std
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2), np.float32)


def run_onnx(path, x):
    """The model's first output for each row of x, one row at a time, as a device would see it."""
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: x[i:i + 1]})[0] for i in range(len(x))])


def save_pictures(folder, named, **options):
    """Replace the pictures in folder by (file name, uint8 array) pairs."""
    os.makedirs(folder, exist_ok=True)
    for old in os.listdir(folder):
        if old.endswith(('.png', '.jpg')):
            os.remove(os.path.join(folder, old))
    for name, a in named:
        Image.fromarray(a).save(os.path.join(folder, name), **options)


def save_descriptor(path, descriptor):
    """A pipeline descriptor, one step a line."""
    def value(v):
        if not isinstance(v, list):
            return json.dumps(v)
        return '[\n    ' + ',\n    '.join(json.dumps(step) for step in v) + '\n  ]'
    with open(path, 'w') as f:
        f.write('{\n  ' + ',\n  '.join(f'"{k}": {value(v)}' for k, v in descriptor.items()) + '\n}\n')


# --- what every model's make.py begins with

def options(doc, things, steps, batch):
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--quick', action='store_true', help=f'few {things} and steps')
    p.add_argument('--out', help='folder to write (default: this folder)')
    p.add_argument('--pictures', action='store_true', help='only write pictures, labels and descriptor, keep the model')
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--steps', type=int, help=f'training steps (default: {steps})')
    p.add_argument('--batch', type=int, default=batch)
    return p


def output_folder(a, name):
    """As the options say: a quick run must not replace what ships."""
    out = a.out or (tempfile.mkdtemp(prefix=name + '-') if a.quick else os.path.join(HERE, name))
    os.makedirs(out, exist_ok=True)
    return out


def save_names(out, name, classes, descriptor):
    with open(os.path.join(out, 'labels.txt'), 'w') as f:
        f.write('\n'.join(classes) + '\n')
    save_descriptor(os.path.join(out, name + '.json'), descriptor)


# --- detections: boxes are x1, y1, x2, y2 in input pixels

def overlap(box, others):
    """Intersection over union of one box with many."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    both = np.clip(high - low, 0, None).prod(1)
    return both / ((box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(1) - both + 1e-9)


def decode(output, confidence=0.001, iou=0.45, most=100):
    """One [4 + classes, anchors] output to boxes, scores and classes, after suppression within each class."""
    p = output.T
    corners = np.concatenate([p[:, :2] - p[:, 2:4] / 2, p[:, :2] + p[:, 2:4] / 2], 1)
    row, cls = np.where(p[:, 4:] > confidence)
    score = p[row, 4 + cls]
    order = np.argsort(-score, kind='stable')
    boxes, score, cls = corners[row[order]], score[order], cls[order]
    left, keep = np.arange(len(boxes)), []
    while len(left) and len(keep) < most:
        best, left = left[0], left[1:]
        keep.append(best)
        left = left[(cls[left] != cls[best]) | (overlap(boxes[best], boxes[left]) < iou)]
    return boxes[keep], score[keep], cls[keep]


def average_precision(detections, truths, classes, threshold=0.5):
    """Mean over classes of the area under precision and recall, 101 points as COCO takes it.

    detections: (boxes, scores, classes) a picture; truths: (boxes, classes) a picture."""
    each = []
    for c in range(classes):
        hits, total = [], sum(int((k == c).sum()) for _, k in truths)
        for (boxes, scores, found), (true_boxes, true_cls) in zip(detections, truths):
            left = true_boxes[true_cls == c]
            for j in np.flatnonzero(found == c):
                iou = overlap(boxes[j], left) if len(left) else np.zeros(0)
                good = bool(len(iou)) and iou.max() >= threshold
                if good:
                    left = np.delete(left, iou.argmax(), 0)
                hits.append((scores[j], good))
        hits.sort(key=lambda h: -h[0])
        right = np.cumsum([g for _, g in hits])
        recall, precision = right / max(total, 1), right / np.arange(1, len(hits) + 1)
        precision = np.maximum.accumulate(precision[::-1])[::-1]
        at = np.searchsorted(recall, np.linspace(0, 1, 101))
        each.append(float(np.mean(np.append(precision, 0)[np.minimum(at, len(precision))])))
    return float(np.mean(each)), each
