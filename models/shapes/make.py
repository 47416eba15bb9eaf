#!/usr/bin/env python3
"""Trains the shapes detector and writes everything in this folder: shapes.onnx, pictures, labels, descriptor.

    python shapes/make.py            # everything, about a quarter of an hour on one core
    python shapes/make.py --from shapes.onnx --steps 1600 --rate 0.0015 --seed 2    # train a model further
    python shapes/make.py --quick    # a minute, to see that it works; writes to --out, by default a temporary folder

The detector is a small YOLOv8: SiLU convolutions, C2f blocks, SPPF, a neck that goes up and down again, and an
anchor-free head on strides 8 and 16 whose distances are distributions over REACH bins. Its ONNX output is
[1, 4 + classes, anchors]: centre x, centre y, width, height in input pixels, then class scores.
"""
import json
import os
import sys

os.environ.setdefault('JAX_PLATFORMS', 'cpu')
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import jax
import jax.numpy as jnp
import numpy as np

import nets
from common import (average_precision, decode, generator, options, output_folder, run_onnx, save_names, save_pictures,
                    tensor)
from shapes.data import CLASSES, HELD_OUT, SIZE, scenes

STRIDES = (8, 16)
REACH = 8           # bins of a distance, in strides: an edge lies up to REACH - 1 strides from its anchor
MOST = 8            # objects in a scene, padded
NORMALIZE = {'type': 'normalize', 'scale': 1 / 255, 'mean': [0, 0, 0], 'std': [1, 1, 1]}

DESCRIPTOR = {
    'name': 'shapes',
    'model': 'shapes.onnx',
    'preprocessing': [
        {'type': 'resize', 'width': SIZE, 'height': SIZE, 'letterbox': True, 'interpolation': 'bilinear'},
        {'type': 'color', 'order': 'rgb'},
        NORMALIZE,
    ],
    'postprocessing': [
        {'type': 'decode_yolov8', 'classes': len(CLASSES), 'confidence_threshold': 0.25, 'labels': 'labels.txt'},
        {'type': 'nms', 'iou_threshold': 0.45},
    ],
}


# --- the network

