from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.inference.conftest import write_network


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A YOLOv8 network as its exporter writes it, that finds one short at (100, 200, 140, 260) on every tile."""
    head = np.zeros((4 + 2, 8_400), np.float32)
    head[:4, 7] = (120, 230, 40, 60)
    head[4 + 1, 7] = 0.8
    return write_network(
        tmp_path / "any.onnx",
        [("output0", head, ("batch", 6, 8_400))],
        input_shape=("batch", 3, 640, 640),
        metadata={"names": "{0: 'open', 1: 'short'}", "task": "detect", "stride": "32"},
    )


@pytest.fixture
def boards(tmp_path: Path) -> Path:
    """Three boards; the second file is no image."""
    folder = tmp_path / "boards"
    folder.mkdir()
    for name in ("a1", "a3"):
        cv2.imwrite(str(folder / f"{name}.png"), np.full((640, 640), 90, np.uint8))
    (folder / "a2.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    return folder
