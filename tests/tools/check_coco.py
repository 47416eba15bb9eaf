#!/usr/bin/env python3
"""check_coco.py PROGRAM STORED.json [--store]: average_precision against pycocotools on generated ground truth and detections,
boxes and keypoints. Where pycocotools is not installed its results stand in STORED.json; --store writes them."""
import contextlib, io, json, os, random, subprocess, sys, tempfile

CASES = 24


def box_near(r, b, by):
    return [b[0] + r.gauss(0, by) * b[2], b[1] + r.gauss(0, by) * b[3], b[2] * max(.1, 1 + r.gauss(0, by)),
            b[3] * max(.1, 1 + r.gauss(0, by))]


def case(seed):
    """Ground truth with crowds, classes that never occur, pictures without objects and ids out of order; detections that are
    near, far, doubled, too many, and equal in score."""
    r = random.Random(seed)
    people, whole = seed % 2, seed % 3 == 0
    ids = r.sample(range(1, 1000), 6)
    categories = [{'id': 1, 'name': 'person'}] if people else [{'id': i, 'name': f'c{i}'} for i in r.sample(range(1, 90), 4)]
    truth, found = [], []
    number = (lambda v: float(round(v))) if whole else (lambda v: round(v, 3))
    points = lambda b: [[number(b[0] + r.random() * b[2]), number(b[1] + r.random() * b[3]), r.choice([0, 1, 2, 2])] for _ in range(17)]
    for image in ids[:-1]:
        for _ in range(r.choice([0, 1, 4, 12])):
            b = [number(v) for v in (r.random() * 400, r.random() * 300, 8 + r.random() * 200, 8 + r.random() * 150)]
            crowd = int(r.random() < .12)
            p = points(b)
            if crowd or r.random() < .1: p = [[0, 0, 0]] * 17
            a = {'id': len(truth) + 1, 'image_id': image, 'category_id': r.choice(categories[:3])['id'], 'bbox': b,
                 'area': number(b[2] * b[3] * (.4 + .5 * r.random())), 'iscrowd': crowd}
            if people: a.update(keypoints=sum(p, []), num_keypoints=sum(v[2] > 0 for v in p))
            truth.append(a)
            for _ in range(r.choice([0, 1, 1, 2, 30 if seed % 5 == 0 else 3])):
                near = r.choice([0, .02, .08, .3])
                d = {'image_id': image, 'category_id': a['category_id'] if r.random() < .9 else r.choice(categories)['id'],
                     'bbox': [number(v) for v in box_near(r, b, near)], 'score': round(r.random(), 1 if seed % 4 == 0 else 4)}
                d['bbox'][2:] = [max(1.0, v) for v in d['bbox'][2:]]
                if people:
                    d['keypoints'] = sum([[number(x + r.gauss(0, near) * b[2] * .3), number(y + r.gauss(0, near) * b[3] * .3), 1]
                                          for x, y, _ in p], [])
                found.append(d)
    for _ in range(r.choice([0, 5, 150])):
        b = [number(v) for v in (r.random() * 400, r.random() * 300, 8 + r.random() * 200, 8 + r.random() * 150)]
        d = {'image_id': r.choice(ids), 'category_id': r.choice(categories)['id'], 'bbox': b, 'score': round(r.random(), 3)}
        if people: d['keypoints'] = sum([v[:2] + [1] for v in points(b)], [])
        found.append(d)
    images = [{'id': i, 'file_name': f'{i}.png', 'width': 640, 'height': 480} for i in ids]
    return {'images': images, 'categories': categories, 'annotations': truth}, found


def reference(truth_file, found_file, people):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval
    out = []
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(truth_file)
        found = truth.loadRes(found_file)
        for kind in ('bbox', 'keypoints'):
            if kind == 'keypoints' and not people:
                out += [0.0, 0.0]
                continue
            e = COCOeval(truth, found, kind)
            e.evaluate()
            e.accumulate()
            e.summarize()
            out += [max(0.0, float(e.stats[1])), max(0.0, float(e.stats[0]))]
    return out


def main():
    program, stored_file = sys.argv[1], sys.argv[2]
    try: import pycocotools.coco  # noqa: F401
    except ImportError: stored = json.load(open(stored_file))
    else: stored = None
    bad, kept = 0, {}
    with tempfile.TemporaryDirectory() as work:
        for seed in range(CASES):
            truth, found = case(seed)
            a, b = os.path.join(work, 'truth.json'), os.path.join(work, 'found.json')
            with open(a, 'w') as f: json.dump(truth, f)
            with open(b, 'w') as f: json.dump(found, f)
            if not found: continue
            want = stored[str(seed)] if stored else reference(a, b, seed % 2)
            kept[str(seed)] = [round(v, 9) for v in want]
            got = [float(v) for v in subprocess.run([program, a, b], stdout=subprocess.PIPE, check=True, text=True).stdout.split()]
            if not seed % 2: got[2:] = [0.0, 0.0]
            if max(abs(x - y) for x, y in zip(got, want)) > 1e-6:
                bad += 1
                print(f'FAILED: case {seed}: {got}, pycocotools has {want}')
    print(f'{len(kept)} cases against {"stored results of " if stored else ""}pycocotools, {bad} differ')
    if '--store' in sys.argv and not stored: json.dump(kept, open(stored_file, 'w'), indent=0)
    sys.exit(1 if bad else 0)


if __name__ == '__main__': main()
