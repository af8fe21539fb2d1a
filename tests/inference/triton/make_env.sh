#!/usr/bin/env bash
# Makes the environment that the Triton server of the tests runs in: its Python side needs numpy below 2.
#   bash tests/inference/triton/make_env.sh [FOLDER]
# FOLDER is $AOI_TRITON_ENV, or a folder of the user's cache, where nothing is said. What stands is left as it is.
set -euo pipefail
target=${1:-${AOI_TRITON_ENV:-$HOME/.cache/aoi-station/triton-env}}
wanted="nvidia-pytriton==0.7.0 numpy==1.26.4 onnxruntime==1.31.1"
if [ "$(cat "$target/wanted" 2>/dev/null)" != "$wanted" ]; then
    "${AOI_PYTHON:-python3}" -m venv --clear "$target"
    # shellcheck disable=SC2086  # three packages, three words
    "$target/bin/python" -m pip install --quiet --disable-pip-version-check $wanted
    echo "$wanted" >"$target/wanted"
fi
echo "AOI_TRITON_ENV=$target"
