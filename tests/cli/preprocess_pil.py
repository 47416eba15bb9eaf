#!/usr/bin/env python3
"""Preprocessing beside PIL: within one level, on every filter, up and down, odd sizes. preprocess_pil.py DUMP SOURCE"""
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from PIL import Image
except ImportError as e:
    print("skipped:", e)
    sys.exit(77)

FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "area": Image.BOX, "lanczos": Image.LANCZOS,
           "nearest": Image.NEAREST}
dump, source = sys.argv[1], pathlib.Path(sys.argv[2])
bad = 0


def ours(picture, channels, height, width, folder):
    steps = folder / "steps.json"
    raw = subprocess.run([dump, picture, steps, str(channels), str(height), str(width)], check=True, stdout=subprocess.PIPE)
    return np.frombuffer(raw.stdout, np.float32).reshape(channels, height, width)


def check(what, got, want, limit=1.0):
    global bad
    worst = np.abs(got - want).max()
    if worst > limit:
        bad += 1
        print(f"FAILED: {what}: differs by {worst} levels")


def pipeline(folder, *steps):
    everything = list(steps) + [{"type": "normalize", "scale": 1}]
    text = json.dumps({"name": "t", "model": "t.axmodel", "preprocessing": everything, "postprocessing": []})
    (folder / "steps.json").write_text(text)


def linear(x):
    return np.maximum(1 - np.abs(x), 0)


def cubic(x, a=-0.75):
    x = np.abs(x)
    return np.where(x < 1, ((a + 2) * x - (a + 3)) * x * x + 1, np.where(x < 2, ((a * x - 5 * a) * x + 8 * a) * x - 4 * a, 0))


def like_opencv(x, size, weight, reach):
    """One axis, the first, in real numbers: the taps around each centre, pixels of the edge repeated."""
    n = x.shape[0]
    centre = (np.arange(size) + 0.5) * n / size - 0.5
    first = np.floor(centre).astype(int) - reach + 1
    return sum(x[np.clip(first + k, 0, n - 1)] * weight(first + k - centre)[:, None, None] for k in range(2 * reach))


