#!/usr/bin/env bash
# Runs every test. They need a GPU adapter; a software one is installed where there is none. With
# ANYGRAD_SHARED naming a folder of reference cases and real data, more tests run. Exported models are run in
# onnxruntime by the Python that ANYGRAD_PYTHON names; unless it does, one is set up in target/python where pip can.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh
if [ -z "${ANYGRAD_PYTHON:-}" ] && python=$(scripts/python.sh); then
    export ANYGRAD_PYTHON="$python"
fi
exec cargo test --workspace "$@"
