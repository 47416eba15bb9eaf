#!/usr/bin/env bash
# Installs what is missing, builds, runs every test. Options are handed to ctest (./test.sh -R import).
# PRESET=asan ./test.sh runs the same under the sanitizers.
set -euo pipefail
cd "$(dirname "$0")"
preset=${PRESET:-release}

scripts/install-dependencies.sh
scripts/make-test-venv.sh
cmake --preset "$preset" >/dev/null
cmake --build --preset "$preset"
ctest --preset "$preset" --no-tests=error -j "$(nproc)" "$@"
