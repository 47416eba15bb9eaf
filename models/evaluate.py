#!/usr/bin/env python3
"""Scores a model on its held-out pictures: accuracy for digits, AP50 for shapes.

    python evaluate.py digits                              # digits/digits.onnx with onnxruntime
    python evaluate.py shapes other.onnx                   # another ONNX model with the same input and output
    python evaluate.py shapes --save held-out              # only write the pictures and their labels
    python evaluate.py shapes --outputs shapes.npy         # score what another runner computed

The held-out pictures are drawn from their seed, so nothing is downloaded or stored. --save writes them as
DIR/00000.png and on, with what `axrun --eval` reads: DIR/labels.txt with a class a digit, or DIR/labels.json with the shapes
in COCO's form. --outputs takes the raw outputs in that order, stacked: an .npy file, or plain float32 values without a header.
"""
import argparse
import json
import os
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from common import average_precision, decode, run_onnx, save_pictures, tensor


class Digits:
    """Pictures, labels, and how a stack of outputs [n, 10] scores."""

    def __init__(self, count):
        from digits import data
        self.data = data
        self.pictures, self.labels = data.pictures('held-out', count or data.HELD_OUT)
        self.output = (10,)

    def save_labels(self, folder):
        with open(os.path.join(folder, 'labels.txt'), 'w') as f:
            f.writelines(f'{i:05}.png {k}\n' for i, k in enumerate(self.labels))

    def score(self, outputs, confidence):
        right = outputs.argmax(1) == self.labels
        return 'accuracy', right.mean(), {s: right[i::len(self.data.SOURCES)].mean() for i, s in enumerate(self.data.SOURCES)}


class Shapes:
    """Scenes, boxes, and how a stack of outputs [n, 4 + classes, anchors] scores."""

    def __init__(self, count):
        from shapes import data
        self.data = data
        made = data.scenes('held-out', count or data.HELD_OUT)
        self.pictures = np.stack([p for p, _, _ in made])
        self.truths = [(b, c) for _, b, c in made]
        self.output = (4 + len(data.CLASSES), (data.SIZE // 8) ** 2 + (data.SIZE // 16) ** 2)

    def save_labels(self, folder):
        boxes = []
        for i, (b, c) in enumerate(self.truths):
            for k, (x1, y1, x2, y2) in zip(c, b.tolist()):
                boxes.append({'id': len(boxes), 'image_id': i, 'category_id': int(k), 'bbox': [x1, y1, x2 - x1, y2 - y1],
                              'area': (x2 - x1) * (y2 - y1), 'iscrowd': 0})
        size = self.data.SIZE
        with open(os.path.join(folder, 'labels.json'), 'w') as f:
            json.dump({'images': [{'id': i, 'file_name': f'{i:05}.png', 'width': size, 'height': size} for i in range(len(self.truths))],
                       'categories': [{'id': k, 'name': n} for k, n in enumerate(self.data.CLASSES)], 'annotations': boxes}, f)

    def score(self, outputs, confidence):
        found = [decode(o, confidence) for o in outputs]
        mean, each = average_precision(found, self.truths, len(self.data.CLASSES))
        return 'AP50', mean, dict(zip(self.data.CLASSES, each))


def normalize_step(path):
    with open(path) as f:
        return next(s for s in json.load(f)['preprocessing'] if s['type'] == 'normalize')


def load_outputs(path, count, shape):
    a = np.load(path) if path.endswith('.npy') else np.fromfile(path, np.float32)
    if a.size != count * int(np.prod(shape)):
        sys.exit(f'{path}: {a.size} values, expected {count} x {shape}')
    return a.astype(np.float32).reshape((count,) + shape)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('task', choices=('digits', 'shapes'))
    p.add_argument('model', nargs='?', help='ONNX file (default: the one that ships)')
    p.add_argument('--count', type=int, help='pictures to score (default: all that are held out)')
    p.add_argument('--confidence', type=float, default=0.001, help='detections below do not count (default: 0.001)')
    p.add_argument('--outputs', metavar='FILE', help='score these raw outputs instead of running a model')
    p.add_argument('--save', metavar='DIR', help='write the held-out pictures and labels there, and stop')
    p.add_argument('--json', action='store_true', help='print the figures as JSON')
    a = p.parse_args()

    task = {'digits': Digits, 'shapes': Shapes}[a.task](a.count)
    if a.save:
        save_pictures(a.save, [(f'{i:05}.png', q) for i, q in enumerate(task.pictures)])
        task.save_labels(a.save)
        return
    if a.outputs:
        outputs = load_outputs(a.outputs, len(task.pictures), task.output)
    else:
        step = normalize_step(os.path.join(HERE, a.task, a.task + '.json'))
        outputs = run_onnx(a.model or os.path.join(HERE, a.task, a.task + '.onnx'), tensor(task.pictures, step))
    name, value, parts = task.score(outputs, a.confidence)
    if a.json:
        print(json.dumps({'metric': name, 'value': float(value), 'pictures': len(task.pictures),
                          'parts': {k: float(v) for k, v in parts.items()}}))
    else:
        print(f'{name} {value:.4f} on {len(task.pictures)} held-out pictures (' + ', '.join(f'{k} {v:.4f}' for k, v in parts.items()) + ')')


if __name__ == '__main__':
    main()
