#!/usr/bin/env python3
"""test_detect.py TOOLS CACHE [--all] [--pictures N] [--save DIR] [--jpeg] [NAME...]: detectors, poses, masks and faces as axrun
finds them against onnxruntime with the decoding of detect_refs.py, on real pictures. Both get the pictures as PNG: decoders of JPEG
round some pixels differently, which moves a score by up to 0.02; --jpeg leaves them as they are.

The float pipe: the same objects, boxes with IoU > 0.95, scores within 0.01, keypoints within 1 % of the box's diagonal (at least
one pixel), masks with IoU > 0.95. An object within 0.01 of the threshold may be missing on either side.
The int8 pipe: each object that is 0.2 or more above the threshold in one pipe is there in the other: the same class and a box of
IoU > 0.6. One in twenty may be missing on either side, and at least one: two candidates of a crowd may swap, or one fall below the threshold."""
import argparse, functools, glob, json, os, shutil, subprocess, sys, tempfile, time

try: import zoo
except ImportError as e:  # numpy
    print('skipped:', e)
    sys.exit(77)

COCO = [os.path.join('photos', n) for n in ('bus.jpg', 'zidane.jpg')]
# Not here: yolov8n_320_qdq_int8, whose own int8 output knows the scores 0 and 1.66 only;
# yolov8n_640_dynamic_int8, whose rounding of activations is undone by the import; deimv2, whose GridSample is not known.
# name: family, input size, pictures, calibration pictures, reference, arguments of prepare()
YOLO = dict(how='letterbox')
TF = dict(how='stretch', scale=1 / 127.5, mean=1)
MODELS = {
    'yolov8n_640': ('detect', 'yolov8', (640, 640), 'coco', 'yolov8', YOLO),
    'yolov8s_640': ('detect', 'yolov8', (640, 640), 'coco', 'yolov8', YOLO),
    'yolo11n_320_dq': ('detect', 'yolo11', (320, 320), 'coco', 'yolov8', YOLO),
    'yolo26n_640_dq': ('detect', 'yolo26', (640, 640), 'coco', 'yolo26', YOLO),
    'yolov5n_640': ('detect', 'yolov5', (640, 640), 'coco', 'yolov5', YOLO),
    'yolox_nano_416': ('detect', 'yolox', (416, 416), 'coco', 'yolox', dict(how='letterbox', scale=1, bgr=True, top_left=True)),
    'nanodet_m_320': ('detect', 'nanodet', (320, 320), 'coco', 'nanodet',
                      dict(how='stretch', scale=1, bgr=True, mean=(103.53, 116.28, 123.675), std=(57.375, 57.12, 58.395))),
    'picodet_s_320': ('detect', 'picodet', (320, 320), 'coco', 'picodet',
                      dict(how='stretch', mean=(.485, .456, .406), std=(.229, .224, .225))),
    'ssd_mobilenet_v1_coco_300_dq': ('detect', 'ssd_mobilenet', (300, 300), 'coco', 'ssd', TF),
    'ssd_mbv1_025_fpn_person_256_dq': ('detect', 'ssd_person', (256, 256), 'coco', 'ssd_person', TF),
    'ultraface_RFB-320': ('detect', 'ultraface', (320, 240), 'faces', 'ultraface', dict(how='stretch', scale=1, mean=127, std=128)),
    'ultraface_RFB-320_simplified': ('detect', 'ultraface', (320, 240), 'faces', 'ultraface_raw',
                                     dict(how='stretch', scale=1, mean=127, std=128)),
    'yunet_n_320': ('detect', 'yunet', (320, 320), 'faces', 'yunet',
                    dict(how='letterbox', scale=1, bgr=True, fill=0, top_left=True)),
    'scrfd_500m_bnkps_640': ('detect', 'scrfd', (640, 640), 'faces', 'scrfd',
                             dict(how='letterbox', scale=1, mean=127.5, std=128, fill=0, top_left=True)),
    'blazeface_128': ('detect', 'blazeface', (128, 128), 'faces', 'blazeface',
                      dict(how='letterbox', scale=1 / 127.5, mean=1, fill=0)),
    'yolov8n-pose_640_dq': ('pose', 'yolov8_pose', (640, 640), 'persons', 'yolo_pose', YOLO),
    'movenet_lightning_192_dq': ('pose', 'movenet', (192, 192), 'persons', 'movenet', dict(how='letterbox', scale=1, fill=0)),
    'posenet_mbv1_075_353x481_dq': ('pose', 'posenet', (481, 353), 'persons', 'posenet',
                                    dict(how='letterbox', scale=1 / 127.5, mean=1, fill=127)),
    'palm_detection_192': ('pose', 'palm', (192, 192), 'hands', 'palm', dict(how='letterbox', nhwc=True, fill=0)),
    'hand_landmark_224': ('pose', 'hand_landmark', (224, 224), 'hands', 'hand', dict(how='letterbox', nhwc=True, fill=0)),
    'yolov8n-seg_320': ('other', 'yolov8_seg', (320, 320), 'coco', 'yolo_seg', YOLO),
    'deeplabv3_mnv2_pascal_513_dq': ('other', 'deeplabv3', (513, 513), 'coco', 'classes_of_pixels', TF),
}
# One of each kind of decoder that is quick to compile: what the build's own test runs.
SOME = ['yolo11n_320_dq', 'yolox_nano_416', 'nanodet_m_320', 'ssd_mbv1_025_fpn_person_256_dq', 'ultraface_RFB-320_simplified',
        'yunet_n_320', 'blazeface_128', 'movenet_lightning_192_dq', 'posenet_mbv1_075_353x481_dq', 'palm_detection_192',
        'hand_landmark_224', 'yolov8n-seg_320']
