"""check_trace.py TRACE.json FRAMES: whether a trace of axrun keeps to the Trace Event Format, and holds what it should.

The format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
Durations of a track must nest or follow one another, asynchronous spans must begin and end in pairs, counters must not fall
below zero, and every frame must pass every stage, in order, and run each layer once."""
import collections
import json
import sys


def number(v):
    return isinstance(v, (int, float)) and not isinstance(v, bool)


def check_event(e):
    assert isinstance(e, dict), e
    assert e.get("ph") in ("X", "M", "C", "b", "e"), e
    assert isinstance(e.get("name"), str), e
    assert isinstance(e.get("pid"), int) and isinstance(e.get("tid"), int), e
    assert isinstance(e.get("args"), dict), e
    if e["ph"] == "M":
        assert e["name"] in ("process_name", "thread_name", "thread_sort_index"), e
        return
    assert number(e.get("ts")) and e["ts"] >= 0, e
    if e["ph"] == "X":
        assert number(e.get("dur")) and e["dur"] >= 0, e
    if e["ph"] == "C":
        assert all(number(v) and v >= 0 for v in e["args"].values()), e
    if e["ph"] in "be":
        assert "id" in e and isinstance(e.get("cat"), str), e


def check_nesting(events):
    tracks = collections.defaultdict(list)
    for e in events:
        if e["ph"] == "X":
            tracks[e["pid"], e["tid"]].append(e)
    for track, spans in tracks.items():
        open_ends = []
        for e in sorted(spans, key=lambda s: (s["ts"], -s["dur"])):
            while open_ends and open_ends[-1] <= e["ts"] + 0.0011:  # numbers are rounded
                open_ends.pop()
            assert not open_ends or e["ts"] + e["dur"] <= open_ends[-1] + 0.0011, (track, e)
            open_ends.append(e["ts"] + e["dur"])


def check_pairs(events):
    begun = {}
    ended = set()
    for e in events:
        if e["ph"] == "b":
            assert e["id"] not in begun, e
            begun[e["id"]] = e["ts"]
        if e["ph"] == "e":
            assert e["ts"] >= begun[e["id"]] and e["id"] not in ended, e
            ended.add(e["id"])
    assert set(begun) == ended
    return len(begun)


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        trace = json.load(f)
    frames = int(sys.argv[2])
    events = trace["traceEvents"]
    for e in events:
        check_event(e)
    check_nesting(events)
    assert check_pairs(events) == frames
    names = {(e["pid"], e["tid"]): e["args"]["name"] for e in events if e["name"] == "thread_name"}
    stages = collections.defaultdict(dict)
    layers = collections.Counter()
    runs = collections.Counter()
    for e in events:
        if e.get("cat") == "stage":
            assert e["args"]["frame"] not in stages[e["name"]], e
            stages[e["name"]][e["args"]["frame"]] = e["ts"]
            assert (e["pid"], e["tid"]) in names, e
        if e.get("cat") == "layer":
            layers[e["name"]] += 1
            assert "instance " in names[e["pid"], e["tid"]] or "replica " in names[e["pid"], e["tid"]], e
        if e.get("cat") == "device":
            runs[e["name"]] += 1
    for stage, at in stages.items():
        assert sorted(at) == list(range(frames)), stage
    order = [stages[s] for s in stages]
    for a, b in zip(order, order[1:]):
        assert all(a[f] <= b[f] for f in range(frames))
    assert {"decode", "preprocess", "postprocess"} <= set(stages), list(stages)
    assert layers and runs
    for model, n in runs.items():  # of segments and cascades each has its own
        inside = [c for name, c in layers.items() if model == "inference" or name.startswith(model + "/")]
        assert inside and min(inside) >= n, (model, n, inside)
    queues = {e["name"] for e in events if e["ph"] == "C"}
    assert "queue: preprocess" in queues, queues
    print(f"{len(events)} events, {len(stages)} stages, {len(layers)} layers, {sum(runs.values())} runs")


main()
