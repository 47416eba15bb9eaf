"""What test_detect.py holds axrun against: preprocessing with PIL, and each family's decoding in numpy, written from the papers
and the families' own published code. Boxes are (left, top, right, bottom) in pixels of the model's input until back() moves them
into the picture."""
import heapq

import numpy as np
from PIL import Image


class Fit:
    """How a picture became the input: scale and offset for x and y."""

    def __init__(self, size, new, offset):
        self.size, self.scale = size, (new[0] / size[0], new[1] / size[1])
        self.offset = offset

    def back(self, xy):
        """Points (..., 2) of the input in the picture."""
        return (np.asarray(xy, np.float64) - self.offset) / self.scale


def load(path):
    return Image.open(path).convert('RGB')


def resize(im, w, h):
    """Across, then down: a Pillow of late chooses, and its first pass rounds."""
    return im.resize((w, im.height), Image.BILINEAR).resize((w, h), Image.BILINEAR)


def prepare(im, size, how, scale=1 / 255, mean=0, std=1, bgr=False, nhwc=False, fill=114, top_left=False):
    """how: letterbox or stretch. Returns the input and the Fit."""
    (w, h), (W, H) = im.size, size
    if how == 'stretch':
        im, fit = resize(im, W, H), Fit((w, h), (W, H), (0, 0))
    else:
        r = min(W / w, H / h)
        nw, nh = max(1, round(w * r)), max(1, round(h * r))
        at = (0, 0) if top_left else ((W - nw) // 2, (H - nh) // 2)
        canvas = Image.new('RGB', (W, H), (fill,) * 3)
        canvas.paste(resize(im, nw, nh), at)
        im, fit = canvas, Fit((w, h), (nw, nh), at)
    x = np.asarray(im, np.float32)
    if bgr: x = x[..., ::-1]
    x = (x * np.float32(scale) - np.float32(mean)) / np.float32(std)
    return np.ascontiguousarray(x[None] if nhwc else x.transpose(2, 0, 1)[None], np.float32), fit


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


def iou(a, b):
    """Of two lists of boxes, as a matrix."""
    a, b = np.reshape(a, (-1, 4)), np.reshape(b, (-1, 4))
    w = np.minimum(a[:, None, 2], b[None, :, 2]) - np.maximum(a[:, None, 0], b[None, :, 0])
    h = np.minimum(a[:, None, 3], b[None, :, 3]) - np.maximum(a[:, None, 1], b[None, :, 1])
    both = np.clip(w, 0, None) * np.clip(h, 0, None)
    area = lambda v: (v[:, 2] - v[:, 0]) * (v[:, 3] - v[:, 1])
    return both / np.maximum(area(a)[:, None] + area(b)[None] - both, 1e-12)


def nms(boxes, scores, classes, limit):
    order, keep = np.argsort(-scores, kind='stable'), []
    while len(order):
        i, order = order[0], order[1:]
        keep.append(i)
        order = order[~((iou(boxes[i], boxes[order])[0] > limit) & (classes[order] == classes[i]))]
    return np.array(keep, int)


def found(fit, boxes, scores, classes, limit=None, points=None, extra=None):
    """The list of objects, best first, in the picture's pixels."""
    boxes, scores, classes = np.reshape(boxes, (-1, 4)), np.asarray(scores), np.asarray(classes, int)
    keep = nms(boxes, scores, classes, limit) if limit is not None else np.argsort(-scores, kind='stable')
    out = []
    for i in keep:
        box = fit.back(boxes[i].reshape(2, 2))
        o = {'box': np.clip(box, 0, fit.size).ravel(), 'score': float(scores[i]), 'index': int(classes[i])}
        if points is not None:
            p = np.asarray(points[i], np.float64)
            o['points'] = np.concatenate([fit.back(p[:, :2]), p[:, 2:3]], 1)
        if extra is not None: o['extra'] = extra[i]
        out.append(o)
    return out


def corners(xywh):
    x, y, w, h = np.moveaxis(np.asarray(xywh, np.float64), -1, 0)
    return np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], -1)


# -- YOLO --

def yolov8(o, fit, size, least=.25):
    y = o[0][0].T
    best = y[:, 4:].argmax(1)
    score = y[np.arange(len(y)), 4 + best]
    ok = score >= least
    return found(fit, corners(y[ok, :4]), score[ok], best[ok], .45)


