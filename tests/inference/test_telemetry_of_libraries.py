"""What a plant inspects stays in the plant: no library of ours reports to its maker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aoi_app.inference.catalog import find_model

OPEN = """
import sys
from pathlib import Path
from aoi_app.inference.runtimes.table import open_detector
open_detector(Path(sys.argv[1])).close()
"""
# It is silent by itself where one of these says that this is a test, so that a test would see nothing.
_SILENT = ("CI", "ORT_", "GITHUB_", "TF_BUILD", "JENKINS", "BUILD", "GITLAB", "TRAVIS", "CIRCLECI")


def left_behind(home: Path) -> list[str]:
    """Return the files that ONNX Runtime has written for its maker, after a model was opened."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_SILENT)}
    environment |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
    command = [sys.executable, "-c", OPEN, str(find_model("pcb-bare"))]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return sorted(str(file) for file in home.rglob("*") if "onnxruntime" in str(file.relative_to(home)))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it writes to the system's own log")
def test_onnx_runtime_tells_nobody_which_models_are_opened(tmp_path: Path) -> None:
    """Seen in release 1.31: an event for each model, with its name and hashes, in the user's cache."""
    assert left_behind(tmp_path) == []
