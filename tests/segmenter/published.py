#!/usr/bin/env python3
"""Published speed-ups of several Edge TPUs over one, on simulated ones. A manual run: docs/simulation.md has its figures.

published.py BIN MODELS WORK      MODELS: unpacked ../shared/models; WORK: a folder to keep what is compiled

Architectures that are not among the models are built here with random weights; numbers do not enter the time."""
import json
import pathlib
import subprocess
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper

BIN, MODELS, WORK = (pathlib.Path(a).resolve() for a in sys.argv[1:4])
rng = np.random.default_rng(1)


class Net:
    """Layers one after another; shapes are tracked only as channels."""

    def __init__(self, name, channels, size):
        self.name, self.nodes, self.consts, self.n = name, [], [], 0
        self.inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, channels, size, size] if size else [1, channels])]
        self.start = ("x", channels)
        self.outputs = []

    def add(self, op, ins, channels, **attributes):
        self.n += 1
        out = f"t{self.n}"
        self.nodes.append(helper.make_node(op, ins, [out], name=f"{op.lower()}_{self.n}", **attributes))
        return out, channels

    def const(self, shape, scale):
        self.n += 1
        data = (rng.standard_normal(shape) * scale).astype(np.float32)
        self.consts.append(onnx.numpy_helper.from_array(data, f"w{self.n}"))
        return f"w{self.n}"

    def conv(self, x, m, k=(3, 3), s=1, same=True, groups=1, relu=True):
        k = (k, k) if isinstance(k, int) else k
        c = x[1] // groups
        ins = [x[0], self.const((m, c, *k), (2 / (c * k[0] * k[1])) ** 0.5), self.const((m,), 0.01)]
        pads = [(k[0] - 1) // 2, (k[1] - 1) // 2] * 2 if same else [0] * 4
        y = self.add("Conv", ins, m, kernel_shape=k, strides=[s, s], pads=pads, group=groups)
        return self.add("Relu", [y[0]], m) if relu else y

    def chain(self, x, *convs):
        for m, k in convs:
            x = self.conv(x, m, k)
        return x

    def pool(self, x, k, s, same, average):
        op = "AveragePool" if average else "MaxPool"
        return self.add(op, [x[0]], x[1], kernel_shape=[k, k], strides=[s, s], pads=[(k - 1) // 2 if same else 0] * 4)

    def concat(self, *xs):
        return self.add("Concat", [x[0] for x in xs], sum(x[1] for x in xs), axis=1)

    def dense(self, x, m, relu=True):
        y = self.add("Gemm", [x[0], self.const((x[1], m), (2 / x[1]) ** 0.5), self.const((m,), 0.01)], m)
        return self.add("Relu", [y[0]], m) if relu else y

    def classify(self, x, m):
        x = self.add("GlobalAveragePool", [x[0]], x[1])
        x = self.add("Flatten", [x[0]], x[1], axis=1)
        self.outputs.append(self.dense(x, m, relu=False)[0])

    def save(self, path):
        outs = [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in self.outputs]
        g = helper.make_graph(self.nodes, self.name, self.inputs, outs, self.consts)
        onnx.save(helper.make_model(g, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)


def inception_v4():
    n = Net("inception_v4", 3, 299)
    x = n.conv(n.conv(n.conv(n.start, 32, s=2, same=False), 32, same=False), 64)
    x = n.concat(n.pool(x, 3, 2, False, False), n.conv(x, 96, s=2, same=False))
    a = n.conv(n.conv(x, 64, 1), 96, same=False)
    b = n.conv(n.chain(x, (64, 1), (64, (1, 7)), (64, (7, 1))), 96, same=False)
    x = n.concat(a, b)
    x = n.concat(n.conv(x, 192, s=2, same=False), n.pool(x, 3, 2, False, False))
    for _ in range(4):
        x = n.concat(n.chain(n.pool(x, 3, 1, True, True), (96, 1)), n.chain(x, (96, 1)), n.chain(x, (64, 1), (96, 3)),
                     n.chain(x, (64, 1), (96, 3), (96, 3)))
    x = n.concat(n.pool(x, 3, 2, False, False), n.conv(x, 384, s=2, same=False),
                 n.conv(n.chain(x, (192, 1), (224, 3)), 256, s=2, same=False))
    for _ in range(7):
        x = n.concat(n.chain(n.pool(x, 3, 1, True, True), (128, 1)), n.chain(x, (384, 1)),
                     n.chain(x, (192, 1), (224, (1, 7)), (256, (7, 1))),
                     n.chain(x, (192, 1), (192, (1, 7)), (224, (7, 1)), (224, (1, 7)), (256, (7, 1))))
    x = n.concat(n.pool(x, 3, 2, False, False), n.conv(n.chain(x, (192, 1)), 192, s=2, same=False),
                 n.conv(n.chain(x, (256, 1), (256, (1, 7)), (320, (7, 1))), 320, s=2, same=False))
    for _ in range(3):
        a, b = n.chain(x, (384, 1)), n.chain(x, (384, 1), (448, (1, 3)), (512, (3, 1)))
        x = n.concat(n.chain(n.pool(x, 3, 1, True, True), (256, 1)), n.chain(x, (256, 1)), n.chain(a, (256, (1, 3))),
                     n.chain(a, (256, (3, 1))), n.chain(b, (256, (1, 3))), n.chain(b, (256, (3, 1))))
    n.classify(x, 1001)
    return n


def inception_v1():
    n = Net("inception_v1", 3, 224)
    x = n.pool(n.conv(n.start, 64, 7, s=2), 3, 2, True, False)
    x = n.pool(n.chain(x, (64, 1), (192, 3)), 3, 2, True, False)
    table = [(64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64), None, (192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64),
             (128, 128, 256, 24, 64, 64), (112, 144, 288, 32, 64, 64), (256, 160, 320, 32, 128, 128), None,
             (256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)]
    for t in table:
        if t is None:
            x = n.pool(x, 3, 2, True, False)
            continue
        x = n.concat(n.chain(x, (t[0], 1)), n.chain(x, (t[1], 1), (t[2], 3)), n.chain(x, (t[3], 1), (t[4], 3)),
                     n.chain(n.pool(x, 3, 1, True, False), (t[5], 1)))
    n.classify(x, 1001)
    return n


def mobilenet_v1_fpn_640():
    """SSD with MobileNet v1, a feature pyramid of 256 channels, and heads of four convolutions at each of five levels."""
    n = Net("ssd_mobilenet_v1_fpn_640", 3, 640)
    x, levels = n.conv(n.start, 32, s=2), []
    for m, s in [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)] + [(512, 1)] * 5 + [(1024, 2), (1024, 1)]:
        if s == 2 and m >= 512:
            levels.append(x)
        x = n.conv(n.conv(x, x[1], s=s, groups=x[1]), m, 1)
    levels.append(x)
    p5 = n.conv(levels[2], 256, 1, relu=False)

    def down(top, side):
        up = n.add("Resize", [top[0], "", "two"], 256, mode="nearest", coordinate_transformation_mode="asymmetric",
                   nearest_mode="floor")
        return n.add("Add", [up[0], n.conv(side, 256, 1, relu=False)[0]], 256)

    n.consts.append(onnx.numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "two"))
    p4 = down(p5, levels[1])
    p3 = down(p4, levels[0])
    p6 = n.conv(p5, 256, s=2)
    for p in (n.conv(p3, 256), n.conv(p4, 256), p5, p6, n.conv(p6, 256, s=2)):
        n.outputs.append(n.conv(n.chain(p, *[(256, 3)] * 4), 546, 3, relu=False)[0])
        n.outputs.append(n.conv(n.chain(p, *[(256, 3)] * 4), 24, 3, relu=False)[0])
    return n


def efficientnet_lite(n, width, depth):
    """The feature maps of strides 8, 16 and 32."""

    def wide(c):
        rounded = max(8, int(c * width + 4) // 8 * 8)
        return rounded + 8 if rounded < 0.9 * c * width else rounded

    x, levels = n.conv(n.start, 32, s=2), []
    for i, (count, k, s, factor, m) in enumerate([(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80),
                                                  (3, 5, 1, 6, 112), (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)]):
        for b in range(count if i in (0, 6) else int(np.ceil(count * depth))):
            s = 1 if b else s
            y = n.conv(x, x[1] * factor, 1) if factor > 1 else x
            y = n.conv(n.conv(y, y[1], k, s=s, groups=y[1]), wide(m), 1, relu=False)
            x = n.add("Add", [x[0], y[0]], y[1]) if s == 1 and x[1] == y[1] else y
        if i in (2, 4, 6):
            levels.append(x)
    return levels


def bifpn_cell(n, p, m, sizes, first):
    """Sums from the coarse maps down and up again, a separable convolution behind each; p: the maps of strides 8 to 128."""

    def narrow(x):
        return n.conv(x, m, 1, relu=False) if x[1] != m else x

    def up(x, size):
        n.consts.append(onnx.numpy_helper.from_array(np.array([1, m, size, size], np.int64), f"size{n.n}"))
        return n.add("Resize", [x[0], "", "", f"size{n.n}"], m, mode="nearest", coordinate_transformation_mode="asymmetric",
                     nearest_mode="floor")

    def fuse(*xs):
        y = xs[0]
        for x in xs[1:]:
            y = n.add("Add", [y[0], x[0]], m)
        y = n.add("Relu", [y[0]], m)
        return n.conv(n.conv(y, m, groups=m, relu=False), m, 1, relu=False)

    if first:
        p = p + [n.pool(narrow(p[2]), 3, 2, True, False)]
        p = p + [n.pool(p[3], 3, 2, True, False)]
    down = [None] * 4 + [p[4]]
    for i in (3, 2, 1, 0):
        down[i] = fuse(narrow(p[i]), up(down[i + 1], sizes[i]))
    out = down[:1]
    for i in (1, 2, 3, 4):
        below = n.pool(out[i - 1], 3, 2, True, False)
        out.append(fuse(narrow(p[i]), *([down[i]] if i < 4 else []), below))
    return out


def efficientdet_lite(name, width, depth, size, m, cells, repeats):
    """Without the boxes' decoding. The levels share the heads' weights but not their scales: a chip has them once for each."""
    n = Net(f"efficientdet_{name}", 3, size)
    p, sizes = efficientnet_lite(n, width, depth), [-(-size // s) for s in (8, 16, 32, 64, 128)]
    for i in range(cells):
        p = bifpn_cell(n, p, m, sizes, i == 0)
    for x in p:
        for channels in (810, 36):
            y = x
            for _ in range(repeats):
                y = n.conv(n.conv(y, m, groups=m, relu=False), m, 1)
            n.outputs.append(n.conv(n.conv(y, m, groups=m, relu=False), channels, 1, relu=False)[0])
    return n


def lite1():
    return efficientdet_lite("lite1", 1.0, 1.1, 384, 88, 4, 3)


def lite2():
    return efficientdet_lite("lite2", 1.1, 1.2, 448, 112, 5, 3)


def lite3():
    return efficientdet_lite("lite3", 1.2, 1.4, 512, 160, 6, 4)


def lite3x():
    return efficientdet_lite("lite3x", 1.2, 1.4, 640, 200, 6, 4)


def vgg16():
    n = Net("vgg16", 3, 224)
    x = n.start
    for m, count in [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]:
        for _ in range(count):
            x = n.conv(x, m)
        x = n.pool(x, 2, 2, False, False)
    x = n.add("Flatten", [x[0]], 512 * 49, axis=1)
    n.outputs.append(n.dense(n.dense(n.dense(x, 4096), 4096), 1000, relu=False)[0])
    return n


def dense_layers(width):
    """Five fully connected layers, as in arXiv 2503.01025."""
    n = Net(f"dense_{width}", 64, 0)
    x = n.start
    for _ in range(4):
        x = n.dense(x, width)
    n.outputs.append(n.dense(x, 10, relu=False)[0])
    return n


def conv_layers(filters):
    """Five convolutions on 64 x 64 x 3, as in arXiv 2503.01025; a mean behind them, so that no large float tensor leaves."""
    n = Net(f"conv_{filters}", 3, 64)
    x = n.start
    for _ in range(5):
        x = n.conv(x, filters)
    n.classify(x, 10)
    return n


def run(tool, *args):
    p = subprocess.run([str(BIN / tool)] + [str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert p.returncode == 0, (tool, args, p.stderr)
    return p.stdout


def compiled(model):
    """A path below MODELS, or a function that builds it."""
    name = pathlib.Path(model).stem if isinstance(model, str) else model().name
    out = WORK / name
    if not (out / "model.axmodel").exists():
        path = MODELS / model if isinstance(model, str) else WORK / f"{name}.onnx"
        if not isinstance(model, str):
            model().save(path)
        run("axcompile", path, "--calib", "random", "-n", 1, "-b", 1, "--output_type", "int8", "-o", out)
        if not isinstance(model, str):
            path.unlink()
    return name, out


def cost(folder, n, device, effort=1):
    p = json.loads(run("axsegment", folder, "-n", n, "--by", "latency", "--device", device, "--effort", effort, "--json", "-o",
                       WORK / "cut"))
    return p["bottleneck"] / 1e3, p["gap"], WORK / "cut"


def weights(folder):
    return json.loads((folder / "manifest.json").read_text())["memory"]["weights_bytes"] / 1e6


SINGLE = [("classify/mobilenetv2-7.onnx", 2.6, 2.6), (inception_v1, 3.4, 4.1), ("classify/squeezenet1.1.onnx", 2.1, 2.0),
          ("arch/densenet121.onnx", 20, 25), ("arch/resnet50.onnx", 49, 56), (inception_v4, 85, 102), (vgg16, 296, 343)]
GOOGLE = [("arch/inception_v3.onnx", 2, 2.0), (inception_v4, 4, 4.5), ("arch/resnet50.onnx", 3, 6.0),
          (mobilenet_v1_fpn_640, 4, 2.5), (lite1, 2, 1.3), (lite2, 3, 1.6), (lite3, 4, 1.9), (lite3x, 4, 2.5)]


def main():
    WORK.mkdir(parents=True, exist_ok=True)
    print("| model | USB: published | simulated | PCIe: published | simulated |\n|---|--:|--:|--:|--:|")
    for model, usb, pcie in SINGLE:
        name, folder = compiled(model)
        print(f"| {name} | {usb} ms | {cost(folder, 1, 'edgetpu-usb')[0]:.1f} ms | {pcie} ms | "
              f"{cost(folder, 1, 'edgetpu-pcie')[0]:.1f} ms |", flush=True)
    print("\n| model | chips | parameters | one chip | slowest segment | gap | speed-up | in a pipeline, simulated | Google's threshold |\n"
          "|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    for model, n, want in GOOGLE:
        name, folder = compiled(model)
        one = cost(folder, 1, "edgetpu-pcie")[0]
        many, gap, cut = cost(folder, n, "edgetpu-pcie", 10)
        bench = json.loads(run("axbench", cut, "--device", "sim:edgetpu-pcie", "--count", 20, "--json"))
        piped = bench["throughput_per_second"] * one / 1e3
        print(f"| {name} | {n} | {weights(folder):.1f} MB | {one:.2f} ms | {many:.2f} ms | {gap:.1%} | {one / many:.2f} | {piped:.2f} | {want} |", flush=True)
    print("\n| family | size | parameters | one chip | 2 | 3 | 4 chips | speed-up on 4 |\n|---|--:|--:|--:|--:|--:|--:|--:|")
    for make, sizes in ((dense_layers, (1140, 1620, 2100, 2640)), (conv_layers, (256, 384, 512, 632))):
        for size in sizes:
            name, folder = compiled(lambda: make(size))
            t = [cost(folder, n, "edgetpu-pcie")[0] for n in (1, 2, 3, 4)]
            print(f"| {make.__name__.split('_')[0]} | {size} | {weights(folder):.1f} MB | " +
                  " | ".join(f"{x:.2f} ms" for x in t) + f" | {t[0] / t[3]:.1f} |", flush=True)


main()