with tempfile.TemporaryDirectory() as t:
    folder = pathlib.Path(t)
    rng = np.random.default_rng(1)
    noise = Image.fromarray(rng.integers(0, 256, (61, 83, 3), np.uint8))
    noise.save(folder / "noise.png")
    for picture in [folder / "noise.png", sorted((source / "models/shapes/calib").glob("*.jpg"))[0]]:
        im = Image.open(picture).convert("RGB")
        slack = 1.0 if picture.suffix == ".png" else 3.0  # the inverse cosine transforms of JPEG decoders round differently
        for name, f in FILTERS.items():
            if picture.suffix == ".jpg" and name not in ("bilinear", "area"):
                continue  # the others make more of such differences
            for w, h in [(32, 32), (83, 61), (200, 90), (1, 1), (17, 128)]:
                pipeline(folder, {"type": "resize", "width": w, "height": h, "interpolation": name})
                want = np.asarray(im.resize((w, h), f), np.float32).transpose(2, 0, 1)
                check(f"{picture.name} {name} {w}x{h}", ours(picture, 3, h, w, folder), want, slack)
        pipeline(folder, {"type": "color", "order": "gray"})
        want = np.asarray(im.convert("L"), np.float32)[None]
        check(f"{picture.name} grey", ours(picture, 1, im.height, im.width, folder), want, slack)
    # Without antialias: OpenCV's INTER_LINEAR and INTER_CUBIC.
    for name, weight, reach in [("bilinear", linear, 1), ("bicubic", cubic, 2)]:
        for w, h in [(32, 32), (83, 61), (200, 90), (1, 1), (17, 128)]:
            pipeline(folder, {"type": "resize", "width": w, "height": h, "interpolation": name, "antialias": False})
            x = np.clip(like_opencv(np.asarray(noise, np.float64).transpose(1, 0, 2), w, weight, reach), 0, 255)
            want = np.rint(np.clip(like_opencv(x.transpose(1, 0, 2), h, weight, reach), 0, 255)).transpose(2, 0, 1)
            check(f"{name} without antialias {w}x{h}", ours(folder / "noise.png", 3, h, w, folder), want)
    # From one pixel, one row and one column.
    for w, h in [(1, 1), (1, 7), (9, 1)]:
        small = noise.crop((3, 3, 3 + w, 3 + h))
        small.save(folder / "small.png")
        for name, f in FILTERS.items():
            pipeline(folder, {"type": "resize", "width": 12, "height": 5, "interpolation": name})
            want = np.asarray(small.resize((12, 5), f), np.float32).transpose(2, 0, 1)
            check(f"{name} {w}x{h}", ours(folder / "small.png", 3, 5, 12, folder), want)
    modes = {"L": noise.convert("L"), "P": noise.quantize(16), "RGBA": noise.convert("RGBA"), "1": noise.convert("1")}
    for mode, im in modes.items():
        im.save(folder / "mode.png")
        pipeline(folder)
        want = np.asarray(im.convert("RGB"), np.float32).transpose(2, 0, 1)
        check(f"mode {mode}", ours(folder / "mode.png", 3, 61, 83, folder), want, 0.0)
    alpha = noise.convert("RGBA")
    alpha.putalpha(Image.fromarray(rng.integers(0, 256, (61, 83), np.uint8)))
    alpha.save(folder / "alpha.png")
    pipeline(folder)
    check("transparency is dropped", ours(folder / "alpha.png", 3, 61, 83, folder),
          np.asarray(alpha, np.float32)[:, :, :3].transpose(2, 0, 1), 0.0)
    deep = rng.integers(0, 65536, (61, 83), np.uint16)
    Image.fromarray(deep.astype(np.int32), "I").save(folder / "deep.png")
    check("16 bits", ours(folder / "deep.png", 3, 61, 83, folder), np.repeat((deep / 257.0)[None], 3, 0), 0.5)
    shade = np.linspace(0, 255, 80 * 64).astype(np.uint8).reshape(64, 80)
    inks = Image.merge("CMYK", [Image.fromarray(np.roll(shade, 9 * i, 0)) for i in range(4)])
    inks.save(folder / "inks.jpg", quality=100)
    stored = Image.open(folder / "inks.jpg")
    check("CMYK", ours(folder / "inks.jpg", 3, 64, 80, folder),
          np.asarray(stored.convert("RGB"), np.float32).transpose(2, 0, 1), 4.0)
    noise.save(folder / "whole.png")
    sorted_jpg = sorted((source / "models/shapes/calib").glob("*.jpg"))[0]
    for whole in [folder / "whole.png", sorted_jpg]:
        data = whole.read_bytes()
        for part in (0, 10, len(data) // 3, len(data) - len(data) // 4):
            broken = folder / ("broken" + whole.suffix)
            broken.write_bytes(data[:part])
            r = subprocess.run([dump, broken, folder / "steps.json", "3", "61", "83"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=False)
            if r.returncode != 1 or b"broken" not in r.stderr:
                bad += 1
                print(f"FAILED: {part} bytes of {whole.name}: exit {r.returncode}, {r.stderr.decode()!r}")
    for sampling in (0, 1, 2):
        for w, h in [(101, 67), (64, 64), (5, 3), (3, 9), (2, 2), (1, 1)]:
            im = Image.open(sorted((source / "models/shapes/calib").glob("*.jpg"))[0]).convert("RGB").resize((w, h))
            im.save(folder / "chroma.jpg", quality=90, subsampling=sampling)
            want = np.asarray(Image.open(folder / "chroma.jpg").convert("RGB"), np.float32).transpose(2, 0, 1)
            pipeline(folder)
            check(f"chroma {sampling} {w}x{h}", ours(folder / "chroma.jpg", 3, h, w, folder), want, 3.0)
    for orientation in range(1, 9):
        from PIL import ImageOps
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(np.kron(rng.integers(0, 256, (4, 6, 3), np.uint8), np.ones((16, 16, 1), np.uint8))).save(
            folder / "turned.jpg", exif=exif, quality=100, subsampling=0)
        want = ImageOps.exif_transpose(Image.open(folder / "turned.jpg")).convert("RGB")
        pipeline(folder)
        got = ours(folder / "turned.jpg", 3, want.height, want.width, folder)
        check(f"orientation {orientation}", got, np.asarray(want, np.float32).transpose(2, 0, 1), 4.0)

print("failed:" if bad else "all passed", bad or "")
sys.exit(bad > 0)
