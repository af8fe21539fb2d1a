"""What the station does when the GPU is lost or full: the next engine of the order, announced."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from aoi_app.core.errors import EngineError
from aoi_app.inference.model import read_model
from aoi_app.inference.runtimes.tensorrt.gpu.driver import enter
from aoi_app.inference.runtimes.tensorrt.gpu.memory import DeviceBuffer, memory_info
from aoi_app.inference.runtimes.tensorrt.loader import TensorRt
from tests.gpu import rehearsal

MIB = 1024 * 1024
Options = dict[str, int | str]


def test_a_lost_gpu_leaves_the_board_to_the_cpu(network: Path, options: Options) -> None:
    command = [*rehearsal.python(), "-m", "tests.gpu.lose_gpu", str(network), str(options["store"])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert "the GPU is lost" in told["said"]
    assert told["runs"].startswith("ONNX Runtime")
    assert abs(told["boxes"][0] - told["boxes"][1]) <= 0.1 * told["boxes"][0] + 2
    assert sum("trying" in line for line in told["log"]) == 2, "fp16, then fp32, then the CPU: each step is announced"


def test_a_gpu_that_hangs_costs_one_board_and_lets_the_process_end(network: Path, options: Options) -> None:
    command = [*rehearsal.python(), "-m", "tests.gpu.hang_gpu", str(network), str(options["store"])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["before"].startswith("TensorRT") and not told["after"].startswith("TensorRT")
    assert len(told["errors"]) == 1 and "has not answered" in told["errors"][0]
    assert told["in order"] and told["lost"] == 0
    assert any("has not answered" in what for what in told["said"])


def test_memory_that_is_not_there_is_refused_with_the_sum(network: Path, options: Options) -> None:
    enter()
    hog = DeviceBuffer(memory_info()[0] - 64 * MIB)
    try:
        with pytest.raises(EngineError, match=r"weights .* = \d+ MiB are needed"):
            TensorRt().open(
                read_model(network), "fp16", options, lambda share, text: None, min_confidence=0.25, overlap=64
            )
    finally:
        hog.free()
