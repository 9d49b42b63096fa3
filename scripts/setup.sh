#!/usr/bin/env bash
# Installs what anygrad needs besides a Rust toolchain, where it is missing: a software Vulkan
# adapter (Debian's mesa-vulkan-drivers). Says what it does before it does it.
set -euo pipefail

have_adapter() {
    ls /usr/share/vulkan/icd.d/*.json /etc/vulkan/icd.d/*.json >/dev/null 2>&1
}

if [ "$(uname -s)" != Linux ] || have_adapter; then
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    echo "No Vulkan driver was found. Please install your distribution's Mesa Vulkan drivers." >&2
    exit 0
fi
echo "No Vulkan driver was found. Installing the package mesa-vulkan-drivers (a software adapter)."
root=""
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "This needs root: run 'apt-get install mesa-vulkan-drivers' and try again." >&2
        exit 0
    fi
    root="sudo"
fi
$root apt-get update -qq || true
$root apt-get install -y -qq mesa-vulkan-drivers >/dev/null ||
    echo "The installation failed: without an adapter anygrad runs on its CPU interpreter." >&2
