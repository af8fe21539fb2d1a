"""Networks of every family, exported by PyTorch, find on a board what was planted in them: colour, score and place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aoi_app.inference.card import Family, card_path
from aoi_app.inference.frozen import detect
from aoi_app.inference.layout import Form
from aoi_app.inference.model import read_model
from aoi_app.inference.runtimes.table import open_detector

planted = pytest.importorskip("tests.inference.planted", reason="PyTorch is not installed", exc_type=ImportError)

NAMES = dict(enumerate(planted.CLASSES))
ULTRALYTICS = {"stride": 32, "task": "detect", "batch": 1, "imgsz": [planted.SIDE] * 2, "names": NAMES}
V5 = {"stride": 32, "names": NAMES}
ANY_SIZE = {"images": {0: "batch", 2: "height", 3: "width"}, "output0": {0: "batch", 2: "anchors"}}
ANY_BATCH = {"images": {0: "batch"}, "output0": {0: "batch"}}
EXACT = 0.002

CASES: dict[str, tuple[Any, dict[str, Any], Family, Form]] = {
    "v8": (planted.ByClasses(), {"metadata": ULTRALYTICS}, Family.YOLOV8, Form.CLASSES),
    "v8, opset 12": (planted.ByClasses(), {"metadata": ULTRALYTICS, "opset": 12}, Family.YOLOV8, Form.CLASSES),
    "v8, any size": (
        planted.ByClasses(),
        {"metadata": ULTRALYTICS, "dynamic": ANY_SIZE},
        Family.YOLOV8,
        Form.CLASSES,
    ),
    "v8, four at a time": (
        planted.ByClasses(),
        {"metadata": {**ULTRALYTICS, "batch": 4}, "batch": 4},
        Family.YOLOV8,
        Form.CLASSES,
    ),
    "v8, half": (planted.ByClasses(), {"metadata": ULTRALYTICS, "half": True}, Family.YOLOV8, Form.CLASSES),
    "v10": (planted.ByClasses(end_to_end=True), {"metadata": ULTRALYTICS}, Family.YOLOV10, Form.ROWS),
    "v26, any batch, half": (
        planted.ByClasses(end_to_end=True),
        {"metadata": {**ULTRALYTICS, "end2end": True}, "dynamic": ANY_BATCH, "half": True},
        Family.YOLOV10,
        Form.ROWS,
    ),
    "v5": (planted.ByObjectness(), {"metadata": V5, "opset": 12}, Family.YOLOV5, Form.OBJECTNESS),
    "v5, half": (planted.ByObjectness(), {"metadata": V5, "half": True}, Family.YOLOV5, Form.OBJECTNESS),
    "YOLOX": (planted.Yolox(), {"opset": 11, "dynamic": ANY_BATCH}, Family.YOLOX, Form.GRID),
    "YOLOX, decoded": (planted.Yolox(decoded=True), {"opset": 11}, Family.YOLOX, Form.OBJECTNESS),
    "v6": (planted.Yolox(v6=True), {"opset": 12}, Family.YOLOV5, Form.OBJECTNESS),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("case", CASES)
def test_what_was_planted_is_found(case: str, tmp_path: Path) -> None:
    network, how, family, form = CASES[case]
    path = planted.export(network, tmp_path / "any.onnx", **how)
    if "metadata" not in how:  # these exporters write no names
        card_path(path).write_text(json.dumps({"classes": planted.CLASSES}))
    model = read_model(path)
    assert (model.family, model.head.form, model.size) == (family, form, (planted.SIDE, planted.SIDE))
    detector = open_detector(path, min_confidence=0.3, overlap=32)
    try:
        found = detect(detector, planted.board())
    finally:
        detector.close()
    assert [model.class_names[kind] for kind in found.classes] == ["red"]
    half = how.get("half", False)
    np.testing.assert_allclose(found.boxes, [planted.BOX], atol=0.5 if half else 0.01)
    np.testing.assert_allclose(found.scores, [planted.SCORE], atol=10 * EXACT if half else EXACT)
