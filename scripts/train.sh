#!/usr/bin/env bash
# Trains the CNN on drawn digits, on the best adapter of this machine. Arguments go to
# `anygrad train`: `scripts/train.sh lstm --epochs 5`.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh
if [ $# -eq 0 ]; then
    set -- cnn
fi
exec cargo run --release --quiet -p anygrad-cli -- train "$@"
