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


def one(tmp, name):
    folder, whole = SOURCE / "models" / name, tmp / name
    run("axcompile", folder / f"{name}.onnx", "--calib", folder / "calib", "-n", 8, "-o", whole)
    want = run("axrun", whole, folder / "images")
    for n in (2, 3, 4):
        parts = tmp / f"{name}-{n}"
        run("axsegment", whole, "-n", n, "--by", "latency", "-o", parts)
        print(run("pipeline_bits", "--no_copies", parts / "partition.json"), end="")
        assert run("axrun", parts, folder / "images") == want, f"{name}, {n} segments"
        run("axrun", parts / "partition.json", folder / "images")
        shown = json.loads(run("axbench", parts, "--count", 20, "--json"))
        assert len(shown["segments"]) == n and shown["throughput_per_second"] > 0
        text = run("model_pipelining", parts, name, n, 20)
        assert "Average inference time" in text, text
    run("axbench", tmp / f"{name}-2", "--layers", code=1)


with tempfile.TemporaryDirectory() as folder:
    os.environ["AXON_LEASE_DIR"] = folder
    run("model_pipelining", code=2)
    for model in ("digits", "shapes"):
        one(pathlib.Path(folder), model)
