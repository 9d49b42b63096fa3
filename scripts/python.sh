#!/usr/bin/env bash
# Sets up a Python with the official checker of ONNX and with onnxruntime in target/python, and prints its path.
# Where that cannot be done it says why and fails; tests of exported models then say that they were not run.
set -euo pipefail
cd "$(dirname "$0")/.."
python="$PWD/target/python/bin/python"
works() { "$python" -c 'import numpy, onnx, onnxruntime' >/dev/null 2>&1; }

if ! works; then
    echo "Installing onnx and onnxruntime in target/python." >&2
    { python3 -m venv target/python && "$python" -m pip install --quiet --timeout 30 numpy onnx onnxruntime; } >&2 || true
fi
if ! works; then
    echo "There is no Python with onnx and onnxruntime: exported models are not run." >&2
    exit 1
fi
echo "$python"