# Families that axcompile recognizes.
CERTAIN = {m[1] for m in MODELS.values()} - {'yolo11', 'ssd_mobilenet', 'ssd_person', 'deeplabv3'}
MARGIN, WELL_ABOVE, INT8_IOU = 0.01, 0.2, 0.6


def pictures(kind):
    data = os.path.join(zoo.SHARED, 'data')
    if kind == 'coco': return [os.path.join(data, p) for p in COCO] + sorted(glob.glob(data + '/coco128/images/*/*.jpg') or
                                                                            glob.glob(data + '/coco128/images/*.jpg'))
    if kind == 'persons': return sorted(glob.glob(data + '/pose_coco/*.jpg')) + [os.path.join(data, COCO[1])]
    files = sorted(glob.glob(f'{data}/{kind}/*.jpg'))
    return files[4:] + files[:4]  # of hands those first that were taken from near


def compile_model(tools, work, name, cache, samples):
    folder, family, _, kind, _, _ = MODELS[name]
    zoo.CORE[name] = folder
    path = zoo.path_of(name, cache)
    calib, out = os.path.join(work, 'calib'), os.path.join(work, name)
    os.makedirs(calib)
    more = pictures(kind)
    for p in (more[2:] + more[:2])[:samples]: shutil.copy(p, calib)
    zoo.tool(tools, 'axcompile', path, *([] if family in CERTAIN else ['--family', family]), '--calib', calib, '-o', out)
    with open(os.path.join(out, 'model.json')) as f: recognized = json.load(f).get('family')
    if recognized != family: raise RuntimeError(f'the outputs were taken for those of {recognized}')
    anchors = os.path.join(zoo.SHARED, folder, name.replace('_dq', '') + '_anchors.npy')
    if os.path.exists(anchors): shutil.copy(anchors, os.path.join(out, 'anchors.npy'))
    return path, out, anchors


def threshold(artifact):
    with open(os.path.join(artifact, 'model.json')) as f: steps = json.load(f)['postprocessing']
    return next((s['confidence_threshold'] for s in steps if 'confidence_threshold' in s), 0)


def reference(name, anchors):
    import numpy as np
    import detect_refs as refs
    kind = MODELS[name][4]
    if kind.startswith('ssd'): return functools.partial(getattr(refs, kind), anchors=np.load(anchors))
    if kind == 'ultraface_raw': return functools.partial(refs.ultraface, raw=True)
    return getattr(refs, kind)


