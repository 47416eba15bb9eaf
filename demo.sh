#!/usr/bin/env bash
# Installs what is missing, builds, compiles the models that ship, and runs them on the pictures that ship.
set -euo pipefail
cd "$(dirname "$0")"
bin=build/release/bin
say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; "$@"; }

scripts/install-dependencies.sh
cmake --preset release >/dev/null
cmake --build --preset release --target axcompile axrun axbench axinfo

echo
echo "== A classifier: handwritten digits, quantized to int8 with 48 pictures =="
say $bin/axcompile models/digits/digits.onnx --calib models/digits/calib --show_operations
say $bin/axrun digits models/digits/images/7_*.png
say $bin/axrun digits models/digits/images/3_*.png --compare

echo
echo "== A detector: shapes, the same way =="
say $bin/axcompile models/shapes/shapes.onnx --calib models/shapes/calib
say $bin/axrun shapes models/shapes/images/scene_00[01].png
say $bin/axinfo build/shapes/shapes/1/model.axmodel

echo
echo "== How fast, on one core =="
say $bin/axbench digits --cores 1
say $bin/axbench shapes --cores 1 --layers
