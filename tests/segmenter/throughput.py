#!/usr/bin/env python3
"""Throughput of two segments beside one core, one instance over two cores, and two instances. A manual run.

throughput.py BIN WORK MODEL...      MODEL: what axcompile wrote (a folder, or a .axmodel), or folders that hold such folders;
                                     WORK: a folder for the segments and throughput.json

All models together take about --minutes. Every figure is the median of several rounds in which the ways take turns, so that what
else the machine does hits all of them. The columns:

  1 core          inferences a second of one instance on one core; the others are multiples of it
  1 on 2          one instance over both cores
  2 instances     two instances, each on a core of its own: what the machine allows
  2 segments      the pipeline of two segments, as users run it
  of 2 instances  2 segments / 2 instances, of the same round: noise of the machine does not spoil this one
  fixed cores     the pipeline where a core works for its own segment only (axbench --fixed_cores)
  allows          all that the segments cost over what the slowest costs, by partition.json: the speed-up that the profile allows
  by computing    the same of what their threads computed in the pipeline with fixed cores
  predicted       the slowest segment, by partition.json
  measured        the same in the pipeline with fixed cores, computed by its thread in the fastest tenth of its runs, the least of
                  the rounds; and how far it is from predicted
  same clock      how far it is from predicted as a share of all segments together: a machine that became faster or slower since
                  the partition was made spoils the former, not this one
  lent            the share of the segments' runs that cores of the other segment did
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

COLUMNS = ("model", "1 core, /s", "1 on 2", "2 instances", "2 segments", "of 2 instances", "fixed cores", "allows", "by computing",
           "predicted", "measured", "difference", "same clock", "lent")
STARTUP = 0.15  # seconds, of a tool


def run(tool, *args):
    p = subprocess.run([str(opt.bin / tool)] + [str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if p.returncode:
        raise RuntimeError(f"{tool} {' '.join(map(str, args))}: {p.stderr.strip()}")
    return json.loads(p.stdout)


def bench(what, cores, seconds, run_ms, *more):
    """For about so many seconds, where a run takes run_ms on one core."""
    count = max(12, int(seconds * 1e3 / run_ms * cores))
    return run("axbench", what, "--cores", cores, "--count", count, "--warmup", max(4, count // 10), "--json", *more)


def cut(model, name, run_ms):
    parts = {n: opt.work / f"{name}-{n}" for n in ("twins", "segments")}
    run("axsegment", model, "-n", 1, "--replicas", 2, "--json", "-o", parts["twins"])
    count = max(40, min(400, int(1.5e3 / run_ms)))
    return parts, run("axsegment", model, "-n", 2, "--by", "profile", "--count", count, "--json", "-o", parts["segments"])


def one_round(model, parts, seconds, run_ms, turn):
    ways = [("one", model, 1), ("wide", model, 2), ("twins", parts["twins"], 2), ("segments", parts["segments"], 2),
            ("fixed", parts["segments"], 2, "--fixed_cores")]
    ways = ways[turn % len(ways):] + ways[:turn % len(ways)]
    b = {name: bench(what, cores, seconds, run_ms, *more) for name, what, cores, *more in ways}
    rate = {name: b[name]["throughput_per_second"] for name in b}
    cpu = [s["cpu_p10_ms"] for s in b["fixed"]["segments"]]
    runs = len(cpu) * b["segments"]["count"]
    return {"one": rate["one"], "wide": rate["wide"] / rate["one"], "twins": rate["twins"] / rate["one"],
            "segments": rate["segments"] / rate["one"], "of_twins": rate["segments"] / rate["twins"],
            "fixed": rate["fixed"] / rate["one"], "cpu_ms": cpu,
            "lent": sum(s["by_neighbours"] for s in b["segments"]["segments"]) / runs}


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
    m = {k: statistics.median(r[k] for r in rounds) for k in rounds[0] if k != "cpu_ms"}
    least = [min(r["cpu_ms"][k] for r in rounds) for k in range(len(p["segments"]))]
    predicted, costs = p["bottleneck"] / 1e3, [s["cost"] for s in p["segments"]]
    allows = sum(costs) / max(costs)
    return {"model": name, "rounds": len(rounds), "one_core_per_second": m["one"], "two_cores": m["wide"],
            "two_instances": m["twins"], "two_segments": m["segments"], "of_two_instances": m["of_twins"],
            "fixed_cores": m["fixed"], "allows": allows, "by_computing": sum(least) / max(least), "predicted_ms": predicted,
            "measured_ms": max(least), "difference": max(least) / predicted - 1,
            "same_clock": allows * max(least) / sum(least) - 1, "lent": m["lent"], "gap": p["gap"]}


def row(r):
    return (f"| {r['model']} | {r['one_core_per_second']:.1f} | {r['two_cores']:.2f} x | {r['two_instances']:.2f} x | "
            f"{r['two_segments']:.2f} x | {r['of_two_instances']:.2f} | {r['fixed_cores']:.2f} x | {r['allows']:.2f} x | "
            f"{r['by_computing']:.2f} x | {r['predicted_ms']:.3f} ms | {r['measured_ms']:.3f} ms | {100 * r['difference']:+.1f} % | "
            f"{100 * r['same_clock']:+.1f} % | {100 * r['lent']:.0f} % |")


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
            f"{sum(r['two_segments'] >= 1.9 for r in able)} (two instances: {sum(r['two_instances'] >= 1.9 for r in able)}, fixed "
            f"cores: {sum(r['fixed_cores'] >= 1.9 for r in able)}). Two segments give {of:.2f} of what two instances give (median). "
            f"The measured bottleneck is within 5 % of the predicted one for {sum(abs(r['difference']) <= 0.05 for r in rows)}, as a "
            f"share of all segments for {sum(abs(r['same_clock']) <= 0.05 for r in rows)}.")


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
