"""Where the real models lie and how each is fed: what the model tests share. Nothing of it ships: the models stand in ../shared
beside a developer's checkout, and tests that need them are skipped (exit code 77) where they are absent."""
import os, subprocess, sys

from shared import ROOT, SHARED, SKIP, need_shared, skip, unpacked  # noqa: F401


def use_test_python():
    """Runs the script again under the Python of build/test-venv (scripts/make-test-venv.sh) where this one lacks onnxruntime."""
    try: import numpy, onnx, onnxruntime  # noqa: F401
    except ImportError:
        python = os.path.join(ROOT, 'build', 'test-venv', 'bin', 'python')
        if not os.path.exists(python) or sys.prefix == os.path.join(ROOT, 'build', 'test-venv'):
            print('skipped: onnxruntime, onnx and numpy are not installed for', sys.executable)
            sys.exit(SKIP)
        sys.stdout.flush()
        os.execv(python, [python] + sys.argv)


use_test_python()
import numpy as np  # noqa: E402

SHIPPED = ['digits', 'shapes']

# name: (folder, symbolic or wrong input shapes to set)
CORE = {
    'squeezenet1.1': 'classify', 'mobilenetv2-7': 'classify', 'mobilenet_v1_0.25_224_bn': 'classify',
    'resnet20_cifar10': 'classify', 'resnet8_cifar10': 'classify', 'vww_mobilenet_v1_0.25_96': 'classify',
    'mnist-8': 'classify', 'yolov8n_640': 'detect', 'yolov5n_640': 'detect', 'yolox_nano_416': 'detect',
    'nanodet_m_320': 'detect', 'picodet_s_320': 'detect', 'ultraface_RFB-320': 'detect', 'yunet_n_320': 'detect',
    'scrfd_500m_bnkps_640': 'detect', 'yolov8n-pose_640_dq': 'pose', 'palm_detection_192': 'pose',
    'hand_landmark_224': 'pose', 'super_resolution_10': 'other',
}
ARCH = ['convnext_tiny', 'deeplabv3_mnv3', 'deit_tiny', 'densenet121', 'efficientnet_b0', 'fastvit_t8', 'inception_v3',
        'mobilenet_v2', 'mobilenet_v3_large', 'mobilenetv4_small', 'regnet_y_400mf', 'resnet18', 'resnet50',
        'shufflenet_v2_x1_0']


def at_hand(names):
    """Of the named models, those that are here: the shipped ones always, the others where ../shared/models is."""
    here = [n for n in names if n in SHIPPED or os.path.isdir(SHARED)]
    if not here: skip('the real models are not here (../shared/models)')
    return here


def path_of(name, cache):
    """The model as a plain .onnx file, unpacked into the cache once."""
    if name in SHIPPED: return os.path.join(ROOT, 'models', name, name + '.onnx')
    os.makedirs(cache, exist_ok=True)
    if name in ARCH:
        out = os.path.join(cache, name + '.onnx')
        if not os.path.exists(out):
            sys.path.insert(0, os.path.join(SHARED, 'arch'))
            import skel
            skel.fill(os.path.join(SHARED, 'arch', name + '.onnx.xz'), out + '.part')
            os.rename(out + '.part', out)
        return out
    return unpacked(CORE[name], name, cache)


def session(path):
    import onnxruntime
    o = onnxruntime.SessionOptions()
    o.log_severity_level = 4
    o.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    return onnxruntime.InferenceSession(path, o, providers=['CPUExecutionProvider'])


def feeds(path, count, seed=0):
    """Seeded inputs that look a little like pictures: smooth noise in the range that the model was trained on is not known
    here, so unit normal blobs; open dimensions are 1."""
    import onnx
    g = onnx.load(path, load_external_data=False).graph
    have = {i.name for i in g.initializer}
    r = np.random.default_rng(seed)
    out = {}
    for v in g.input:
        if v.name in have: continue
        dims = [d.dim_value if d.dim_value > 0 else 1 for d in v.type.tensor_type.shape.dim]
        x = r.standard_normal([count] + dims[1:], np.float32)
        for axis in range(2, x.ndim):
            if x.shape[axis] > 8: x = (x + np.roll(x, 1, axis) + np.roll(x, 2, axis)) / np.float32(1.7)
        out[v.name] = x
    return out


def run_ort(path, inputs):
    s = session(path)
    names = [o.name for o in s.get_outputs()]
    n = len(next(iter(inputs.values())))
    rows = [s.run(None, {k: v[i:i + 1] for k, v in inputs.items()}) for i in range(n)]
    return {k: np.stack([r[i] for r in rows]) for i, k in enumerate(names)}


def tool(tools, name, *args, env=None, ok=True):
    r = subprocess.run([os.path.join(tools, name), *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       env={**os.environ, **(env or {})})
    if ok and r.returncode: raise RuntimeError(f'{name} {" ".join(map(str, args))}: exit code {r.returncode}\n{r.stdout[-2000:]}')
    return r


def run_axon(tools, artifact, inputs, work, *args, env=None):
    a, b = os.path.join(work, 'in.npz'), os.path.join(work, 'out.npz')
    np.savez(a, **inputs)
    tool(tools, 'axrun', artifact, '--tensors', a, '--out', b, *args, env=env)
    with np.load(b) as z: return {k: z[k] for k in z.files}


def check_each(check):
    """The program TOOLS CACHE NAME...: check(tools, cache, name) says what is wrong, or None, for each model that is there."""
    tools, cache, names = sys.argv[1], sys.argv[2], at_hand(sys.argv[3:])
    failed = 0
    for n in names:
        try: why = check(tools, cache, n)
        except Exception as x: why = str(x)
        if why:
            print(f'{n}: FAILED: {why}', flush=True)
            failed += 1
    sys.exit(1 if failed else 0)
