#!/usr/bin/env bash
# Installs the Debian or Ubuntu packages that Axon builds and tests with; does nothing when all are there.
set -euo pipefail

packages=(
  build-essential cmake ninja-build pkg-config ccache
  libprotobuf-c-dev protobuf-c-compiler          # ONNX files, in C
  libonnx-dev libprotobuf-dev protobuf-compiler  # ONNX's own checker, behind a shim
  libonnx-testdata                               # ONNX's node tests
  libflatbuffers-dev flatbuffers-compiler libzstd-dev libxxhash-dev
  libjansson-dev libzip-dev
  libavcodec-dev libavformat-dev libavutil-dev libswscale-dev
  libavdevice-dev libsdl2-dev                    # cameras, windows
  libcmocka-dev libsimde-dev
  python3 python3-numpy python3-pil python3-jsonschema python3-venv xz-utils
)

missing=()
for p in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
done
[ ${#missing[@]} -eq 0 ] && exit 0

sudo=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "install-dependencies: needs root or sudo to install: ${missing[*]}" >&2; exit 1; }
  sudo=(sudo)
fi
export DEBIAN_FRONTEND=noninteractive
echo "Installing: ${missing[*]}" >&2
"${sudo[@]}" apt-get update -qq
"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
