#!/usr/bin/env bash
# Installs what is missing, builds, compiles the models that ship, cuts and joins them, runs them on the pictures that ship,
# and prints and draws the results.
set -euo pipefail
cd "$(dirname "$0")"
bin=build/release/bin
say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; "$@"; }

scripts/install-dependencies.sh
cmake --preset release >/dev/null
cmake --build --preset release --target axcompile axrun axbench axinfo axsegment axjoin

echo
echo "== A classifier: handwritten digits, quantized to int8 with 48 pictures =="
say $bin/axcompile models/digits/digits.onnx --calib models/digits/calib --show_operations
say $bin/axrun digits models/digits/images/7_*.png
say $bin/axrun digits models/digits/images/3_*.png --compare

echo
echo "== A detector: shapes, the same way; the boxes are drawn =="
say $bin/axcompile models/shapes/shapes.onnx --calib models/shapes/calib
say $bin/axrun shapes models/shapes/images/scene_00[01].png --save build/demo/shapes
say $bin/axinfo build/shapes/shapes/1/model.axmodel

echo
echo "== The same detector in two segments, a pipeline: the same boxes =="
say $bin/axsegment build/shapes/shapes/1 --num_segments 2 -o build/demo/segments
say $bin/axrun build/demo/segments models/shapes/images/scene_00[01].png

echo
echo "== Joined with a second one, computed once: both answers =="
say $bin/axjoin build/shapes/shapes/1 build/shapes/shapes/1 -o build/demo/joined
say $bin/axrun build/demo/joined models/shapes/images/scene_000.png

echo
echo "== A cascade: the detector finds digits' places, the classifier reads them =="
say $bin/axrun models/cascades/shapes_digits.json models/shapes/images/scene_000.png --save build/demo/cascade

echo
echo "== How fast, on one core, and as a pipeline =="
say $bin/axbench digits --cores 1
say $bin/axbench shapes --cores 1 --layers
say $bin/axbench build/demo/segments

printf '\nThe drawn pictures:\n'
ls build/demo/shapes/* build/demo/cascade/*
