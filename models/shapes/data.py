"""Rendered scenes: shapes of six kinds on busy ground, with the boxes they fill.

Every scene is a pure function of (split, index), so held-out scenes are never stored: they are drawn again."""
import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from common import generator

SIZE = 128
CLASSES = ('circle', 'square', 'triangle', 'star', 'cross', 'heart')
FINE = 2            # masks are drawn this much larger, then averaged: clean edges, boxes to half a pixel
HELD_OUT = 500      # scenes that evaluation scores


# --- outlines in the unit circle

def regular(n): return [(math.sin(2 * math.pi * i / n), -math.cos(2 * math.pi * i / n)) for i in range(n)]

def star(): return [(r * x, r * y) for (x, y), r in zip(regular(10), (1, .45) * 5)]

def cross(a=.32): return [(-a, -1), (a, -1), (a, -a), (1, -a), (1, a), (a, a), (a, 1), (-a, 1), (-a, a), (-1, a), (-1, -a), (-a, -a)]

def heart():
    t = np.linspace(0, 2 * math.pi, 40, endpoint=False)
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return list(zip(np.sin(t) ** 3, -(y + 2.5) / 16))

OUTLINES = (regular(48), [(-.8, -.8), (.8, -.8), (.8, .8), (-.8, .8)], regular(3), star(), cross(), heart())


# --- paint: fields of colour, float HWC

YX = np.mgrid[:SIZE, :SIZE].astype(np.float32) / SIZE

def gradient(r, a, b):
    t = r.uniform(0, 2 * math.pi)
    f = YX[1] * math.cos(t) + YX[0] * math.sin(t)
    f = (f - f.min()) / (f.max() - f.min())
    return a + (b - a) * f[..., None]

def stripes(r, a, b):
    t, n = r.uniform(0, math.pi), r.uniform(4, 16)
    f = np.sin((YX[1] * math.cos(t) + YX[0] * math.sin(t)) * n * 2 * math.pi)
    if r.random() < .4:
        f = f * np.sin((YX[0] * math.cos(t) - YX[1] * math.sin(t)) * n * 2 * math.pi)
    return np.where(f[..., None] > 0, a, b)

def blotches(r, a, b):
    n = int(r.integers(3, 24))
    f = Image.fromarray(r.integers(0, 256, (n, n), dtype=np.uint8)).resize((SIZE, SIZE), Image.BICUBIC)
    return a + (b - a) * (np.asarray(f, np.float32)[..., None] / 255)

def colour(r): return r.uniform(0, 255, 3).astype(np.float32)

def near(r, c, spread): return np.clip(c + r.uniform(-spread, spread, 3), 0, 255).astype(np.float32)

def paint(r, base, spread):
    other = near(r, base, spread)
    kind = r.choice(4, p=(.3, .3, .2, .2))
    return np.broadcast_to(base, (SIZE, SIZE, 3)) if kind == 0 else (None, gradient, stripes, blotches)[kind](r, base, other)


def ground(r):
    base = colour(r)
    im = Image.fromarray(np.uint8(paint(r, base, 90)))
    draw = ImageDraw.Draw(im)
    for _ in range(r.integers(0, 7)):       # lines and arcs that are no shape of ours
        p = [float(v) for v in r.uniform(-.1 * SIZE, 1.1 * SIZE, 4)]
        c, w = tuple(int(v) for v in colour(r)), int(r.integers(1, 4))
        if r.random() < .6:
            draw.line(p, fill=c, width=w)
        else:
            box = [min(p[0], p[2]), min(p[1], p[3]), max(p[0], p[2]) + 4, max(p[1], p[3]) + 4]
            start = float(r.uniform(0, 360))
            draw.arc(box, start, start + float(r.uniform(30, 150)), fill=c, width=w)
    return np.asarray(im, np.float32)


# --- objects

def mask_of(r, kind):
    """A mask in [0, 1] and the box it fills, of one shape somewhere in the picture."""
    radius = math.exp(r.uniform(math.log(8), math.log(34)))
    turn, squeeze = r.uniform(0, 2 * math.pi), math.exp(r.uniform(-.15, .15))
    cx, cy = r.uniform(radius * .7, SIZE - radius * .7, 2)
    c, s = math.cos(turn) * radius, math.sin(turn) * radius
    points = [(FINE * (cx + (c * x - s * y) * squeeze), FINE * (cy + (s * x + c * y) / squeeze)) for x, y in OUTLINES[kind]]
    im = Image.new('L', (SIZE * FINE,) * 2)
    ImageDraw.Draw(im).polygon(points, fill=255)
    x1, y1, x2, y2 = im.getbbox()
    return np.asarray(im.reduce(FINE), np.float32)[..., None] / 255, np.array([x1, y1, x2, y2], np.float32) / FINE


def scene(split, index):
    """(picture HWC uint8, boxes [n, 4] as x1 y1 x2 y2 in pixels, classes [n])."""
    r = generator('shapes', split, index)
    picture = ground(r)
    masks, boxes, classes = [], [], []
    for _ in range(r.integers(1, 8)):
        kind = int(r.integers(len(CLASSES)))
        mask, box = mask_of(r, kind)
        hidden = [1 - (m * (1 - mask)).sum() / m.sum() for m in masks]
        if hidden and max(hidden) > .35:    # it would bury an earlier one
            continue
        under = (picture * mask).sum((0, 1)) / mask.sum()
        base = colour(r)
        while np.abs(base - under).sum() < 120:
            base = colour(r)
        fill = paint(r, base, 60)
        if r.random() < .25:                # a dark or light rim
            inner = Image.fromarray(np.uint8(mask[..., 0] * 255)).filter(ImageFilter.MinFilter(3))
            inner = np.asarray(inner, np.float32)[..., None] / 255
            fill = fill * inner + near(r, base * r.uniform(.2, 1.2), 40) * (1 - inner)
        picture = picture * (1 - mask) + fill * mask
        masks = [m * (1 - mask) for m in masks] + [mask]
        boxes.append(box)
        classes.append(kind)
    if r.random() < .3:
        picture = np.asarray(Image.fromarray(np.uint8(picture)).filter(ImageFilter.GaussianBlur(float(r.uniform(.3, 1)))), np.float32)
    picture = picture * r.uniform(.75, 1.1) + r.normal(0, r.uniform(0, 10), picture.shape)
    return np.uint8(np.clip(picture, 0, 255)), np.array(boxes, np.float32), np.array(classes, np.int64)


def scenes(split, count):
    return [scene(split, i) for i in range(count)]