def yolov5(o, fit, size, least=.25):
    y = o[0][0]
    y = y[y[:, 4] >= least]
    prob = y[:, 5:] * y[:, 4:5]
    best = prob.argmax(1)
    score = prob.max(1)
    ok = score >= least
    return found(fit, corners(y[ok, :4]), score[ok], best[ok], .45)


def yolox(o, fit, size, least=.25):
    y, cells = o[0][0].astype(np.float64), []
    for stride in (8, 16, 32):
        for gy in range(size[1] // stride):
            for gx in range(size[0] // stride): cells.append((gx, gy, stride))
    cells = np.array(cells, np.float64)
    box = np.concatenate([(y[:, :2] + cells[:, :2]) * cells[:, 2:], np.exp(y[:, 2:4]) * cells[:, 2:]], 1)
    prob = y[:, 4:5] * y[:, 5:]
    best, score = prob.argmax(1), prob.max(1)
    ok = score >= least
    return found(fit, corners(box[ok]), score[ok], best[ok], .45)


def yolo26(o, fit, size, least=.25):
    y = o[0][0]
    y = y[y[:, 4] >= least]
    return found(fit, y[:, :4].astype(np.float64), y[:, 4], y[:, 5].round().astype(int))


def yolo_pose(o, fit, size, least=.25):
    y = o[0][0].T
    y = y[y[:, 4] >= least]
    return found(fit, corners(y[:, :4]), y[:, 4], np.zeros(len(y), int), .45, points=y[:, 5:].reshape(-1, 17, 3))


def yolo_seg(o, fit, size, least=.25):
    det, proto = (o[0], o[1]) if o[0].ndim == 3 else (o[1], o[0])
    y = det[0].T
    n = y.shape[1] - 4 - 32
    best, score = y[:, 4:4 + n].argmax(1), y[:, 4:4 + n].max(1)
    ok = score >= least
    out = found(fit, corners(y[ok, :4]), score[ok], best[ok], .45, extra=y[ok, 4 + n:])
    w, h = fit.size
    for x in out:
        # The low mask, enlarged bilinearly to the input, the borders cut off, enlarged to the picture: in one step.
        m = sigmoid(np.tensordot(x['extra'].astype(np.float64), proto[0].astype(np.float64), 1))
        px, py = np.arange(w) + .5, np.arange(h) + .5
        u = (px * fit.scale[0] + fit.offset[0]) * m.shape[1] / size[0] - .5
        v = (py * fit.scale[1] + fit.offset[1]) * m.shape[0] / size[1] - .5
        full = bilinear(m, u, v) > .5
        l, t, r, b = x['box']
        inside = ((px > l) & (px < r))[None] & ((py > t) & (py < b))[:, None]
        x['mask'] = full & inside
    return out


def bilinear(m, u, v):
    """m at columns u and rows v, borders repeated."""
    u, v = np.clip(u, 0, m.shape[1] - 1), np.clip(v, 0, m.shape[0] - 1)
    x, y = np.minimum(u.astype(int), m.shape[1] - 2), np.minimum(v.astype(int), m.shape[0] - 2)
    fx, fy = (u - x)[None], (v - y)[:, None]
    top = m[y][:, x] * (1 - fx) + m[y][:, x + 1] * fx
    bottom = m[y + 1][:, x] * (1 - fx) + m[y + 1][:, x + 1] * fx
    return top * (1 - fy) + bottom * fy


# -- NanoDet, PicoDet: distributions over the distance to each side --

def gfl(o, fit, size, strides, least=.35, limit=.6):
    boxes, probs = [], []
    for stride in strides:
        n = -(-size[0] // stride) * -(-size[1] // stride)
        cls = next(x[0] for x in o if x.shape[1] == n and x.shape[2] != 32)
        dis = next(x[0] for x in o if x.shape[1] == n and x.shape[2] == 32)
        e = np.exp(dis.astype(np.float64).reshape(n, 4, 8))
        side = (e / e.sum(2, keepdims=True)) @ np.arange(8.) * stride
        i = np.arange(n)
        cx, cy = (i % (size[0] // stride) + .5) * stride, (i // (size[0] // stride) + .5) * stride
        boxes.append(np.stack([cx - side[:, 0], cy - side[:, 1], cx + side[:, 2], cy + side[:, 3]], 1))
        probs.append(cls)
    boxes, probs = np.concatenate(boxes), np.concatenate(probs)
    if probs.min() < -.01 or probs.max() > 1.01: probs = sigmoid(probs)
    best, score = probs.argmax(1), probs.max(1)
    ok = score >= least
    return found(fit, boxes[ok], score[ok], best[ok], limit)


def nanodet(o, fit, size): return gfl(o, fit, size, (8, 16, 32))


def picodet(o, fit, size): return gfl(o, fit, size, (8, 16, 32, 64))


# -- SSD --

def ssd(o, fit, size, anchors, least=.4):
    box, cls = (o[0][0], o[1][0]) if o[0].shape[2] == 4 else (o[1][0], o[0][0])
    a, v = anchors.astype(np.float64), box.astype(np.float64)
    cy, cx = a[:, 0] + v[:, 0] / 10 * a[:, 2], a[:, 1] + v[:, 1] / 10 * a[:, 3]
    h, w = np.exp(v[:, 2] / 5) * a[:, 2], np.exp(v[:, 3] / 5) * a[:, 3]
    p = cls[:, 1:]
    if p.min() < -.01 or p.max() > 1.01: p = sigmoid(p)
    best, score = p.argmax(1), p.max(1)
    ok = score >= least
    xyxy = corners(np.stack([cx * size[0], cy * size[1], w * size[0], h * size[1]], 1))
    return found(fit, xyxy[ok], score[ok], best[ok], .6)


def ssd_person(o, fit, size, anchors, least=.4):
    cls, box = (o[0][0], o[1][0]) if o[1].shape[2] == 4 else (o[1][0], o[0][0])
    a = anchors.astype(np.float64)
    aw, ah = a[:, 2] - a[:, 0], a[:, 3] - a[:, 1]
    xyxy = (a + box * np.stack([aw, ah, aw, ah], 1)) * np.array([size[0], size[1]] * 2)
    score = cls[:, 1]
    ok = score >= least
    return found(fit, xyxy[ok], score[ok], np.zeros(ok.sum(), int), .5)


# -- faces --

def ultraface_priors(size):
    out = []
    for stride, sizes in ((8, (10, 16, 24)), (16, (32, 48)), (32, (64, 96)), (64, (128, 192, 256))):
        for y in range(-(-size[1] // stride)):
            for x in range(-(-size[0] // stride)):
                for s in sizes:
                    out.append(((x + .5) * stride / size[0], (y + .5) * stride / size[1], s / size[0], s / size[1]))
    return np.array(out)


def ultraface(o, fit, size, raw=False, least=.7):
    score, box = (o[0][0], o[1][0].astype(np.float64)) if o[0].shape[2] == 2 else (o[1][0], o[0][0].astype(np.float64))
    if raw:
        p = ultraface_priors(size)
        box = corners(np.concatenate([p[:, :2] + box[:, :2] * .1 * p[:, 2:], p[:, 2:] * np.exp(box[:, 2:] * .2)], 1))
    ok = score[:, 1] >= least
    return found(fit, box[ok] * np.array([size[0], size[1]] * 2), score[ok, 1], np.zeros(ok.sum(), int), .3)


def yunet(o, fit, size, least=.6):
    boxes, scores, points = [], [], []
    for s in (8, 16, 32):
        n = (size[0] // s) * (size[1] // s)
        one = [x[0, :, 0] for x in o if x.shape[1] == n and x.shape[2] == 1]
        b = next(x[0] for x in o if x.shape[1] == n and x.shape[2] == 4).astype(np.float64)
        k = next(x[0] for x in o if x.shape[1] == n and x.shape[2] == 10).astype(np.float64)
        g = np.stack([np.arange(n) % (size[0] // s), np.arange(n) // (size[0] // s)], 1)
        scores.append(np.sqrt(np.clip(one[0], 0, 1) * np.clip(one[1], 0, 1)))
        boxes.append(corners(np.concatenate([(g + b[:, :2]) * s, np.exp(b[:, 2:]) * s], 1)))
        p = (g[:, None] + k.reshape(n, 5, 2)) * s
        points.append(np.concatenate([p, np.ones((n, 5, 1))], 2))
    boxes, scores, points = np.concatenate(boxes), np.concatenate(scores), np.concatenate(points)
    ok = scores >= least
    return found(fit, boxes[ok], scores[ok], np.zeros(ok.sum(), int), .3, points=points[ok])


def scrfd(o, fit, size, least=.5):
    boxes, scores, points = [], [], []
    for s in (8, 16, 32):
        w, h = size[0] // s, size[1] // s
        n = w * h * 2
        pick = lambda c: next(x[0] for x in o if x.shape[1] == n and x.shape[2] == c).astype(np.float64)
        c = np.repeat(np.stack([np.arange(w * h) % w, np.arange(w * h) // w], 1) * s, 2, axis=0)
        d, k = pick(4) * s, pick(10).reshape(n, 5, 2) * s
        scores.append(pick(1)[:, 0])
        boxes.append(np.concatenate([c - d[:, :2], c + d[:, 2:]], 1))
        points.append(np.concatenate([c[:, None] + k, np.ones((n, 5, 1))], 2))
    boxes, scores, points = np.concatenate(boxes), np.concatenate(scores), np.concatenate(points)
    ok = scores >= least
    return found(fit, boxes[ok], scores[ok], np.zeros(ok.sum(), int), .4, points=points[ok])


# -- MediaPipe --

def mediapipe(o, fit, size, n_points, least, strides=(8, 16, 16, 16), limit=.3):
    box, score = (o[0][0], o[1][0]) if o[0].shape[2] > 1 else (o[1][0], o[0][0])
    box, score = box.astype(np.float64), score[:, 0]
    if score.min() < -.01 or score.max() > 1.01: score = sigmoid(np.clip(score, -100, 100))
    at, i = [], 0
    while i < len(strides):  # SsdAnchorsCalculator: layers of one stride share their cells
        same = sum(s == strides[i] for s in strides[i:])
        w, h = -(-size[0] // strides[i]), -(-size[1] // strides[i])
        at += [((x + .5) / w * size[0], (y + .5) / h * size[1]) for y in range(h) for x in range(w) for _ in range(2 * same)]
        i += same
    at = np.array(at)
    assert len(at) == len(box)
    xywh = np.concatenate([box[:, :2] + at, box[:, 2:4]], 1)
    p = box[:, 4:].reshape(-1, n_points, 2) + at[:, None]
    p = np.concatenate([p, np.ones(p.shape[:2] + (1,))], 2)
    ok = score >= least
    return found(fit, corners(xywh[ok]), score[ok], np.zeros(ok.sum(), int), limit, points=p[ok])


def palm(o, fit, size): return mediapipe(o, fit, size, 7, .5)


def blazeface(o, fit, size): return mediapipe(o, fit, size, 6, .6)


def hand(o, fit, size, least=.5):
    marks = next(x for x in o if x.size == 63)[0].reshape(21, 3).astype(np.float64)
    score, side = [float(x.ravel()[0]) for x in o if x.size == 1]
    if score < least: return []
    box = np.concatenate([marks[:, :2].min(0), marks[:, :2].max(0)])
    points = np.concatenate([marks[:, :2], np.full((21, 1), score)], 1)
    return found(fit, [box], [score], [side >= .5], points=[points])


# -- poses --

def of_points(fit, people, visible):
    """people: (score, points[17, 3] in the input's pixels)."""
    out = []
    for score, p in sorted(people, key=lambda x: -x[0]):
        seen = p[p[:, 2] >= visible] if (p[:, 2] >= visible).any() else p
        box = np.concatenate([seen[:, :2].min(0), seen[:, :2].max(0)])
        out += found(fit, [box], [score], [0], points=[p])
    return out


def movenet(o, fit, size, least=.2):
    center, heat, way, off = [x[0].astype(np.float64) for x in o]
    h, w = center.shape[1:]
    gy, gx = np.mgrid[:h, :w]
    cy, cx = np.unravel_index(center[0].argmax(), (h, w))
    points = []
    for k in range(17):
        y, x = cy + way[2 * k, cy, cx], cx + way[2 * k + 1, cy, cx]
        near = heat[k] / (np.hypot(gy - y, gx - x) + 1.8)
        j, i = np.unravel_index(near.argmax(), (h, w))
        points.append(((i + off[2 * k + 1, j, i]) * size[0] / w, (j + off[2 * k, j, i]) * size[1] / h, heat[k, j, i]))
    points = np.array(points)
    score = points[:, 2].mean()
    return of_points(fit, [(score, points)], .3) if score >= least else []


TREE = [('nose', 'leye'), ('leye', 'lear'), ('nose', 'reye'), ('reye', 'rear'), ('nose', 'lsho'), ('lsho', 'lelb'),
        ('lelb', 'lwri'), ('lsho', 'lhip'), ('lhip', 'lkne'), ('lkne', 'lank'), ('nose', 'rsho'), ('rsho', 'relb'),
        ('relb', 'rwri'), ('rsho', 'rhip'), ('rhip', 'rkne'), ('rkne', 'rank')]
NAMES = ['nose', 'leye', 'reye', 'lear', 'rear', 'lsho', 'rsho', 'lelb', 'relb', 'lwri', 'rwri', 'lhip', 'rhip', 'lkne', 'rkne',
         'lank', 'rank']


def posenet(o, fit, size, least=.25, radius=20, steps=2, most=10):
    heat = next(x[0] for x in o if x.shape[1] == 17).astype(np.float64)
    near = next(x[0] for x in o if x.shape[1] == 34).astype(np.float64)
    far = next(x[0] for x in o if x.shape[1] == 64).astype(np.float64)
    h, w = heat.shape[1:]
    stride = 16.0
    at = lambda plane, x, y: bilinear(plane, np.array([x]), np.array([y]))[0, 0]
    hold = lambda v, n: min(max(v, 0.0), n - 1.0)

    def shift(x, y, py, px):
        dx, dy = at(px, x, y) / stride, at(py, x, y) / stride
        return hold(x + dx, w), hold(y + dy, h)

    ways = {k: [] for k in range(17)}  # from a keypoint: to which, by which planes
    for e, (a, b) in enumerate(TREE):
        a, b = NAMES.index(a), NAMES.index(b)
        ways[a].append((b, far[e], far[16 + e]))
        ways[b].append((a, far[32 + e], far[48 + e]))
    roots = []
    for y in range(h):
        for x in range(w):
            for k in range(17):
                v = heat[k, y, x]
                if sigmoid(v) >= least and v >= heat[k, max(0, y - 1):y + 2, max(0, x - 1):x + 2].max():
                    roots.append((-v, len(roots), k, *shift(float(x), float(y), near[k], near[17 + k])))
    people = []
    for _, _, k, x, y in sorted(roots):
        if len(people) == most: break
        if any(np.hypot(*(p[k, :2] - (x, y))) * stride <= radius for p in people): continue
        pose, heap = np.full((17, 3), np.nan), [(-at(heat[k], x, y), k, x, y)]
        while heap:
            v, k2, x, y = heapq.heappop(heap)
            if not np.isnan(pose[k2, 0]): continue
            pose[k2] = x, y, sigmoid(-v)
            for to, py, px in ways[k2]:
                if not np.isnan(pose[to, 0]): continue
                a, b = shift(x, y, py, px)
                for _ in range(steps): a, b = shift(a, b, near[to], near[17 + to])
                heapq.heappush(heap, (-at(heat[to], a, b), to, a, b))
        if pose[:, 2].mean() >= least: people.append(pose)
    people.sort(key=lambda p: -p[:, 2].mean())
    out = []
    for i, p in enumerate(people):
        hidden = [any(np.hypot(*(q[k, :2] - p[k, :2])) * stride <= radius for q in people[:i]) for k in range(17)]
        score = (p[:, 2] * ~np.array(hidden)).sum() / 17
        if score >= least: out.append((score, p * (stride, stride, 1)))
    return of_points(fit, out, .5)


# -- pixels --

def classes_of_pixels(o, fit, size):
    """The class of each pixel of the picture: that of the output's pixel it falls into."""
    y = o[0][0].argmax(0)
    w, h = fit.size
    sx, sy = y.shape[1] / size[0], y.shape[0] / size[1]
    u = np.clip((((np.arange(w) + .5) * fit.scale[0] + fit.offset[0]) * sx).astype(int), 0, y.shape[1] - 1)
    v = np.clip((((np.arange(h) + .5) * fit.scale[1] + fit.offset[1]) * sy).astype(int), 0, y.shape[0] - 1)
    return y[v][:, u]
