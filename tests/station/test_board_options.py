"""The settings' options of boards reach the line."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from aoi_app.core.errors import FeatureError
from aoi_app.core.recipe import Recipe
from aoi_app.core.scan import ScanEnd
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


def test_transport_and_gap_policy_come_from_the_settings(tmp_path: Path) -> None:
    board = np.random.default_rng(5).integers(0, 256, (300, 128), dtype=np.uint8)
    file = tmp_path / "board.png"
    cv2.imwrite(str(file), board)
    assert np.array_equal(scanned(file, {}), board)
    assert np.array_equal(scanned(file, {"transport": "reverse"}), board[::-1])
    with pytest.raises(FeatureError, match="gap_policy"):
        scanned(file, {"gap_policy": "guess"})
