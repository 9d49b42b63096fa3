#!/usr/bin/env bash
# Runs every test. They need a GPU adapter; a software one is installed where there is none. With
# ANYGRAD_SHARED naming a folder of reference cases and real data, more tests run.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh
exec cargo test --workspace "$@"