def mask_of(o, width, height):
    """axrun's mask of an object, in the picture."""
    import numpy as np
    m, (l, t, r, b) = o['mask'], o['box']
    flat = np.repeat(np.arange(len(m['counts'])) % 2, m['counts']).reshape(m['height'], m['width'])
    x, y = np.arange(width) + .5, np.arange(height) + .5
    u, v = np.floor((x - l) / (r - l) * m['width']).astype(int), np.floor((y - t) / (b - t) * m['height']).astype(int)
    ok = ((u >= 0) & (u < m['width']))[None] & ((v >= 0) & (v < m['height']))[:, None]
    return flat[np.clip(v, 0, m['height'] - 1)][:, np.clip(u, 0, m['width'] - 1)].astype(bool) & ok


def same_points(mine, ref, box):
    import numpy as np
    allowed = max(1.0, .01 * np.hypot(box[2] - box[0], box[3] - box[1]))
    far = np.hypot(mine[:, 0] - ref[:, 0], mine[:, 1] - ref[:, 1])
    seen = ref[:, 2] > .3  # where a keypoint is not in the picture its place means nothing
    return float((far[seen] / allowed).max(initial=0)), float(np.abs(mine[:, 2] - ref[:, 2])[seen].max(initial=0))


def compare_float(mine, ref, least, width, height, worst):
    """What is wrong; the largest deviations go into worst."""
    import numpy as np
    from detect_refs import iou
    wrong, used = [], set()
    for r in ref:
        same = [i for i, o in enumerate(mine) if o['index'] == r['index'] and i not in used]
        overlap = iou([r['box']], [mine[i]['box'] for i in same])[0] if same else []
        if not len(overlap) or overlap.max() <= .95:
            if r['score'] >= least + MARGIN:
                wrong.append(f'class {r["index"]} score {r["score"]:.3f} at {np.round(r["box"], 1)} is missing '
                             f'(best IoU {max(overlap, default=0):.3f})')
            continue
        i = same[int(overlap.argmax())]
        used.add(i)
        o = mine[i]
        worst['iou'] = min(worst['iou'], float(overlap.max()))
        worst['score'] = max(worst['score'], abs(o['score'] - r['score']))
        if abs(o['score'] - r['score']) > MARGIN: wrong.append(f'class {r["index"]}: score {o["score"]:.4f}, not {r["score"]:.4f}')
        if 'points' in r:
            far, off = same_points(np.array(o['keypoints']), r['points'], r['box'])
            worst['points'] = max(worst['points'], far)
            if far > 1 or off > MARGIN: wrong.append(f'class {r["index"]}: a keypoint is {far:.2f} of what is allowed away, scores {off:.4f}')
        if 'mask' in r and r['mask'].sum() > 100:
            m = mask_of(o, width, height)
            both = (m & r['mask']).sum() / max(1, (m | r['mask']).sum())
            worst['mask'] = min(worst['mask'], float(both))
            if both <= .95: wrong.append(f'class {r["index"]} score {r["score"]:.3f}: mask IoU {both:.3f}')
    for i, o in enumerate(mine):
        if i not in used and o['score'] >= least + MARGIN:
            wrong.append(f'class {o["index"]} score {o["score"]:.3f} at {np.round(o["box"], 1)} is not in the reference')
    return wrong


def count_found(a, b, least, any_class):
    """How many of a's objects well above the threshold there are, and how many of them b has."""
    from detect_refs import iou
    strong = [o for o in a if o['score'] >= least + WELL_ABOVE]
    have = 0
    for o in strong:
        same = [p['box'] for p in b if any_class or p['index'] == o['index']]
        have += bool(same) and iou([o['box']], same).max() > INT8_IOU
    return len(strong), have


def check_pixels(answer, ref, int8, worst):
    import numpy as np
    flat = lambda m: np.repeat(m['runs'][::2], m['runs'][1::2]).reshape(m['height'], m['width'])
    a, b = flat(answer['mask']), flat(int8['mask'])
    worst['mask'] = min(worst['mask'], float((a == ref).mean()))
    worst['int8'] = min(worst['int8'], float((a == b).mean()))
    wrong = [] if (a == ref).mean() > .99 else [f'{(a != ref).mean():.2%} of the pixels have another class']
    return wrong if (a == b).mean() > .9 else wrong + [f'int8: {(a != b).mean():.2%} of the pixels have another class']


