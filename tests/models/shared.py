"""Where the real models lie: in ../shared beside a developer's checkout, plain or packed. Without numpy or onnxruntime."""
import lzma, os, sys

SKIP = 77
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARED = os.path.join(os.path.dirname(ROOT), 'shared', 'models')


def skip(why):
    print('skipped:', why)
    sys.exit(SKIP)


def need_shared():
    if not os.path.isdir(SHARED): skip('the real models are not here (../shared/models)')


def unpacked(folder, name, cache):
    """The model in that folder of the shared ones, as it is or unpacked once into the cache."""
    plain = os.path.join(SHARED, folder, name + '.onnx')
    if os.path.exists(plain): return plain
    out = os.path.join(cache, name + '.onnx')
    if not os.path.exists(out):
        with open(out + '.part', 'wb') as f: f.write(lzma.open(plain + '.xz').read())
        os.rename(out + '.part', out)
    return out
