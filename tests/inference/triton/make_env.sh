#!/usr/bin/env bash
# Makes the environment that the Triton server of the tests runs in: its Python side needs numpy below 2.
set -euo pipefail
target=${1:-${AOI_TRITON_ENV:-$HOME/.cache/aoi-station/triton-env}}
python3 -m venv "$target"
"$target/bin/python" -m pip install --quiet "nvidia-pytriton>=0.7" "numpy<2" onnxruntime
echo "AOI_TRITON_ENV=$target"
