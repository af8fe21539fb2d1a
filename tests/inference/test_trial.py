"""The trial says which runtime is faster on this machine, and switches nothing."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from aoi_app.core.errors import EngineError
from aoi_app.inference import trial as module
from aoi_app.inference.comparison import REFERENCE, Comparison, Figures
from aoi_app.inference.frozen import FrozenBoard
from aoi_app.inference.trial import CANDIDATE, trial
from aoi_app.inference.yardstick import write_yardstick


@pytest.fixture
def boards(tmp_path: Path) -> tuple[FrozenBoard, ...]:
    noise = np.random.default_rng(0).integers(0, 255, (30, 40)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), cv2.resize(noise, (130, 100)))
    return (FrozenBoard(tmp_path / "a.png"),)


def test_both_are_measured_on_the_same_boards(boards: tuple[FrozenBoard, ...], tmp_path: Path) -> None:
    pytest.importorskip("openvino", reason="not installed")
    model = write_yardstick(tmp_path / "tiny.onnx", "tiny", size=64, classes=3)
    said = trial(model, boards, rounds=1)
    assert "is the faster one here" in said and "tiles a second" in said


def test_without_boards_or_without_openvino(
    boards: tuple[FrozenBoard, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if importlib.util.find_spec("openvino") is not None:
        with pytest.raises(EngineError, match="no images"):
            trial(tmp_path / "any.onnx", ())
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: None)
    assert "Install it with" in trial(tmp_path / "any.onnx", boards)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (Figures(CANDIDATE, tiles_per_second=80, reference_boxes=9), "OpenVINO is the faster one here"),
        (Figures(CANDIDATE, tiles_per_second=40, reference_boxes=9), "ONNX Runtime is the faster one here"),
        (Figures(CANDIDATE, tiles_per_second=80, lost_boxes=2, reference_boxes=9), "loses 2 of 9 boxes"),
        (Figures(CANDIDATE, error="no such operator"), "cannot run this model here: no such operator"),
    ],
)
def test_what_is_said(
    other: Figures, said: str, boards: tuple[FrozenBoard, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = write_yardstick(tmp_path / "tiny.onnx", "tiny", size=64, classes=3)
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: object())
    reference = Figures(REFERENCE, tiles_per_second=50, reference_boxes=9)
    found = Comparison("m", "machine", 1, 1, None, False, (reference, other), None)
    monkeypatch.setattr(module, "compare", lambda *_, **__: found)
    assert said in trial(model, boards)
