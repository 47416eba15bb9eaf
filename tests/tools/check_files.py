#!/usr/bin/env python3
"""Compiles a model that ships and looks at the files from outside.

check_files.py schemas BIN SOURCE    manifest.json and model.json against docs/schema (77: the jsonschema module is missing)
check_files.py reader BIN SOURCE     docs/read_axmodel.py and axinfo say the same of the .axmodel
"""
import json
import pathlib
import subprocess
import sys
import tempfile


def run(*command):
    return subprocess.run([str(c) for c in command], check=True, stdout=subprocess.PIPE, text=True).stdout


def schemas(bin_dir, source, out):
    try:
        import jsonschema
    except ImportError:
        print("skipped: the Python module jsonschema is not installed")
        return 77
    checked = [("manifest", out / "manifest.json"), ("model", out / "model.json")]
    checked += [("model", p) for p in sorted((source / "models").glob("*/*.json")) if "preprocessing" in p.read_text()]
    checked += [("cascade", p) for p in sorted((source / "models" / "cascades").glob("*.json"))]
    for name, path in checked:
        schema = json.loads((source / "docs" / "schema" / f"{name}.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(json.loads(path.read_text()), schema, cls=jsonschema.Draft202012Validator)
        print("valid:", path)
    schema = json.loads((source / "docs" / "schema" / "model.schema.json").read_text())
    wrong = json.loads((out / "model.json").read_text())
    wrong["preprocessing"].append({"type": "resise"})
    try:
        jsonschema.validate(wrong, schema, cls=jsonschema.Draft202012Validator)
    except jsonschema.ValidationError:
        return 0
    print("the schema takes an unknown step")
    return 1


def reader(bin_dir, source, out):
    text = run(sys.executable, source / "docs" / "read_axmodel.py", out / "model.axmodel")
    info = json.loads(run(bin_dir / "axinfo", "--json", "--steps", out / "model.axmodel"))
    lines = text.splitlines()
    kinds = [line.split()[0] for line in lines if " <- " in line]
    assert kinds == [s["kind"] for s in info["steps"]], text
    for port, what in [(p, "input") for p in info["inputs"]] + [(p, "output") for p in info["outputs"]]:
        shape = "x".join(str(d) for d in port["shape"])
        assert any(line.startswith(f"{what} {port['name']} {port['type']} {shape} =") for line in lines), text
    for s in info["sections"]:
        assert s["intact"] and any(line.startswith(s["type"]) and str(s["offset"]) in line for line in lines), text
    return 0


def main():
    what, bin_dir, source = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    digits = source / "models" / "digits"
    with tempfile.TemporaryDirectory() as tmp:
        run(bin_dir / "axcompile", digits / "digits.onnx", "--calib", digits / "calib", "-o", tmp)
        return {"schemas": schemas, "reader": reader}[what](bin_dir, source, pathlib.Path(tmp))


sys.exit(main())
