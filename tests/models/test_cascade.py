#!/usr/bin/env python3
"""test_cascade.py TOOLS CACHE: cascades of real models: palms and hands, persons and poses, objects and classes."""
import json, math, os, subprocess, sys, tempfile

from shared import ROOT, SHARED, skip, unpacked

DATA = os.path.join(SHARED, 'data')
# name: folder, family, calibration pictures, how many
MODELS = {'palm_detection_192': ('pose', 'palm', 'hands', 8), 'hand_landmark_224': ('pose', 'hand_landmark', 'hands', 8),
          'yolov8n_640': ('detect', 'yolov8', 'coco128', 8), 'yolov8n-pose_640_dq': ('pose', 'yolov8_pose', 'pose_coco', 4),
          'mobilenetv2-7': ('classify', 'classifier', 'imagenet250', 32)}
PERSON_POSE = {'name': 'person_pose', 'stages': [
    {'name': 'detector', 'model': 'yolov8n_640'},
    {'name': 'pose', 'model': 'yolov8n-pose_640_dq', 'nms': {'iou_threshold': 0.45},
     'regions': {'labels': ['0', 'person'], 'min_score': 0.4, 'max': 6, 'scale': 1.1}}]}
OBJECT_CLASS = {'name': 'object_class', 'stages': [
    {'name': 'detector', 'model': 'yolov8n_640'},
    {'name': 'class', 'model': 'mobilenetv2-7', 'regions': {'min_score': 0.3, 'max': 10, 'fit': 'stretch'}}]}
BUSES = {654, 734, 779, 874, 705, 829}  # minibus, police van, school bus, trolleybus, passenger car, streetcar


def tool(*command):
    r = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if r.returncode: raise SystemExit(f'{" ".join(map(str, command))}: exit code {r.returncode}\n{r.stderr[-2000:]}')
    return r.stdout


def axrun(tools, descriptor, *inputs):
    if isinstance(descriptor, dict):
        path = descriptor['name'] + '.json'
        with open(path, 'w') as f: json.dump(descriptor, f)
        descriptor = path
    results = json.loads(tool(os.path.join(tools, 'axrun'), descriptor, *inputs, '--json'))['results']
    return {os.path.basename(r['input']): r['int8']['objects'] for r in results}


def overlap(a, b):
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(w, 0) * max(h, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def truths():
    """Labelled hands: file: (keypoints, longer side of the box)."""
    out = {}
    for name in ('test_onehand10k.json', 'test_freihand.json'):
        d = json.load(open(os.path.join(DATA, 'hands', name)))
        files = {i['id']: os.path.basename(i['file_name']) for i in d['images']}
        for a in d['annotations']:
            k = a['keypoints']
            points = [(k[i], k[i + 1], k[i + 2]) for i in range(0, len(k), 3)]
            seen = [p for p in points if p[2] > 0]
            side = max(max(p[0] for p in seen) - min(p[0] for p in seen), max(p[1] for p in seen) - min(p[1] for p in seen))
            out.setdefault(files[a['image_id']], []).append((points, side))
    return out


def hands(tools):
    """Of the pictures where a palm was found, the landmarks lie on the hand, whatever its direction."""
    found = axrun(tools, os.path.join(ROOT, 'models', 'cascades', 'palm_hand.json'), os.path.join(DATA, 'hands'))
    errors, turned = [], 0
    for name, labelled in truths().items():
        hands = [(o, h) for o in found.get(name, []) for h in o.get('stages', {}).get('hand', {}).get('objects', [])]
        for palm, hand in hands[:1]:
            points, side = labelled[0]
            d = [math.dist(p[:2], q[:2]) / side for p, q in zip(hand['keypoints'], points) if q[2] > 0]
            errors.append((sum(d) / len(d), name))
            wrist, finger = palm['keypoints'][0], palm['keypoints'][2]
            turned += abs(wrist[0] - finger[0]) > abs(wrist[1] - finger[1])
    print('hands: error as a share of the hand:', ', '.join(f'{name} {e:.3f}' for e, name in errors), f'; {turned} lie sideways')
    assert len(errors) >= 4 and sorted(errors)[len(errors) // 2][0] < 0.16, errors
    return len(errors)


def poses(tools):
    found = axrun(tools, PERSON_POSE, os.path.join(DATA, 'photos'), os.path.join(DATA, 'pose_coco'))
    persons = good = 0
    for name, objects in found.items():
        inner = [n for o in objects if 'stages' in o for n in o['stages']['pose']['objects']]
        for o in objects:
            if 'stages' not in o: continue
            assert o['index'] == 0 and o['score'] >= 0.4, o
            persons += 1
            best = max(inner, key=lambda n: overlap(n['box'], o['box']), default=None)
            if not best or overlap(best['box'], o['box']) < 0.6: continue
            x0, y0, x1, y1 = o['box']
            w, h = x1 - x0, y1 - y0
            seen = [p for p in best['keypoints'] if p[2] > 0.5]
            good += bool(seen) and all(x0 - w / 4 < p[0] < x1 + w / 4 and y0 - h / 4 < p[1] < y1 + h / 4 for p in seen)
        for i, a in enumerate(inner):
            assert all(overlap(a['box'], b['box']) <= 0.45 for b in inner[:i]), (name, a)
    print(f'poses: {good} of {persons} persons have keypoints of their own')
    assert persons >= 8 and good >= 0.75 * persons


def classes(tools):
    found = axrun(tools, OBJECT_CLASS, os.path.join(DATA, 'photos', 'bus.jpg'), '--top_k', 5)['bus.jpg']
    bus = [o for o in found if o['index'] == 5]
    best = [c['index'] for o in bus for c in o['stages']['class']['classes']]
    print('classes of the bus:', best)
    assert len(bus) == 1 and BUSES & set(best)


def main():
    tools, cache = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    if not os.path.isdir(DATA): skip('the real models are not here (../shared/models)')
    os.makedirs(cache, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        os.environ['AXON_LEASE_DIR'] = os.path.join(work, 'leases')
        os.chdir(work)
        for name, (folder, family, calib, count) in MODELS.items():
            tool(os.path.join(tools, 'axcompile'), unpacked(folder, name, cache), '--family', family,
                 '--calib', os.path.join(DATA, calib), '-n', count)
        hands(tools)
        poses(tools)
        classes(tools)
    print('all passed')


main()
