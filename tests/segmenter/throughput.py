#!/usr/bin/env python3
"""Throughput of two segments beside one core, one instance over two cores, and two instances. A manual run.

throughput.py BIN WORK MODEL...      MODEL: what axcompile wrote (a folder, or a .axmodel), or folders that hold such folders;
                                     WORK: a folder for the segments and throughput.json

All models together take about --minutes. Every figure is the median of several rounds in which the ways take turns, so that what
else the machine does hits all of them. The columns:

  1 core          inferences a second of one instance on one core; the others are multiples of it
  1 on 2          one instance over both cores
  2 instances     two instances, each on a core of its own: what the machine allows
  2 segments      the pipeline of two segments
  of 2 instances  2 segments / 2 instances, of the same round: noise of the machine does not spoil this one
  by computing    what a run computes on one core over what the slowest segment computes, in time of their threads: the speed-up
                  where no other process takes the cores away
  allows          the same by the partition's own prediction
  predicted       the slowest segment, by partition.json
  measured        the same in the pipeline, computed by its thread; and how far it is from predicted
  same round      how far it is from what axsegment --check predicts in the same round: a machine whose clock changed since the
                  partition was made spoils the former, not this one
  on the wall     with what others took of the core meanwhile
  occupied        the share of the time that the less busy segment worked
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

COLUMNS = ("model", "1 core, /s", "1 on 2", "2 instances", "2 segments", "of 2 instances", "by computing", "allows", "predicted",
           "measured", "difference", "same round", "on the wall", "occupied")
STARTUP = 0.15  # seconds, of a tool


def run(tool, *args):
    p = subprocess.run([str(opt.bin / tool)] + [str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if p.returncode:
        raise RuntimeError(f"{tool} {' '.join(map(str, args))}: {p.stderr.strip()}")
    return json.loads(p.stdout)


def bench(what, cores, seconds, run_ms):
    """For about so many seconds, where a run takes run_ms on one core."""
    count = max(12, int(seconds * 1e3 / run_ms * cores))
    return run("axbench", what, "--cores", cores, "--count", count, "--warmup", max(4, count // 10), "--json")


def cut(model, name, run_ms):
    parts = {n: opt.work / f"{name}-{n}" for n in ("whole", "twins", "segments")}
    run("axsegment", model, "-n", 1, "--json", "-o", parts["whole"])
    run("axsegment", model, "-n", 1, "--replicas", 2, "--json", "-o", parts["twins"])
    count = max(40, min(400, int(1.5e3 / run_ms)))
    return parts, run("axsegment", model, "-n", 2, "--by", "profile", "--count", count, "--json", "-o", parts["segments"])


def one_round(model, parts, seconds, run_ms, turn):
    ways = [("one", model, 1), ("whole", parts["whole"], 1), ("wide", model, 2), ("twins", parts["twins"], 2),
            ("segments", parts["segments"], 2)]
    ways = ways[turn % len(ways):] + ways[:turn % len(ways)]
    b = {name: bench(what, cores, seconds, run_ms) for name, what, cores in ways}
    check = run("axsegment", "--check", parts["segments"], model, "--by", "profile", "--count", max(16, int(200 * seconds / run_ms)),
                "--tolerance", "900%", "--json")
    rate = {name: b[name]["throughput_per_second"] for name in b}
    slow = max(b["segments"]["segments"], key=lambda s: s["cpu_ms"])
    return {"one": rate["one"], "wide": rate["wide"] / rate["one"], "twins": rate["twins"] / rate["one"],
            "segments": rate["segments"] / rate["one"], "of_twins": rate["segments"] / rate["twins"],
            "whole_ms": b["whole"]["segments"][0]["cpu_ms"], "slowest_ms": slow["cpu_ms"],
            "same_round": slow["cpu_ms"] / (check["now"] / 1e3) - 1,
            "wall_ms": max(s["median_ms"] for s in b["segments"]["segments"]),
            "occupied": min(s["occupancy"] for s in b["segments"]["segments"])}


def measure(model, budget):
    begin = time.monotonic()
    name = model.stem if model.suffix == ".axmodel" else model.name
    run_ms = run("axbench", model, "--cores", 1, "--count", 8, "--json")["latency_ms"]["min"]
    parts, p = cut(model, name, run_ms)
    left = budget - (time.monotonic() - begin)
    seconds = min(1.0, max(0.15, left / opt.rounds / 6 - STARTUP))
    rounds = []
    while len(rounds) < 3 or (len(rounds) < opt.rounds and time.monotonic() - begin < budget):
        rounds.append(one_round(model, parts, seconds, run_ms, len(rounds)))
    m = {k: statistics.median(r[k] for r in rounds) for k in rounds[0]}
    predicted = p["bottleneck"] / 1e3
    return {"model": name, "rounds": len(rounds), "one_core_per_second": m["one"], "two_cores": m["wide"],
            "two_instances": m["twins"], "two_segments": m["segments"], "of_two_instances": m["of_twins"],
            "by_computing": m["whole_ms"] / m["slowest_ms"], "allows": m["whole_ms"] / predicted, "predicted_ms": predicted,
            "measured_ms": m["slowest_ms"], "difference": m["slowest_ms"] / predicted - 1, "same_round": m["same_round"], "wall_ms": m["wall_ms"],
            "occupied": m["occupied"], "gap": p["gap"]}


def row(r):
    return (f"| {r['model']} | {r['one_core_per_second']:.1f} | {r['two_cores']:.2f} x | {r['two_instances']:.2f} x | "
            f"{r['two_segments']:.2f} x | {r['of_two_instances']:.2f} | {r['by_computing']:.2f} x | {r['allows']:.2f} x | "
            f"{r['predicted_ms']:.3f} ms | {r['measured_ms']:.3f} ms | {100 * r['difference']:+.1f} % | {100 * r['same_round']:+.1f} % | {r['wall_ms']:.3f} ms | "
            f"{100 * r['occupied']:.0f} % |")


def models_in(paths):
    for path in paths:
        if path.suffix == ".axmodel" or (path / "model.axmodel").exists():
            yield path
        else:
            yield from sorted(p.parent for p in path.glob("*/model.axmodel"))


def summary(rows):
    able = [r for r in rows if r["allows"] >= 1.9]
    of = statistics.median(r["of_two_instances"] for r in rows)
    return (f"{len(rows)} models. The profile allows 1.9 x for {len(able)}: by computing "
            f"{sum(r['by_computing'] >= 1.9 for r in able)} of them reach it, by throughput "
            f"{sum(r['two_segments'] >= 1.9 for r in able)} (two instances: {sum(r['two_instances'] >= 1.9 for r in able)}). Two "
            f"segments give {of:.2f} of what two instances give (median). The measured bottleneck is within 5 % of the predicted "
            f"one for {sum(abs(r['difference']) <= 0.05 for r in rows)}, of that of the same round for "
            f"{sum(abs(r['same_round']) <= 0.05 for r in rows)}.")


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("bin", type=pathlib.Path)
parser.add_argument("work", type=pathlib.Path)
parser.add_argument("models", type=pathlib.Path, nargs="+")
parser.add_argument("--rounds", type=int, default=7, help="at most, for a model; at least 3")
parser.add_argument("--minutes", type=float, default=20, help="for all models together")
opt = parser.parse_args()
opt.work.mkdir(parents=True, exist_ok=True)
models = list(models_in(opt.models))
end, rows = time.monotonic() + 60 * opt.minutes, []
print("| " + " | ".join(COLUMNS) + " |\n|---|" + "--:|" * (len(COLUMNS) - 1), flush=True)
for i, model in enumerate(models):
    try:
        rows.append(measure(model, max(0, end - time.monotonic()) / (len(models) - i)))
    except (RuntimeError, ValueError, KeyError) as e:
        print(f"{model}: {e}", file=sys.stderr)
        continue
    print(row(rows[-1]), flush=True)
    (opt.work / "throughput.json").write_text(json.dumps(rows, indent=2) + "\n")
if rows:
    print("\n" + summary(rows))
sys.exit(0 if rows else 1)
