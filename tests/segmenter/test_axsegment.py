#!/usr/bin/env python3
"""axsegment as a user meets it, on the models that ship.

test_axsegment.py BIN SOURCE          cuts, reports, options, exit codes, --check
test_axsegment.py BIN SOURCE MODELS   segments equal the whole on real models (77: they are not here): a handful, with
                                      AXON_ALL_MODELS=1 all of them
"""
import glob
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HANDFUL = ("squeezenet1.1", "mobilenetv2-7", "vit_ibp_3_3_8_cifar10", "nanodet_m_320", "yolo11n_320_dq", "palm_detection_192",
           "ssd_mbv1_025_fpn_person_256_dq", "super_resolution_10")
WITHOUT_COPIES = ("squeezenet1.1", "yolo11n_320_dq", "yolov5n_640", "yolov8n_640", "yolov8n_640_dynamic_int8",  # Concat, Split
                  "vit_ibp_3_3_8_cifar10", "yunet_n_320")  # transposes
BIN, SOURCE = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()


def run(tool, *args, code=0, cwd=None):
    p = subprocess.run([str(BIN / tool)] + [str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                       cwd=cwd)
    assert p.returncode == code, f"{tool} {args}: exit code {p.returncode}, expected {code}\n{p.stdout}\n{p.stderr}"
    return p


def compile_model(name, out, *options):
    folder = SOURCE / "models" / name
    run("axcompile", folder / f"{name}.onnx", "--calib", folder / "calib", "-n", 8, "-o", out, *options)
    return out / "model.axmodel"


def against_schema(path, schema):
    try:
        import jsonschema
    except ImportError:
        return
    jsonschema.validate(json.loads(path.read_text()), json.loads((SOURCE / "docs" / "schema" / schema).read_text()))


def bits(tmp):
    models = [compile_model(n, tmp / n) for n in ("digits", "shapes")]
    print(run("segment_bits", 2, 8, *models).stdout, end="")
    return models


def sizes_and_files(tmp, model):
    out = tmp / "by_size"
    text = run("axsegment", model.parent, "--num-segments", 3, "-o", out).stdout
    assert "lower bound" in text and "crossing" in text, text
    p = json.loads((out / "partition.json").read_text())
    against_schema(out / "partition.json", "partition.schema.json")
    assert p["num_segments"] == 3 and p["gap"] >= 0 and p["lower_bound"] <= p["bottleneck"]
    assert p["bottleneck"] == max(s["cost"] for s in p["segments"])
    for i, s in enumerate(p["segments"]):
        assert s["file"] == f"{p['name']}_segment_{i}_of_3.axmodel" and (out / s["file"]).exists()
        assert (out / s["file"]).with_suffix(".json").exists()
        run("axinfo", out / s["file"])
    assert "crossing" in run("axinfo", out).stdout
    assert json.loads(run("axinfo", out / "partition.json", "--json").stdout) == p
    assert (out / p["source"]).resolve() == model.resolve()
    assert json.loads((out / "model.json").read_text())["model"] == "partition.json"
    for t in p["tensors"]:
        assert t["from"] < min(t["to"])
    first = (out / "partition.json").read_bytes(), (out / p["segments"][0]["file"]).read_bytes()
    run("axsegment", model.parent / "model.json", "--num_segments=3", "-o", out)
    assert first == ((out / "partition.json").read_bytes(), (out / p["segments"][0]["file"]).read_bytes()), "not reproducible"
    run("axsegment", out / p["segments"][0]["file"], "-n", 2, "-o", tmp / "again")  # a segment is a model


def another_number(tmp, model):
    """A new cut into the same folder takes the place of the old one, and of nothing else."""
    out, segments = tmp / "place", lambda: sorted(f.name for f in out.glob("*_segment_*"))
    run("axsegment", model, "-n", 4, "-o", out)
    name = json.loads((out / "partition.json").read_text())["name"]
    four = segments()
    assert len(four) == 8, four
    own = [out / f"{name}_segment_0_of_5.axmodel", out / f"{name}_segment_notes.txt", out / "model.bin"]
    for f in own:
        f.write_text("mine")
    run("axsegment", model, "-n", 2, "--max_segment_bytes", 100, "-o", out, code=3)
    assert set(four) <= set(segments()), "a failed cut took the old one away"
    run("axsegment", model, "-n", 2, "--name", "other", "-o", out)
    assert set(four) <= set(segments()), "segments of another model were taken away"
    shutil.rmtree(out)
    run("axsegment", model, "-n", 4, "-o", out)
    for f in own:
        f.write_text("mine")
    (out / four[-1]).unlink()
    run("axsegment", model, "-n", 2, "-o", out)
    p = json.loads((out / "partition.json").read_text())
    want = [s["file"] for s in p["segments"]] + [s["file"].replace(".axmodel", ".json") for s in p["segments"]]
    assert segments() == sorted(want + [f.name for f in own[:2]]), segments()
    assert all(f.read_text() == "mine" for f in own)
    run("axsegment", out / p["segments"][1]["file"], "-n", 2, "-o", out)  # a segment cut where it lies stays
    assert (out / p["segments"][1]["file"]).exists()
    (out / "partition.json").write_text("{")  # an old one that cannot be read takes nothing with it
    run("axsegment", model, "-n", 3, "-o", out)
    assert (out / p["segments"][0]["file"]).exists()


def numbers_and_limits(tmp, model):
    listed = json.loads(run("axsegment", model, "--num_segments", "auto", "--by", "latency", "--json", "-o", tmp / "a").stdout)
    assert listed["num_segments"] == 1, "the model fits on one core"
    device = tmp / "small.json"
    device.write_text(json.dumps({"format": "axon-device", "version": 1, "name": "small", "on_chip_bytes": 60000, "cores": 6}))
    p = json.loads(run("axsegment", model, "--by", "latency", "--device", device, "--json", "-o", tmp / "b").stdout)
    assert p["num_segments"] > 1 and all(s["off_chip_bytes"] == 0 for s in p["segments"]) and p["device"] == "small"
    one = json.loads(run("axsegment", model, "-n", 1, "--by", "latency", "--json", "-o", tmp / "c").stdout)["bottleneck"]
    fps = 1.5e6 / one
    fast = json.loads(run("axsegment", model, "--by", "latency", "--fps", fps, "--json", "-o", tmp / "d").stdout)
    assert fast["num_segments"] >= 2 and fast["bottleneck"] <= 1e6 / fps
    run("axsegment", model, "--by", "latency", "--fps", 1e9, "-o", tmp / "e", code=3)
    run("axsegment", model, "--fps", 10, "-o", tmp / "e", code=1)
    run("axsegment", model, "-n", 2, "--max_segment_bytes", 100, "-o", tmp / "e", code=3)
    assert not (tmp / "e").exists()
    p = json.loads(run("axsegment", model, "-n", 2, "--by", "latency", "--replicas", "auto", "--cores", 3, "--json", "-o",
                       tmp / "f").stdout)
    assert sum(s["replicas"] for s in p["segments"]) <= 3
    p = json.loads(run("axsegment", model, "-n", 3, "--by", "latency", "--replicas", "1,2,1", "--json", "-o", tmp / "f").stdout)
    assert [s["replicas"] for s in p["segments"]] == [1, 2, 1]
    assert abs(p["bottleneck"] - max(s["cost"] / s["replicas"] for s in p["segments"])) < 1e-5
    for replicas, code in (("1,2", 1), ("0,1", 2)):
        run("axsegment", model, "-n", 3, "--replicas", replicas, "-o", tmp / "e", code=code)
    for wrong in (17, 0, "x"):
        run("axsegment", model, "-n", wrong, "-o", tmp / "e", code=2)
    run("axsegment", code=2)
    run("axsegment", model, "--by", "luck", code=2)
    run("axsegment", tmp / "absent.axmodel", code=1)


def cuts_by_hand(tmp, model):
    rows = [r.split() for r in run("axsegment", model, "--list_cuts").stdout.splitlines()[1:]]
    alone = [r[0] for r in rows if r[1] == "1"]
    p = json.loads(run("axsegment", model, "--cuts", f"{alone[2]},{alone[-2]}", "--json", "-o", tmp / "cuts").stdout)
    assert [c["tensors"] for c in p["cuts"]] == [[alone[2]], [alone[-2]]], p["cuts"]
    err = run("axsegment", model, "--cuts", alone[2] + "x", "-o", tmp / "e", code=1).stderr
    assert alone[2] in err and "--list_cuts" in err, err
    run("axsegment", model, "--cuts", f"{alone[-2]},{alone[2]}", "-o", tmp / "e", code=1)


def profile_of(tmp, model):
    out = tmp / "profile.json"
    if (BIN / "axbench").exists():
        run("axbench", model, "--profile", out, "--count", 10)
        return out
    return None


def wrong_partitions(out, model):
    """--check names what does not belong to the model; a folder stands for its partition.json."""
    assert "committed" in run("axsegment", "--check", out, model, "--tolerance", "900%").stdout
    committed = json.loads((out / "partition.json").read_text())
    nodes = [s["nodes"] for s in committed["segments"]]
    broken = {"is in no segment": [[[a, b - 1] for a, b in nodes[0]], nodes[1]], "has a node": [nodes[0], nodes[1] + [[9999, 9999]]],
              "is in segments 0 and 1": [nodes[0], nodes[1] + nodes[0]]}
    for message, ranges in broken.items():
        for s, r in zip(committed["segments"], ranges):
            s["nodes"] = [x for x in r if x[0] <= x[1]]
        (out / "broken.json").write_text(json.dumps(committed))
        err = run("axsegment", "--check", out / "broken.json", model, code=1).stderr
        assert message in err and "another" not in err, err
    for s, r in zip(committed["segments"], nodes):
        s["nodes"] = r
    committed["tensors"][-1]["name"] += "x"
    (out / "broken.json").write_text(json.dumps(committed))
    assert "has no tensor" in run("axsegment", "--check", out / "broken.json", model, code=1).stderr
    (out / "broken.json").unlink()


def check(tmp, model):
    """A committed partition; then one step becomes slow."""
    profile = profile_of(tmp, model)
    if not profile:
        return
    data = json.loads(profile.read_text())
    for s in data["steps"]:
        s["median_us"] = 10.0 + s["macs"] / 1e4
        s["p95_us"] = s["min_us"] = s["median_us"]
    data["device"]["name"] = "steady"
    profile.write_text(json.dumps(data))
    out = tmp / "committed"
    run("axsegment", model, "-n", 2, "--by", "profile", "--profile", profile, "-o", out)
    with_it = ["--check", out / "partition.json", "--by", "profile", "--profile"]
    p = run("axsegment", *with_it, profile)
    assert "no change" in p.stdout, p.stdout
    wrong_partitions(out, model)
    slow = tmp / "slow.json"
    last = max(range(len(data["steps"])), key=lambda i: data["steps"][i]["median_us"])
    for key in ("median_us", "p95_us", "min_us"):
        data["steps"][last][key] *= 4
    slow.write_text(json.dumps(data))
    p = run("axsegment", *with_it, slow, "--tolerance", "5%", code=3)
    assert "regressed" in p.stdout, p.stdout
    verdict = json.loads(run("axsegment", *with_it, slow, "--json", code=3).stdout)
    assert verdict["regressed"] and verdict["best"] <= verdict["now"]
    assert "|--:|" in run("axsegment", *with_it, slow, "--markdown", code=3).stdout
    run("axsegment", *with_it, slow, "--tolerance", "400%")
    committed = json.loads((out / "partition.json").read_text())
    first = {n for a, b in committed["segments"][0]["nodes"] for n in range(a, b + 1)}
    data = json.loads(profile.read_text())
    for s in data["steps"]:
        for key in ("median_us", "p95_us", "min_us"):
            s[key] *= 1.5 if s["node"] in first else 1
    slow.write_text(json.dumps(data))
    verdict = json.loads(run("axsegment", *with_it, slow, "--json", code=3).stdout)
    assert verdict["better_exists"] and verdict["best"] < 0.95 * verdict["now"] and verdict["best_crossing"]
    run("axsegment", *with_it, slow, "--tolerance", "much", code=2)


def simulated(tmp, model):
    """A chip in virtual time: the bits of the cpu, the times of the plan, the same on every machine; --check sees a slow step."""
    chip = {"format": "axon-device", "version": 1, "name": "chip", "cores": 4, "clock_hz": 1e8, "int8_macs_per_cycle": 64,
            "depthwise_macs_per_cycle": 8, "float_macs_per_cycle": 1, "on_chip_bytes": 20000, "stream_bytes_per_second": 1e8,
            "on_chip_bytes_per_second": 1e9, "in_bytes_per_second": 1e8, "out_bytes_per_second": 1e8, "step_seconds": 1e-6,
            "call_seconds": 1e-5, "cooperation": 0}
    device, out = tmp / "chip.json", tmp / "on_chip"
    device.write_text(json.dumps(chip))
    against_schema(device, "device.schema.json")
    for file in sorted((SOURCE / "models" / "devices").glob("*.json")):
        against_schema(file, "device.schema.json")
        run("axbench", model, "--device", f"sim:{file.stem}", "--count", 1)
    p = json.loads(run("axsegment", model.parent, "-n", 3, "--by", "profile", "--device", f"sim:{device}", "--json", "-o", out).stdout)
    assert p["device"] == "sim:chip" and p["noise"] == 0
    for s in p["segments"]:
        assert abs(s["measured_us"] - s["cost"]) < 0.01 * s["cost"], s
    want, got = (run("axrun", m, SOURCE / "models" / "shapes" / "images", "--device", d).stdout
                 for m, d in ((model.parent, "cpu"), (out, f"sim:{device}")))
    assert want == got
    bench = [json.loads(run("axbench", out, "--device", f"sim:{device}", "--count", 30, "--json").stdout) for _ in range(2)]
    for b in bench:
        assert abs(b["throughput_per_second"] * p["bottleneck"] / 1e6 - 1) < 0.02, b
        for key in ("load_ms", "memory"):
            del b[key]
    assert bench[0] == bench[1], "virtual time differs from run to run"
    run("axbench", model, "--device", f"sim:{device}", "--batch", 5, code=1)
    run("axbench", model, "--device", "sim:absent", code=1)
    run("axbench", model, "--device", "edgetpu-usb", code=1)
    with_it = ["--check", out / "partition.json", "--by", "profile", "--device"]
    assert "no change" in run("axsegment", *with_it, f"sim:{device}").stdout
    profile = tmp / "chip.profile.json"
    run("axbench", model, "--device", f"sim:{device}", "--profile", profile, "--count", 3)
    slowest = max(range(3), key=lambda k: p["segments"][k]["cost"])
    inside = {n for a, b in p["segments"][slowest]["nodes"] for n in range(a, b + 1)}
    steps = [s for s in json.loads(profile.read_text())["steps"] if s["node"] in inside and s["name"]]
    worst = max(steps, key=lambda s: s["median_us"])
    chip["step_scales"] = [{"step": worst["name"], "scale": 2.5}]
    device.write_text(json.dumps(chip))
    verdict = json.loads(run("axsegment", *with_it, f"sim:{device}", "--json", code=3).stdout)
    assert verdict["regressed"] and verdict["better_exists"] and verdict["best"] < 0.95 * verdict["now"], verdict
    better = json.loads(run("axsegment", model, "-n", 3, "--by", "profile", "--device", f"sim:{device}", "--json", "-o",
                            tmp / "better").stdout)
    assert abs(better["measured_us"] - verdict["best"]) < 0.01 * verdict["best"]
    run("axsegment", "--check", tmp / "better" / "partition.json", "--by", "profile", "--device", f"sim:{device}")
    compiled = compile_model("shapes", tmp / "for_chip", "--device", device, "--num_segments", 2)
    assert json.loads((compiled.parent / "manifest.json").read_text())["memory"]["device_bytes"] == 20000
    assert json.loads((compiled.parent / "partition.json").read_text())["device"] == "chip"
    run("axbench", model, "--cores", 1, "--count", 5, "--describe", tmp / "here.json")
    against_schema(tmp / "here.json", "device.schema.json")
    run("axbench", model, "--device", f"sim:{tmp / 'here.json'}", "--count", 2)


def measured(tmp, model):
    p = json.loads(run("axsegment", model, "-n", 2, "--by", "profile", "--count", 10, "--rounds", 3, "--balance", 1, "--json", "-o",
                       tmp / "measured").stdout)
    assert p["measured_us"] > 0 and p["balance"] >= 1 and all(s["measured_us"] > 0 for s in p["segments"])
    for s in p["segments"]:  # the costs that are written are corrected by this measurement
        assert abs(s["cost"] - s["measured_us"]) < 0.01 * s["measured_us"], s


def from_onnx(tmp):
    folder = SOURCE / "models" / "digits"
    run("axsegment", folder / "digits.onnx", "-n", 2, f"--compile_option=--calib={folder / 'calib'}", "-o", tmp / "onnx")
    assert (tmp / "onnx" / "digits_segment_1_of_2.axmodel").exists()
    run("axsegment", folder / "digits.onnx", "-n", 2, "-o", tmp / "e", code=1)  # no calibration
    compile_model("digits", tmp / "cut", "--num_segments", 3)
    assert json.loads((tmp / "cut" / "partition.json").read_text())["source"] == "model.axmodel"
    folder = [SOURCE / "models" / "digits" / "digits.onnx", "--precision", "float32", "-o", tmp / "cut2"]
    run("axcompile", *folder, "--num_segments", 99, code=2)


def joined(tmp, models):
    if not (BIN / "axjoin").exists():
        return
    run("axjoin", models[0], models[0], "--action", "none", "-o", tmp / "joined")
    found = sorted((tmp / "joined").rglob("*.axmodel"))
    assert found
    print(run("segment_bits", 2, 4, *found).stdout, end="")
    run("axsegment", found[0].parent, "-n", 3, "-o", tmp / "joined_segments")


def ours(tmp):
    models = bits(tmp)
    for model in models:
        sizes_and_files(tmp, model)
    another_number(tmp, models[1])
    numbers_and_limits(tmp, models[1])
    cuts_by_hand(tmp, models[0])
    check(tmp, models[1])
    simulated(tmp, models[1])
    measured(tmp, models[0])
    from_onnx(tmp)
    joined(tmp, models)
    return 0


def without_copies(tmp, model):
    """What crosses is written where it is read, also where it enters a Concat or is a part of a Split."""
    for n in (2, 3, 4):
        for by in ("latency", "size"):
            out = tmp / f"{model.parent.name}-{n}-{by}"
            run("axsegment", model, "-n", n, "--by", by, "-o", out)
            print(run("pipeline_bits", "--no_copies", out / "partition.json").stdout, end="")


def proven(tmp, model):
    """Many segments of models with parallel heads, also where bytes are dearer than computing: the bound reaches the cut."""
    for options in (["-n", 16, "--by", "latency"], ["-n", 12, "--by", "latency"], ["-n", 8],
                    ["-n", 4, "--by", "latency", "--device", "edgetpu-usb"], ["-n", 8, "--by", "latency", "--device", "metis"]):
        p = json.loads(run("axsegment", model, *options, "--json", "-o", tmp / "proven").stdout)
        assert p["gap"] < 1e-6, (model, options, p["gap"])
    print(f"{model.parent.name}: no cut is better")


def real(tmp, models):
    found = sorted(glob.glob(f"{models}/*/*.onnx"))
    if not os.environ.get("AXON_ALL_MODELS"):
        found = [m for m in found if pathlib.Path(m).stem in HANDFUL + WITHOUT_COPIES]
    if not found:
        print("skipped: the real models are not here")
        return 77
    compiled = []
    for m in found:
        out = tmp / pathlib.Path(m).stem
        p = subprocess.run([str(BIN / "axcompile"), m, "--calib", "random", "-n", "1", "-b", "1", "-o", str(out)],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if p.returncode == 0:
            compiled.append(out / "model.axmodel")
    assert compiled, "none of the real models compiles"
    print(run("segment_bits", 2, 8, *[m for m in compiled if os.environ.get("AXON_ALL_MODELS") or m.parent.name in HANDFUL]).stdout, end="")
    for m in compiled:
        if m.parent.name in WITHOUT_COPIES:
            without_copies(tmp, m)
            proven(tmp, m)
    return 0


with tempfile.TemporaryDirectory() as folder:
    sys.exit(real(pathlib.Path(folder), sys.argv[3]) if len(sys.argv) > 3 else ours(pathlib.Path(folder)))