def block(b, name, x, out, n=1, shortcut=True):
    """C2f: one half passes by, the other goes through n bottlenecks, and all of it is joined again."""
    parts = list(b.split(b.conv(name + '.in', x, out, act='silu')))
    for i in range(n):
        y = b.conv(f'{name}.{i}.a', parts[-1], out // 2, 3, act='silu')
        y = b.conv(f'{name}.{i}.b', y, out // 2, 3, act='silu')
        parts.append(b.add(parts[-1], y) if shortcut else y)
    return b.conv(name + '.out', b.concat(parts), out, act='silu')


def pyramid_pool(b, x, out):
    x = b.conv('sppf.in', x, out // 2, act='silu')
    a = b.max_pool(x, 5)
    c = b.max_pool(a, 5)
    return b.conv('sppf.out', b.concat([x, a, c, b.max_pool(c, 5)]), out, act='silu')


def separable(b, name, x, out):
    x = b.conv(name + '.depth', x, b.width(x), 3, depthwise=True, act='silu')
    return b.conv(name + '.point', x, out, act='silu')


def head(b, name, x):
    d = b.conv(name + '.box.a', x, 32, 3, act='silu')
    d = b.conv(name + '.box.b', d, 32, 3, act='silu')
    s = separable(b, name + '.cls.a', x, 32)
    s = separable(b, name + '.cls.b', s, 32)
    return (b.conv(name + '.box', d, 4 * REACH, bn=False, bias=1.0),
            b.conv(name + '.cls', s, len(CLASSES), bn=False, bias=-4.5))


def net(b, x):
    """(distance logits, class logits) on each stride."""
    x = b.conv('stem', x, 12, 3, 2, act='silu')
    x = block(b, 'stage1', b.conv('down1', x, 16, 3, 2, act='silu'), 16)
    p3 = block(b, 'stage2', b.conv('down2', x, 32, 3, 2, act='silu'), 32)
    p4 = pyramid_pool(b, block(b, 'stage3', b.conv('down3', p3, 48, 3, 2, act='silu'), 48), 48)
    up = block(b, 'up', b.concat([b.upsample(p4), p3]), 32, shortcut=False)
    down = block(b, 'down', b.concat([b.conv('down4', up, 32, 3, 2, act='silu'), p4]), 48, shortcut=False)
    return [head(b, 'head8', up), head(b, 'head16', down)]


# --- from logits to boxes

def anchors():
    """Centres [A, 2] in strides and the stride of each [A, 1]."""
    points, strides = [], []
    for s in STRIDES:
        y, x = np.mgrid[:SIZE // s, :SIZE // s] + 0.5
        points.append(np.stack([x.ravel(), y.ravel()], 1))
        strides.append(np.full((y.size, 1), s))
    return np.concatenate(points).astype(np.float32), np.concatenate(strides).astype(np.float32)

POINTS, STRIDE = anchors()


def flat(outputs):
    """Maps of all strides as [B, A, 4, REACH] and [B, A, classes]."""
    join = lambda i: jnp.concatenate([o[i].reshape(o[i].shape[0], -1, o[i].shape[-1]) for o in outputs], 1)
    d = join(0)
    return d.reshape(d.shape[:2] + (4, REACH)), join(1)


def boxes_of(d):
    """Corners in pixels of distance logits [..., A, 4, REACH]."""
    d = jax.nn.softmax(d) @ jnp.arange(REACH, dtype=jnp.float32)
    return jnp.concatenate([POINTS - d[..., :2], POINTS + d[..., 2:]], -1) * STRIDE


def predict(params, state, pictures):
    """What the ONNX model gives, computed by jax."""
    d, s = flat(net(nets.Jax(params, state), pictures))
    b = boxes_of(d)
    b = jnp.concatenate([(b[..., :2] + b[..., 2:]) / 2, b[..., 2:] - b[..., :2], jax.nn.sigmoid(s)], -1)
    return b.transpose(0, 2, 1)


# --- the loss: task-aligned assignment, then class, overlap and distance terms, as YOLOv8 weighs them

def iou_terms(a, b):
    """IoU and complete IoU of boxes, broadcast."""
    low, high = jnp.maximum(a[..., :2], b[..., :2]), jnp.minimum(a[..., 2:], b[..., 2:])
    both = jnp.clip(high - low, 0).prod(-1)
    wa, wb = a[..., 2:] - a[..., :2], b[..., 2:] - b[..., :2]
    iou = both / (wa.prod(-1) + wb.prod(-1) - both + 1e-6)
    hull = jnp.maximum(a[..., 2:], b[..., 2:]) - jnp.minimum(a[..., :2], b[..., :2])
    apart = ((a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) ** 2).sum(-1) / 4 / ((hull ** 2).sum(-1) + 1e-6)
    v = 4 / np.pi ** 2 * (jnp.arctan(wb[..., 0] / (wb[..., 1] + 1e-6)) - jnp.arctan(wa[..., 0] / (wa[..., 1] + 1e-6))) ** 2
    return iou, iou - apart - v * jax.lax.stop_gradient(v / (v - iou + 1 + 1e-6))


def assign(score, box, true_box, true_cls, valid, top=8):
    """For each anchor of one picture: its object, and how strongly it should fire (0 where it has none)."""
    p = POINTS * STRIDE
    inside = jnp.concatenate([p - true_box[:, None, :2], true_box[:, None, 2:] - p], -1).min(-1) > 0
    inside &= valid[:, None]
    iou = iou_terms(true_box[:, None], box[None])[0] * inside
    align = (score.T[true_cls] ** .5 * iou ** 6 + 1e-9) * inside
    chosen = (align >= jax.lax.top_k(align, top)[0][:, -1:]) & inside
    owner = jnp.argmax(jnp.where(chosen, iou, -1), 0)
    chosen &= jnp.arange(len(true_cls))[:, None] == owner
    align, iou = align * chosen, iou * chosen
    target = align / (align.max(1, keepdims=True) + 1e-9) * iou.max(1, keepdims=True)
    return owner, target.max(0)


def loss(outputs, true_box, true_cls, valid):
    d, s = flat(outputs)
    box = boxes_of(d)
    owner, target = jax.lax.stop_gradient(jax.vmap(assign)(jax.nn.sigmoid(s), box, true_box, true_cls, valid))
    total = jnp.maximum(target.sum(), 1)
    goal_cls = jax.nn.one_hot(jnp.take_along_axis(true_cls, owner, 1), len(CLASSES)) * target[..., None]
    goal_box = jnp.take_along_axis(true_box, owner[..., None], 1)
    l_cls = (jax.nn.softplus(s) - s * goal_cls).sum() / total
    l_box = ((1 - iou_terms(box, goal_box)[1]) * target).sum() / total
    edge = jnp.concatenate([POINTS - goal_box[..., :2] / STRIDE, goal_box[..., 2:] / STRIDE - POINTS], -1)
    edge = jnp.clip(edge, 0, REACH - 1.01)
    near = jnp.clip(1 - jnp.abs(edge[..., None] - jnp.arange(REACH)), 0)        # two bins share an edge between them
    l_edge = (-(near * jax.nn.log_softmax(d)).sum(-1).mean(-1) * target).sum() / total
    return 0.5 * l_cls + 7.5 * l_box + 1.5 * l_edge


# --- data

def batches(data, size, seed):
    """Endless shuffled batches; each picture turned, mirrored and its colour channels exchanged at random."""
    r = generator('shapes', 'batches', seed)
    pictures = np.stack([p for p, _, _ in data])
    boxes, classes, valid = np.zeros((len(data), MOST, 4), np.float32), np.zeros((len(data), MOST), np.int32), np.zeros((len(data), MOST), bool)
    for i, (_, b, c) in enumerate(data):
        boxes[i, :len(b)], classes[i, :len(b)], valid[i, :len(b)] = b, c, True
    while True:
        order = r.permutation(len(data))
        for k in range(0, len(data) - size + 1, size):
            pick = order[k:k + size]
            x, b = pictures[pick].copy(), boxes[pick].copy()
            for i in range(size):
                turn, flip_x, flip_y = r.random(3) < .5
                p, q = x[i], b[i]
                if turn: p, q = p.transpose(1, 0, 2), q[:, [1, 0, 3, 2]]
                if flip_x: p, q = p[:, ::-1], np.stack([SIZE - q[:, 2], q[:, 1], SIZE - q[:, 0], q[:, 3]], 1)
                if flip_y: p, q = p[::-1], np.stack([q[:, 0], SIZE - q[:, 3], q[:, 2], SIZE - q[:, 1]], 1)
                x[i], b[i] = p[..., r.permutation(3)], q
            yield x.astype(np.float32) / 255, b, classes[pick], valid[pick]


# --- export

def export(path, params, state):
    b = nets.Export(params, state, fold_bn=True)
    maps = net(b, b.begin('images', 3))
    no, count = 4 * REACH + len(CLASSES), len(POINTS)
    ints = lambda name, v: b.const(name, v, np.int64)
    rows = [b.node('Reshape', [b.concat(m), ints('rows', [1, no, -1])], f'rows{s}', no) for m, s in zip(maps, STRIDES)]
    x = b.node('Concat', rows, 'all_rows', no, axis=2)
    d, s = b.node('Split', [x, ints('box_cls', [4 * REACH, len(CLASSES)])], 'box_cls', outputs=['distances', 'logits'], axis=1)
    d = b.node('Reshape', [d, ints('bins', [1, 4, REACH, count])], 'dfl.bins')
    d = b.node('Softmax', [b.node('Transpose', [d], 'dfl.turn', perm=[0, 2, 1, 3])], 'dfl.softmax', axis=1)
    d = b.node('Conv', [d, b.const('dfl.weight', np.arange(REACH).reshape(1, REACH, 1, 1))], 'dfl.mean', kernel_shape=[1, 1])
    d = b.node('Reshape', [d, ints('edges', [1, 4, count])], 'dfl.edges')
    cut = lambda name, lo, hi: b.node('Slice', [d, ints(name + '.from', [lo]), ints(name + '.to', [hi]), ints('axis1', [1])], name)
    centre = b.const('anchors', POINTS.T[None])
    low = b.node('Sub', [centre, cut('left_top', 0, 2)], 'low')
    high = b.node('Add', [centre, cut('right_bottom', 2, 4)], 'high')
    middle = b.node('Div', [b.node('Add', [low, high], 'sum'), b.const('two', 2.0)], 'middle')
    extent = b.node('Sub', [high, low], 'extent')
    box = b.node('Concat', [middle, extent], 'cxcywh', axis=1)
    box = b.node('Mul', [box, b.const('strides', STRIDE.T[None])], 'pixels')
    y = b.node('Concat', [box, b.node('Sigmoid', [s], 'scores')], 'detections', axis=1)
    return b.finish(path, 'shapes', [('images', [1, 3, SIZE, SIZE])], [('output0', y, [1, 4 + len(CLASSES), count])],
                    'Shapes detector of the Axon project: ' + ', '.join(CLASSES))


def ship_pictures(out, shown=12, calibration=48):
    """A dozen held-out scenes with their truth in COCO form, and training scenes to calibrate with."""
    held = scenes('held-out', shown)
    save_pictures(os.path.join(out, 'images'), [(f'scene_{i:03}.png', p) for i, (p, _, _) in enumerate(held)])
    save_pictures(os.path.join(out, 'calib'), [(f'{i:03}.jpg', p) for i, (p, _, _) in enumerate(scenes('train', calibration))], quality=92)
    rows = [(i, box, c) for i, (_, b, k) in enumerate(held) for box, c in zip(b.tolist(), k.tolist())]
    coco = {
        'images': [{'id': i, 'file_name': f'scene_{i:03}.png', 'width': SIZE, 'height': SIZE} for i in range(shown)],
        'categories': [{'id': c, 'name': n} for c, n in enumerate(CLASSES)],
        'annotations': [{'id': n, 'image_id': i, 'category_id': c, 'bbox': [x1, y1, x2 - x1, y2 - y1],
                         'area': (x2 - x1) * (y2 - y1), 'iscrowd': 0} for n, (i, (x1, y1, x2, y2), c) in enumerate(rows)],
    }
    lines = ',\n'.join(f' "{k}": [\n  ' + ',\n  '.join(json.dumps(v) for v in vs) + '\n ]' for k, vs in coco.items())
    with open(os.path.join(out, 'images', 'labels.json'), 'w') as f:
        f.write('{\n' + lines + '\n}\n')


def main():
    p = options(__doc__, 'scenes', steps=6000, batch=16)
    p.add_argument('--rate', type=float, default=2e-3, help='peak learning rate (default: 0.002)')
    p.add_argument('--from', dest='start', metavar='MODEL', help='train this exported model further')
    a = p.parse_args()
    out = output_folder(a, 'shapes')
    count, steps, held = (200, 60, 50) if a.quick else (6000, 6000, HELD_OUT)
    steps = a.steps or steps

    ship_pictures(out)
    save_names(out, 'shapes', CLASSES, DESCRIPTOR)
    if a.pictures:
        return

    print(f'rendering {count} scenes', flush=True)
    data = scenes('train', count)
    if a.start:
        params, state = nets.restore(net, a.start, next(batches(data, 64, a.seed))[0])
    else:
        params, state = nets.init(net, (1, SIZE, SIZE, 3), a.seed)
    print(f'training {sum(v.size for v in params.values())} parameters', flush=True)
    params, state = nets.train(net, params, state, loss, batches(data, a.batch, a.seed), steps, a.rate,
                               report=min(100, steps // 2), log=lambda s: print(s, flush=True))
    path = os.path.join(out, 'shapes.onnx')
    export(path, params, state)

    test = scenes('held-out', held)
    pictures = np.stack([q for q, _, _ in test])
    got = run_onnx(path, tensor(pictures, NORMALIZE))
    want = np.asarray(predict(params, state, jnp.asarray(pictures[:32], jnp.float32) / 255))
    worst = np.abs(got[:32] - want).max((0, 2))
    print(f'ONNX against jax: boxes differ by at most {worst[:4].max():.2g} pixels, scores by {worst[4:].max():.2g}')
    if worst[:4].max() > 2e-2 or worst[4:].max() > 1e-3:
        sys.exit('the exported model computes something else')
    score, each = average_precision([decode(o) for o in got], [(b, c) for _, b, c in test], len(CLASSES))
    print(f'AP50 {score:.4f} on {held} held-out scenes (' + ', '.join(f'{n} {v:.3f}' for n, v in zip(CLASSES, each)) + ')')
    print(f'{path}: {os.path.getsize(path)} bytes')


if __name__ == '__main__':
    main()
