"""Families are told from files as the usual exporters write them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from aoi_app.inference.card import Channels, Family, card_path
from aoi_app.inference.layout import Form
from aoi_app.inference.model import read_model

from .conftest import MakeOnnx
from .exported import COCO, V5, V8, zeros

CASES: dict[str, tuple[list[Any], dict[str, Any], Family, Form, dict[str, Any]]] = {
    "v8 fixed": ([("output0", zeros(84, 8400), (1, 84, 8400))], {"metadata": V8}, Family.YOLOV8, Form.CLASSES, {}),
    "v8 dynamic": (
        [("output0", zeros(84, 8400), ("batch", 84, "anchors"))],
        {"metadata": V8, "input_shape": ("batch", 3, "height", "width")},
        Family.YOLOV8,
        Form.CLASSES,
        {"batch": None, "dynamic_size": True},
    ),
    "v8 nothing declared": (
        [("output0", zeros(84, 8400), None)],
        {"metadata": V8},
        Family.YOLOV8,
        Form.CLASSES,
        {"batch": 1},
    ),
    "v8 transposed": (
        [("output0", zeros(8400, 84), (1, 8400, 84))],
        {"metadata": V8},
        Family.YOLOV8,
        Form.CLASSES,
        {},
    ),
    "v8 half": (
        [("output0", zeros(84, 8400), (1, 84, 8400))],
        {"metadata": V8, "input_type": TensorProto.FLOAT16, "output_type": TensorProto.FLOAT16},
        Family.YOLOV8,
        Form.CLASSES,
        {"dtype": np.dtype(np.float16)},
    ),
    "v8 P2 head": (
        [("output0", zeros(84, 34000), (1, 84, 34000))],
        {"metadata": V8},
        Family.YOLOV8,
        Form.CLASSES,
        {},
    ),
    "v8 batch of four, not square": (
        [("output0", zeros(84, 5040), (4, 84, 5040))],
        {"metadata": V8, "input_shape": (4, 3, 384, 640)},
        Family.YOLOV8,
        Form.CLASSES,
        {"batch": 4, "size": (384, 640)},
    ),
    "v8 two classes": (
        [("output0", zeros(6, 8400), (1, 6, 8400))],
        {"metadata": {**V8, "names": "{0: 'a', 1: 'b'}"}},
        Family.YOLOV8,
        Form.CLASSES,
        {},
    ),
    "v8 two classes transposed": (
        [("output0", zeros(8400, 6), (1, 8400, 6))],
        {"metadata": {**V8, "names": "{0: 'a', 1: 'b'}"}},
        Family.YOLOV8,
        Form.CLASSES,
        {},
    ),
    "v5": ([("output0", zeros(25200, 85), (1, 25200, 85))], {"metadata": V5}, Family.YOLOV5, Form.OBJECTNESS, {}),
    "v5 one class": (
        [("output0", zeros(25200, 6), (1, 25200, 6))],
        {"metadata": {**V5, "names": "['defect']"}},
        Family.YOLOV5,
        Form.OBJECTNESS,
        {},
    ),
    "v5 one class is scored by its objectness": (
        [("output0", zeros(25200, 6), (1, 25200, 6))],
        {"metadata": {**V5, "names": "['defect']"}},
        Family.YOLOV5,
        Form.OBJECTNESS,
        {"objectness_alone": True},
    ),
    "v5 two classes are not": (
        [("output0", zeros(25200, 7), (1, 25200, 7))],
        {"metadata": {**V5, "names": "['open', 'short']"}},
        Family.YOLOV5,
        Form.OBJECTNESS,
        {"objectness_alone": False},
    ),
    "v5 two anchors a cell": (
        [("output0", zeros(16800, 7), (1, 16800, 7))],
        {"metadata": {**V5, "names": "['open', 'short']"}},
        Family.YOLOV5,
        Form.OBJECTNESS,
        {"objectness_alone": False},
    ),
    "v5 P7 head": (
        [("output0", zeros(102300, 7), (1, 102300, 7))],
        {"metadata": {**V5, "names": "['open', 'short']"}, "input_shape": (1, 3, 1280, 1280)},
        Family.YOLOV5,
        Form.OBJECTNESS,
        {},
    ),
    "v7 with grid, dynamic": (
        [("output", zeros(25200, 85), ("batch", 25200, "y"))],
        {"metadata": V5, "input_shape": ("batch", 3, "height", "width")},
        Family.YOLOV5,
        Form.OBJECTNESS,
        {"dynamic_size": True},
    ),
    "v8 one class": (
        [("output0", zeros(5, 8400), (1, 5, 8400))],
        {"metadata": {**V8, "names": "{0: 'defect'}"}},
        Family.YOLOV8,
        Form.CLASSES,
        {"objectness_alone": False},
    ),
    "v8 one class, no dimension known": (
        [("output0", zeros(5, 8400), (None, None, None))],
        {"metadata": {**V8, "names": "{0: 'defect'}"}, "input_shape": ("batch", 3, "height", "width")},
        Family.YOLOV8,
        Form.CLASSES,
        {},
    ),
    "v10 one class": (
        [("output0", zeros(300, 6), (1, 300, 6))],
        {"metadata": {**V8, "names": "{0: 'defect'}"}},
        Family.YOLOV10,
        Form.ROWS,
        {},
    ),
    "v26 end to end, as many rows as a grid has": (
        [("output0", zeros(300, 6), (1, 300, 6))],
        {
            "metadata": {**V8, "names": "{0: 'a', 1: 'b'}", "end2end": "True", "imgsz": "[128, 160]"},
            "input_shape": (1, 3, 128, 160),
        },
        Family.YOLOV10,
        Form.ROWS,
        {},
    ),
    "v26 without its end": (
        [("output0", zeros(84, 8400), (1, 84, 8400))],
        {"metadata": {**V8, "end2end": "False"}},
        Family.YOLOV8,
        Form.CLASSES,
        {},
    ),
    "v8 with suppression, as many rows as a grid has": (
        [("output0", zeros(300, 6), (1, 300, 6))],
        {"metadata": {**V8, "names": "['a', 'b']", "args": "{'nms': True}"}, "input_shape": (1, 3, 128, 160)},
        Family.YOLOV10,
        Form.ROWS,
        {},
    ),
    "v7 with TensorRT's suppression, sizes as texts": (
        [
            ("num_dets", zeros(1), ("1", "1")),
            ("det_boxes", zeros(100, 4), ("1", "100", "4")),
            ("det_scores", zeros(100), ("1", "100")),
            ("det_classes", zeros(100), ("1", "100")),
        ],
        {"metadata": V5},
        Family.YOLOV10,
        Form.COUNTED,
        {},
    ),
    "v5 channels first": (
        [("output0", zeros(85, 25200), (1, 85, 25200))],
        {"metadata": V5},
        Family.YOLOV5,
        Form.OBJECTNESS,
        {},
    ),
    "v5 dynamic": (
        [("output", zeros(25200, 85), ("batch", "anchors", 85))],
        {"metadata": V5, "input_shape": ("batch", 3, "height", "width")},
        Family.YOLOV5,
        Form.OBJECTNESS,
        {"batch": None},
    ),
    "v5 with feature maps": (
        [
            ("output", zeros(25200, 85), (1, 25200, 85)),
            ("345", zeros(3, 80, 80, 85), (1, 3, 80, 80, 85)),
            ("403", zeros(3, 40, 40, 85), (1, 3, 40, 40, 85)),
            ("461", zeros(3, 20, 20, 85), (1, 3, 20, 20, 85)),
        ],
        {"metadata": V5},
        Family.YOLOV5,
        Form.OBJECTNESS,
        {"output_names": ("output",)},
    ),
    "v9 two heads": (
        [("output0", zeros(84, 8400), (1, 84, 8400)), ("1909", zeros(84, 8400), (1, 84, 8400))],
        {"metadata": V5},
        Family.YOLOV8,
        Form.CLASSES,
        {"output_names": ("1909",)},
    ),
    "v10": ([("output0", zeros(300, 6), (1, 300, 6))], {"metadata": V8}, Family.YOLOV10, Form.ROWS, {}),
    "v10 two classes": (
        [("output0", zeros(300, 6), (1, 300, 6))],
        {"metadata": {**V8, "names": "{0: 'a', 1: 'b'}"}},
        Family.YOLOV10,
        Form.ROWS,
        {},
    ),
    "v8 with suppression, dynamic": (
        [("output0", zeros(0, 6), ("batch", "detections", 6))],
        {"metadata": V8, "input_shape": ("batch", 3, 640, 640)},
        Family.YOLOV10,
        Form.ROWS,
        {},
    ),
    "v10 with both branches": (
        [
            ("one2one", zeros(300, 6), (1, 300, 6)),
            ("one2many", zeros(84, 8400), (1, 84, 8400)),
            ("feat0", zeros(144, 80, 80), (1, 144, 80, 80)),
        ],
        {"metadata": V8},
        Family.YOLOV10,
        Form.ROWS,
        {"output_names": ("one2one",)},
    ),
    "grey input": (
        [("output0", zeros(84, 8400), (1, 84, 8400))],
        {"metadata": {**V8, "channels": "1"}, "input_shape": (1, 1, 640, 640)},
        Family.YOLOV8,
        Form.CLASSES,
        {},
    ),
    "bytes in, channels last": (
        [("output0", zeros(84, 8400), (1, 84, 8400))],
        {"metadata": V8, "input_shape": (1, 640, 640, 3), "input_type": TensorProto.UINT8},
        Family.YOLOV8,
        Form.CLASSES,
        {"channels_last": True, "dtype": np.dtype(np.uint8)},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_family_is_told_from_graph_and_metadata(case: str, make_onnx: MakeOnnx) -> None:
    outputs, how, family, form, expected = CASES[case]
    model = read_model(make_onnx(outputs, name="anything.onnx", **how))
    assert (model.family, model.head.form) == (family, form)
    for attribute, value in expected.items():
        assert getattr(model, attribute, getattr(model.head, attribute, None)) == value, attribute
    assert len(model.class_names) == model.head.classes


def grid_values(decoded: bool) -> np.ndarray[Any, np.dtype[np.float32]]:
    values = zeros(8400, 85)
    if decoded:
        centres = [
            np.stack(np.meshgrid(np.arange(640 // s), np.arange(640 // s)), -1).reshape(-1, 2) * s for s in (8, 16, 32)
        ]
        values[:, :2] = np.concatenate(centres)
    return values


@pytest.mark.parametrize("decoded", [False, True])
def test_yolox_raw_and_decoded(decoded: bool, make_onnx: MakeOnnx) -> None:
    path = make_onnx([("output", grid_values(decoded), (1, 8400, 85))])
    card_path(path).write_text(json.dumps({"classes": list(COCO.values())}))
    model = read_model(path)
    assert model.family is Family.YOLOX
    assert model.head.form is (Form.OBJECTNESS if decoded else Form.GRID)
    assert model.card.input.channels is Channels.BGR and model.card.input.scale == 1


def test_yolov6_looks_like_yolox_but_for_its_objectness_of_one(make_onnx: MakeOnnx) -> None:
    values = grid_values(True)
    values[:, 4] = 1
    path = make_onnx([("outputs", values, (1, 8400, 85))], metadata=V5)
    model = read_model(path)
    assert model.family is Family.YOLOV5 and model.head.form is Form.OBJECTNESS and not model.head.objectness_alone
    assert model.card.input.channels is Channels.RGB and model.card.input.scale == 1 / 255
    card_path(path).write_text(json.dumps({"family": "yolox"}))
    assert read_model(path).family is Family.YOLOX
