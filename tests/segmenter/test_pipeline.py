#!/usr/bin/env python3
"""Segments as a pipeline, through the tools: equal to the whole, and the example runs. test_pipeline.py BIN SOURCE"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

BIN, SOURCE = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()


def run(tool, *args, code=0):
    p = subprocess.run([str(BIN / tool)] + [str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert p.returncode == code, f"{tool} {args}: exit code {p.returncode}, expected {code}\n{p.stdout}\n{p.stderr}"
    return p.stdout


def profile_of_segments(tmp, whole, parts):
    """axbench times the steps of segments, and axsegment cuts the model by these times."""
    profile, again = tmp / "segments.json", tmp / "again"
    shown = json.loads(run("axbench", parts, "--count", 20, "--layers", "--json", "--profile", profile))
    names = [s["name"] for s in shown["segments"]]
    assert [s["segment"] for s in shown["layers"]] == [s["segment"] for s in json.loads(profile.read_text())["steps"]]
    assert sorted({s["segment"] for s in shown["layers"]}) == names and all(s["kernel"] for s in shown["layers"])
    assert all(s["median_us"] > 0 for s in shown["layers"]), "a step was not timed"
    whole_steps = json.loads(run("axbench", whole, "--count", 3, "--layers", "--json"))["layers"]
    assert [s["name"] for s in shown["layers"]] == [s["name"] for s in whole_steps]
    text = run("axbench", parts, "--count", 5, "--layers")
    assert all(f"[{n}]" in text for n in names), text
    run("axsegment", whole, "-n", 3, "--by", "profile", "--profile", profile, "--no_measure", "-o", again)
    other = json.loads(profile.read_text())
    other["steps"][-1]["name"] = "of another model"
    profile.write_text(json.dumps(other))
    run("axsegment", whole, "-n", 3, "--by", "profile", "--profile", profile, "-o", again, code=1)
    run("axbench", parts, "--describe", tmp / "here.json", code=1)


def any_name(parts, images, want):
    """A partition is known by what is in it."""
    for name in ("cut.json", "cut", "model.axmodel"):
        path = parts / name
        (parts / "partition.json").rename(path)
        assert run("axrun", path, images) == want, name
        run("axbench", path, "--count", 3)
        run("axinfo", path)
        run("axsegment", "--check", path, "--tolerance", "900%")
        path.rename(parts / "partition.json")


def one(tmp, name):
    folder, whole = SOURCE / "models" / name, tmp / name
    run("axcompile", folder / f"{name}.onnx", "--calib", folder / "calib", "-n", 8, "-o", whole)
    want = run("axrun", whole, folder / "images")
    for n in (2, 3, 4):
        parts = tmp / f"{name}-{n}"
        run("axsegment", whole, "-n", n, "--by", "latency", "-o", parts)
        print(run("pipeline_bits", "--no_copies", parts / "partition.json"), end="")
        print(run("pipeline_stress", parts / "partition.json", 1000), end="")
        assert run("axrun", parts, folder / "images") == want, f"{name}, {n} segments"
        run("axrun", parts / "partition.json", folder / "images")
        shown = json.loads(run("axbench", parts, "--count", 20, "--json"))
        assert len(shown["segments"]) == n and shown["throughput_per_second"] > 0
        fixed = json.loads(run("axbench", parts, "--count", 20, "--fixed_cores", "--json"))
        assert not any(s["by_neighbours"] for s in fixed["segments"])
        text = run("model_pipelining", parts, name, n, 20)
        assert "Average inference time" in text, text
    profile_of_segments(tmp, whole, tmp / f"{name}-2")
    any_name(tmp / f"{name}-3", folder / "images", want)


with tempfile.TemporaryDirectory() as folder:
    os.environ["AXON_LEASE_DIR"] = folder
    run("model_pipelining", code=2)
    for model in ("digits", "shapes"):
        one(pathlib.Path(folder), model)
