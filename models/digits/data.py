"""Pictures of digits: handwriting scanned by others, a printed face, and strokes of our own, in random colours.

Three sources, mixed evenly:
  scans    scikit-learn's digits (1,797 handwritten, 8 x 8); every fifth is held out
  print    the face that comes inside Pillow
  strokes  polylines defined below, bent and thickened at random

Every picture is a pure function of (split, index)."""
import functools
import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from common import generator

SIZE = 32
CLASSES = tuple('0123456789')
HELD_OUT = 1000     # pictures that evaluation scores
LARGE = 64          # glyphs are made on this grid, then turned, scaled and averaged down


# --- glyphs: masks on the large grid

@functools.cache
def scans(split):
    from sklearn.datasets import load_digits
    d = load_digits()
    keep = (np.arange(len(d.target)) % 5 == 0) == (split == 'held-out')
    return np.uint8(np.minimum(d.images[keep] * 16, 255)), d.target[keep]


def scanned(r, split):
    images, labels = scans(split)
    i = int(r.integers(len(labels)))
    a = np.pad(images[i], 2)
    how = (Image.BILINEAR, Image.BICUBIC, Image.LANCZOS)[r.integers(3)]
    return Image.fromarray(a).resize((LARGE, LARGE), how), int(labels[i])


@functools.cache
def face(size): return ImageFont.load_default(size=size)

def printed(r, split):
    label = int(r.integers(10))
    im = Image.new('L', (LARGE, LARGE))
    ImageDraw.Draw(im).text((LARGE / 2, LARGE / 2), CLASSES[label], fill=255, font=face(52), anchor='mm',
                            stroke_width=int(r.integers(0, 3)))
    return im, label


def arc(cx, cy, rx, ry, start, end, n=16):
    """Points on an ellipse, degrees clockwise from three o'clock."""
    t = np.radians(np.linspace(start, end, n))
    return [(cx + rx * math.cos(v), cy + ry * math.sin(v)) for v in t]

# Each digit is a few ways to write it; each way is a list of polylines in the unit square, y downwards.
STROKES = (
    ([arc(.5, .5, .28, .42, -90, 270, 32)],),
    ([[(.35, .25), (.55, .1), (.55, .9)]], [[(.5, .08), (.5, .92)]], [[(.35, .25), (.52, .1), (.52, .9)], [(.32, .9), (.72, .9)]]),
    ([arc(.5, .33, .25, .23, 190, 390) + [(.25, .9), (.77, .9)]],),
    ([arc(.47, .3, .24, .2, 200, 450), arc(.47, .7, .27, .21, -90, 160)], [[(.25, .1), (.72, .1), (.46, .43)], arc(.46, .67, .27, .23, -90, 150)]),
    ([[(.62, .92), (.62, .08), (.22, .65), (.8, .65)]], [[(.3, .1), (.26, .52), (.76, .52)], [(.66, .12), (.66, .92)]]),
    ([[(.74, .1), (.32, .1), (.29, .46)] + arc(.48, .65, .26, .25, 230, 500)],),
    ([arc(.68, .5, .42, .42, 260, 180)[:12] + arc(.5, .68, .24, .22, 180, 540, 28)], [[(.62, .08), (.3, .55)], arc(.5, .68, .23, .22, 180, 540, 28)]),
    ([[(.24, .1), (.76, .1), (.42, .92)]], [[(.24, .1), (.76, .1), (.42, .92)], [(.36, .5), (.72, .5)]]),
    ([arc(.5, .29, .2, .19, 0, 360, 24), arc(.5, .7, .25, .22, 0, 360, 24)],),
    ([arc(.5, .32, .24, .22, 0, 360, 28), [(.74, .32), (.7, .7), (.58, .92)]], [arc(.48, .32, .23, .22, 0, 360, 28), [(.71, .3), (.71, .92)]]),
)

def stroked(r, split):
    label = int(r.integers(10))
    ways = STROKES[label]
    bend, phase = r.uniform(0, .04), r.uniform(0, 6.3, 2)
    pen = r.uniform(3, 10)
    im = Image.new('L', (LARGE, LARGE))
    draw = ImageDraw.Draw(im)
    for line in ways[r.integers(len(ways))]:
        p = [((x + bend * math.sin(5 * y + phase[0])) * LARGE, (y + bend * math.sin(5 * x + phase[1])) * LARGE) for x, y in line]
        draw.line(p, fill=255, width=round(pen), joint='curve')
        for x, y in (p[0], p[-1]):
            draw.ellipse([x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2], fill=255)
    return im, label

SOURCES = {'scans': scanned, 'print': printed, 'strokes': stroked}


# --- pictures

def place(r, glyph):
    """The glyph turned, sheared, scaled and shifted onto the small grid, as a mask in [0, 1]."""
    turn, shear, scale = r.uniform(-.22, .22), r.uniform(-.2, .2), r.uniform(.75, 1.15)
    dx, dy = r.uniform(-6, 6, 2)
    c, s, mid = math.cos(turn) / scale, math.sin(turn) / scale, LARGE / 2
    m = np.array([[c, s + shear], [-s, c]])
    t = np.array([mid, mid]) - m @ [mid + dx, mid + dy]
    im = glyph.transform((LARGE, LARGE), Image.AFFINE, [m[0, 0], m[0, 1], t[0], m[1, 0], m[1, 1], t[1]], Image.BILINEAR)
    return np.asarray(im.reduce(LARGE // SIZE), np.float32)[..., None] / 255


def ground(r):
    """Plain, shaded or blotched paper, sometimes with ruled lines, and the colour it is around."""
    paper = r.uniform(0, 255, 3)
    n = int(r.integers(2, 6))
    grain = Image.fromarray(r.integers(0, 256, (n, n), dtype=np.uint8)).resize((SIZE, SIZE), Image.BICUBIC)
    a = paper + (np.asarray(grain, np.float32)[..., None] / 255 - .5) * r.uniform(-50, 50, 3) * (r.random() < .7)
    if r.random() < .2:
        a[int(r.integers(SIZE))::int(r.integers(6, 14))] += r.uniform(-40, 40, 3)
    return a, paper


def picture(split, index, source=None):
    """(HWC uint8, label)."""
    r = generator('digits', split, index)
    make = SOURCES[source or list(SOURCES)[index % len(SOURCES)]]
    glyph, label = make(r, split)
    mask = place(r, glyph)
    a, paper = ground(r)
    ink = r.uniform(0, 255, 3)
    while abs(ink.mean() - paper.mean()) < 50:
        ink = r.uniform(0, 255, 3)
    a = a * (1 - mask) + ink * mask
    if r.random() < .3:
        a = np.asarray(Image.fromarray(np.uint8(np.clip(a, 0, 255))).filter(ImageFilter.GaussianBlur(float(r.uniform(.3, .9)))), np.float32)
    a = a + r.normal(0, r.uniform(0, 12), a.shape)
    return np.uint8(np.clip(a, 0, 255)), label


def pictures(split, count, start=0):
    """(pictures [n, SIZE, SIZE, 3], labels [n])."""
    made = [picture(split, i) for i in range(start, start + count)]
    return np.stack([p for p, _ in made]), np.array([l for _, l in made])
