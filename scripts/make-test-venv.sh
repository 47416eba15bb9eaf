#!/usr/bin/env bash
# Makes build/test-venv with what tests/requirements.txt lists. Without a network the tests that need it are skipped, so a
# failure here is said and not fatal.
set -uo pipefail
cd "$(dirname "$0")/.."
venv=build/test-venv
stamp=$venv/requirements.txt
cmp -s tests/requirements.txt "$stamp" && exit 0

python=/usr/bin/python3
[ -x $python ] || python=python3
mkdir -p build
rm -rf "$venv"
if "$python" -m venv "$venv" >"$venv.log" 2>&1 &&
  "$venv/bin/pip" install --quiet --disable-pip-version-check --retries 1 --timeout 20 -r tests/requirements.txt >>"$venv.log" 2>&1; then
  cp tests/requirements.txt "$stamp"
else
  echo "make-test-venv: no onnxruntime for the tests (see $venv.log); those that need it will be skipped" >&2
fi
