"""The settings' options of boards reach the line."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from aoi_app.core.errors import FeatureError
from aoi_app.core.recipe import Recipe
from aoi_app.core.scan import Pixels, ScanEnd
from aoi_app.core.settings import CameraSettings, Settings
from aoi_app.lines import LineOpener


def scanned(file: Path, options: dict[str, int | float | str | bool]) -> np.ndarray:
    camera = CameraSettings(source=str(file), line_rate=None, height=64, options=options)
    line = LineOpener()(Settings(camera=camera), Recipe())
    try:
        line.camera.start_acquisition()
        while True:
            block = line.camera.fetch(5.0)
            assert block is not None
            for event in line.assembler.feed(block):
                if isinstance(event, ScanEnd):
                    assert event.completeness.ok
                    return np.array(event.image)
    finally:
        line.camera.close()


def test_buffers_are_pinned_once_the_line_runs_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned: list[int] = []

    def pin(nbytes: int) -> Pixels:
        pinned.append(nbytes)
        return np.zeros(nbytes, np.uint8)

    monkeypatch.setattr("aoi_app.lines.board_memory", lambda runtime: pin if runtime == "tensorrt" else None)
    opener, camera = LineOpener(), CameraSettings(source="simulated:bare", options={"width": 256, "lines": 64})
    for runtime, blocks in (("onnxruntime", 0), ("tensorrt", 2), ("onnxruntime", 2), ("tensorrt", 2)):
        opener(Settings(camera=camera, runtime=runtime, ring_slots=2), Recipe(max_lines=100)).camera.close()
        assert len(pinned) == blocks


def test_transport_and_gap_policy_come_from_the_settings(tmp_path: Path) -> None:
    board = np.random.default_rng(5).integers(0, 256, (300, 128), dtype=np.uint8)
    file = tmp_path / "board.png"
    cv2.imwrite(str(file), board)
    assert np.array_equal(scanned(file, {}), board)
    assert np.array_equal(scanned(file, {"transport": "reverse"}), board[::-1])
    with pytest.raises(FeatureError, match="gap_policy"):
        scanned(file, {"gap_policy": "guess"})