def run(tools, args):
    r = subprocess.run([os.path.join(tools, 'axrun'), *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if r.returncode: raise RuntimeError(f'axrun: exit code {r.returncode}\n{r.stderr}')
    return json.loads(r.stdout)['results']


def as_png(file, folder):
    import detect_refs as refs
    os.makedirs(folder, exist_ok=True)
    out = os.path.join(folder, os.path.splitext(os.path.basename(file))[0] + '.png')
    refs.load(file).save(out, compress_level=1)
    return out


def check(tools, cache, name, n_pictures, save, jpeg):
    import detect_refs as refs
    work = tempfile.mkdtemp()
    try:
        began = time.time()
        path, artifact, anchors = compile_model(tools, work, name, cache, 16)
        compiled = time.time() - began
        files = pictures(MODELS[name][3])[:n_pictures]
        if not jpeg: files = [as_png(f, os.path.join(work, 'png')) for f in files]
        args = [artifact, *files, '--pipe', 'both', '--json'] + (['--save', os.path.join(save, name)] if save else [])
        results = run(tools, args)
        decode, session, least = reference(name, anchors), zoo.session(path), threshold(artifact)
        size, how = MODELS[name][2], MODELS[name][5]
        worst = {'iou': 1.0, 'score': 0.0, 'points': 0.0, 'mask': 1.0, 'int8': 1.0}
        wrong, n, asked, have = [], 0, [0, 0], [0, 0]  # float's in int8, int8's in float
        for file, result in zip(files, results):
            im = refs.load(file)
            x, fit = refs.prepare(im, size, **how)
            ref = decode(session.run(None, {session.get_inputs()[0].name: x}), fit, size)
            if MODELS[name][4] == 'classes_of_pixels':
                found = check_pixels(result['float'], ref, result['int8'], worst)
                n += 1
            else:
                mine, quantized = result['float'].get('objects', []), result['int8'].get('objects', [])
                n += len(ref)
                found = compare_float(mine, ref, least, *im.size, worst)
                for i, (a, b) in enumerate(((mine, quantized), (quantized, mine))):
                    strong, there = count_found(a, b, least, MODELS[name][4] == 'hand')  # left or right has a score of its own
                    asked[i], have[i] = asked[i] + strong, have[i] + there
            wrong += [f'{os.path.basename(file)}: {w}' for w in found]
        for i, what in enumerate(('float finds, int8 has', 'int8 finds, float has')):
            if asked[i] - have[i] > max(1, asked[i] // 20): wrong.append(f'of {asked[i]} objects that {what} {have[i]}')
        print(f'{name}: {len(files)} pictures, {n} objects; float: IoU >= {worst["iou"]:.4f}, scores within {worst["score"]:.4f}, '
              f'keypoints {worst["points"]:.2f} of what is allowed, masks {worst["mask"]:.4f}; int8: {have[0]} of {asked[0]}, {have[1]} of {asked[1]} '
              f'well above the threshold, pixels {worst["int8"]:.4f}; compiled in {compiled:.1f} s, {time.time() - began:.1f} s',
              flush=True)
        return wrong
    finally:
        shutil.rmtree(work)


def main():
    p = argparse.ArgumentParser()
    p.add_argument('tools')
    p.add_argument('cache')
    p.add_argument('names', nargs='*')
    p.add_argument('--all', action='store_true')
    p.add_argument('--pictures', type=int, default=4)
    p.add_argument('--save')
    p.add_argument('--jpeg', action='store_true')
    a = p.parse_intermixed_args()
    zoo.need_shared()
    failed = 0
    for name in a.names or (MODELS if a.all else SOME):
        try: wrong = check(a.tools, a.cache, name, a.pictures, a.save, a.jpeg)
        except Exception as x:
            import traceback
            wrong = [''.join(traceback.format_exception(x))]
        failed += bool(wrong)
        for w in wrong[:12]: print(f'{name}: FAILED: {w}', flush=True)
    sys.exit(1 if failed else 0)


if __name__ == '__main__': main()
