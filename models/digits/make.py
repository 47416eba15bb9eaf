#!/usr/bin/env python3
"""Trains the digits classifier and writes everything in this folder: digits.onnx, pictures, labels, descriptor.

    python digits/make.py            # everything, about ten minutes on one core
    python digits/make.py --quick    # a minute, to see that it works; writes to --out, by default a temporary folder

The network is a small MobileNet: a plain convolution, depthwise separable blocks, inverted residuals with an
Add, ReLU6 below and HardSwish above, global average pooling and one Gemm. BatchNormalization stays in the ONNX
file as nodes of its own, so that a compiler has something to fold.
"""
import os
import sys

os.environ.setdefault('JAX_PLATFORMS', 'cpu')
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

import jax
import jax.numpy as jnp
import numpy as np

import nets
from common import generator, options, output_folder, run_onnx, save_names, save_pictures, tensor
from digits.data import CLASSES, HELD_OUT, SIZE, SOURCES, pictures

NORMALIZE = {'type': 'normalize', 'scale': 1 / 255, 'mean': [0.5, 0.5, 0.5], 'std': [0.25, 0.25, 0.25]}

DESCRIPTOR = {
    'name': 'digits',
    'model': 'digits.onnx',
    'preprocessing': [
        {'type': 'resize', 'width': SIZE, 'height': SIZE, 'letterbox': False, 'interpolation': 'bilinear'},
        {'type': 'color', 'order': 'rgb'},
        NORMALIZE,
    ],
    'postprocessing': [
        {'type': 'classification', 'top_k': 3, 'softmax': 'yes', 'labels': 'labels.txt'},
    ],
}


# --- the network

def separable(b, name, x, out, act, stride=1):
    x = b.conv(name + '.depth', x, b.width(x), 3, stride, depthwise=True, act=act)
    return b.conv(name + '.point', x, out, act=act)


def residual(b, name, x, act):
    """Widen, filter each channel, narrow without activation, add."""
    c = b.width(x)
    y = b.conv(name + '.wide', x, 2 * c, act=act)
    y = b.conv(name + '.depth', y, 2 * c, 3, depthwise=True, act=act)
    return b.add(x, b.conv(name + '.narrow', y, c))


def net(b, x):
    x = b.conv('stem', x, 16, 3, 2, act='relu6')
    x = separable(b, 'first', x, 32, 'relu6')
    x = residual(b, 'res1', x, 'relu6')
    x = separable(b, 'down', x, 64, 'hardswish', 2)
    x = residual(b, 'res2', x, 'hardswish')
    x = residual(b, 'res3', x, 'hardswish')
    x = separable(b, 'last', x, 96, 'hardswish', 2)
    return b.dense('classes', b.global_pool(x), len(CLASSES))


def loss(logits, labels, smooth=0.05):
    goal = jax.nn.one_hot(labels, len(CLASSES)) * (1 - smooth) + smooth / len(CLASSES)
    return -(goal * jax.nn.log_softmax(logits)).sum(-1).mean()


def normalized(x): return (x.astype(np.float32) * np.float32(NORMALIZE['scale']) - np.float32(.5)) / np.float32(.25)


def batches(x, labels, size, seed):
    """Endless shuffled batches; colour channels exchanged, colours inverted and pictures shifted at random."""
    r = generator('digits', 'batches', seed)
    while True:
        order = r.permutation(len(x))
        for k in range(0, len(x) - size + 1, size):
            pick = order[k:k + size]
            a = np.roll(x[pick][..., r.permutation(3)], r.integers(-1, 2, 2), (1, 2))
            yield normalized(255 - a if r.random() < .5 else a), labels[pick]


# --- export

def export(path, params, state):
    b = nets.Export(params, state, fold_bn=False)
    y = net(b, b.begin('image', 3))
    return b.finish(path, 'digits', [('image', [1, 3, SIZE, SIZE])], [('logits', y, [1, len(CLASSES)])],
                    'Digits classifier of the Axon project')


def ship_pictures(out, shown=40, calibration=48):
    """Held-out pictures, named CLASS_NUMBER.png, with a list of theirs; training pictures to calibrate with."""
    x, labels = pictures('held-out', shown)
    names = [f'{l}_{i:03}.png' for i, l in enumerate(labels)]
    save_pictures(os.path.join(out, 'images'), zip(names, x))
    with open(os.path.join(out, 'images', 'labels.txt'), 'w') as f:
        f.writelines(f'{n} {l}\n' for n, l in sorted(zip(names, labels)))
    x, _ = pictures('train', calibration)
    save_pictures(os.path.join(out, 'calib'), [(f'{i:03}.png', a) for i, a in enumerate(x)])


def main():
    p = options(__doc__, 'pictures', steps=4000, batch=32)
    a = p.parse_args()
    out = output_folder(a, 'digits')
    count, steps, held = (2000, 150, 200) if a.quick else (40000, 4000, HELD_OUT)
    steps = a.steps or steps

    ship_pictures(out)
    save_names(out, 'digits', CLASSES, DESCRIPTOR)
    if a.pictures:
        return

    print(f'rendering {count} pictures', flush=True)
    x, labels = pictures('train', count)
    params, state = nets.init(net, (1, SIZE, SIZE, 3), a.seed)
    print(f'training {sum(v.size for v in params.values())} parameters', flush=True)
    params, state = nets.train(net, params, state, loss, batches(x, labels, a.batch, a.seed), steps, 3e-3,
                               report=min(100, steps // 2), log=lambda s: print(s, flush=True))
    path = os.path.join(out, 'digits.onnx')
    export(path, params, state)

    test, labels = pictures('held-out', held)
    got = run_onnx(path, tensor(test, NORMALIZE))
    want = np.asarray(net(nets.Jax(params, state), jnp.asarray(normalized(test))))
    worst = np.abs(got - want).max()
    print(f'ONNX against jax: logits differ by at most {worst:.2g}')
    if worst > 1e-3:
        sys.exit('the exported model computes something else')
    right = got.argmax(1) == labels
    each = ', '.join(f'{s} {right[i::len(SOURCES)].mean():.4f}' for i, s in enumerate(SOURCES))
    print(f'accuracy {right.mean():.4f} on {held} held-out pictures ({each})')
    print(f'{path}: {os.path.getsize(path)} bytes')


if __name__ == '__main__':
    main()
