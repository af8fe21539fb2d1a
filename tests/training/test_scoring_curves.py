from __future__ import annotations

import numpy as np
import pytest

from aoi_app.core.detection import Detections
from aoi_app.inference.metrics import Truth
from aoi_app.training.curves import drawn_curves
from aoi_app.training.scoring.curves import panels

THERE = Truth(np.array([[0, 0, 20, 20], [40, 40, 60, 60]], np.float32), np.array([0, 0], np.int32))
SEEN = Detections(
    np.array([[0, 0, 20, 20], [80, 80, 99, 99], [41, 40, 60, 60]], np.float32),
    np.array([0.9, 0.6, 0.3], np.float32),
    np.array([0, 0, 0], np.int32),
)


def test_the_curves_tell_what_each_threshold_gives() -> None:
    found = panels([SEEN], [THERE], ["short", "open"])
    by_confidence = found[0][1]
    assert [by_confidence["recall"][i] for i in (0, 50, 80, 100)] == [1.0, 0.5, 0.5, 0.0]
    assert [by_confidence["precision"][i] for i in (0, 50, 80, 100)] == pytest.approx([2 / 3, 0.5, 1.0, 1.0])
    assert found[1][1]["wrong calls"][40] == 1.0  # at 0.5
    # of the classes only one has a defect
    assert list(found[2][1]) == ["short"]
    assert found[2][1]["short"][50] == 1.0
    assert found[2][1]["short"][100] == pytest.approx(2 / 3)
    picture = drawn_curves(found)
    assert picture.count("<polyline") == 5
    assert "nan" not in picture


def test_a_model_that_finds_nothing_has_curves_too() -> None:
    found = panels([Detections.empty()], [THERE], ["short"])
    assert set(found[0][1]["recall"]) == {0.0}
    assert set(found[2][1]["short"]) == {0.0}
    assert "<svg" in drawn_curves(found)
