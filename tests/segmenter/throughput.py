#!/usr/bin/env python3
"""Throughput of two segments beside one core, one instance over two cores, and two instances. A manual run, on a quiet machine.

throughput.py BIN WORK MODEL...      MODEL: folders that axcompile wrote, or .axmodel files; WORK: a folder for the segments

Every figure is the median of --rounds measurements, in which the four ways take turns, so that what else the machine does hits
all of them. "allows" is what the profile promises: a run on one core over the slowest segment as predicted. "predicted" and
"measured" are the slowest segment's."""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys


def run(tool, *args):
    p = subprocess.run([str(opt.bin / tool)] + [str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if p.returncode:
        raise RuntimeError(f"{tool} {' '.join(map(str, args))}: {p.stderr.strip()}")
    return json.loads(p.stdout)


def bench(what, cores, seconds, latency_ms, *more):
    count = max(30, int(seconds * 1e3 / latency_ms))
    return run("axbench", what, "--cores", cores, "--count", count, "--warmup", max(3, count // 10), "--json", *more)


def measure(model):
    name = model.stem if model.suffix == ".axmodel" else model.name
    first = run("axbench", model, "--cores", 1, "--count", 10, "--json")["latency_ms"]["median"]
    segments, twins = opt.work / f"{name}-2", opt.work / f"{name}-twins"
    p = run("axsegment", model, "-n", 2, "--by", "profile", "--count", max(40, int(1e3 / first)), "--json", "-o", segments)
    run("axsegment", model, "-n", 1, "--replicas", 2, "--json", "-o", twins)
    found = {"one": [], "wide": [], "twins": [], "segments": [], "slowest": []}
    for _ in range(opt.rounds):
        found["one"].append(bench(model, 1, opt.seconds, first)["throughput_per_second"])
        b = bench(segments, 2, opt.seconds, first / 2)
        found["segments"].append(b["throughput_per_second"])
        found["slowest"].append(max(s["median_ms"] for s in b["segments"]))
        found["wide"].append(bench(model, 2, opt.seconds, first / 2)["throughput_per_second"])
        found["twins"].append(bench(twins, 2, opt.seconds, first / 2)["throughput_per_second"])
    m = {k: statistics.median(v) for k, v in found.items()}
    predicted = p["bottleneck"] / 1e3
    spread = (max(found["segments"]) - min(found["segments"])) / m["segments"]
    return {"model": name, "one_core_per_second": m["one"], "two_cores": m["wide"] / m["one"], "two_instances": m["twins"] / m["one"],
            "two_segments": m["segments"] / m["one"], "allows": 1e3 / m["one"] / predicted, "predicted_ms": predicted,
            "measured_ms": m["slowest"], "difference": m["slowest"] / predicted - 1, "spread": spread, "gap": p["gap"]}


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("bin", type=pathlib.Path)
parser.add_argument("work", type=pathlib.Path)
parser.add_argument("models", type=pathlib.Path, nargs="+")
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--seconds", type=float, default=1.0, help="of one measurement")
opt = parser.parse_args()
opt.work.mkdir(parents=True, exist_ok=True)
rows = []
print("| model | 1 core, /s | 1 instance on 2 | 2 instances | 2 segments | allows | predicted | measured | difference | spread |\n"
      "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|", flush=True)
for model in opt.models:
    try:
        r = measure(model)
    except (RuntimeError, ValueError, KeyError) as e:
        print(f"{model}: {e}", file=sys.stderr)
        continue
    rows.append(r)
    print(f"| {r['model']} | {r['one_core_per_second']:.1f} | {r['two_cores']:.2f} x | {r['two_instances']:.2f} x | "
          f"{r['two_segments']:.2f} x | {r['allows']:.2f} x | {r['predicted_ms']:.3f} ms | {r['measured_ms']:.3f} ms | "
          f"{100 * r['difference']:+.1f} % | {100 * r['spread']:.0f} % |", flush=True)
able = [r for r in rows if r["allows"] >= 1.9]
print(f"\n{len(rows)} models; the profile allows 1.9 x for {len(able)}, {sum(r['two_segments'] >= 1.9 for r in able)} of them reach "
      f"it; the measured bottleneck is within 5 % of the predicted one for {sum(abs(r['difference']) <= 0.05 for r in rows)}")
(opt.work / "throughput.json").write_text(json.dumps(rows, indent=2) + "\n")
