"""Families and names are told from files as the usual exporters write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from aoi_app.core.errors import ModelError
from aoi_app.inference.card import Channels, Family, card_path
from aoi_app.inference.layout import Form, anchors
from aoi_app.inference.model import read_model

from .conftest import MakeOnnx

COCO = {i: f"class {i}" for i in range(80)}
V8 = {
    "description": "A model trained on data.yaml",
    "author": "somebody",
    "version": "8.3.0",
    "stride": "32",
    "task": "detect",
    "batch": "1",
    "imgsz": "[640, 640]",
    "names": str(COCO),
    "args": "{'batch': 1, 'half': False, 'dynamic': False, 'simplify': True, 'opset': None, 'nms': False}",
    "channels": "3",
}
V5 = {"stride": "32", "names": str(COCO)}


def zeros(*shape: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.zeros(shape, np.float32)


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


SEVEN = {"names": "['a', 'b', 'c', 'd', 'e', 'f', 'g']"}


@pytest.mark.parametrize("batch", [1, "batch"])
def test_seven_classes_of_whole_images_are_no_rows_of_seven(batch: int | str, make_onnx: MakeOnnx) -> None:
    input_shape = (batch, 3, 224, 224)
    for values in (zeros(7), np.linspace(0.1, 0.2, 7)):
        path = make_onnx([("output", values, (batch, 7))], metadata=SEVEN, input_shape=input_shape)
        with pytest.raises(ModelError, match="classifies whole images"):
            read_model(path)
    row = np.array([0, 10, 10, 40, 60, 6, 0.4])
    path = make_onnx([("output", row, (batch, 7))], metadata=SEVEN, input_shape=input_shape)
    assert read_model(path).head.form is Form.BATCH_ROWS


def test_a_transformer_of_two_classes_is_no_list_of_six(make_onnx: MakeOnnx) -> None:
    values = np.random.default_rng(0).random((300, 6))
    path = make_onnx([("output0", values, (1, 300, 6))], metadata={**V8, "names": "{0: 'a', 1: 'b'}"})
    with pytest.raises(ModelError, match="transformer"):
        read_model(path)
    values[:, 5] = np.arange(300) % 2
    path = make_onnx([("output0", values, (1, 300, 6))], metadata={**V8, "names": "{0: 'a', 1: 'b'}"})
    assert read_model(path).head.form is Form.ROWS


@pytest.mark.parametrize("per_cell", [1, 3])
@pytest.mark.parametrize("channels_first", [True, False])
@pytest.mark.parametrize("corners", [True, False])
def test_boxes_by_corners_are_told_from_boxes_by_centre(
    corners: bool, channels_first: bool, per_cell: int, make_onnx: MakeOnnx
) -> None:
    places, stride = (np.tile(values, per_cell) for values in anchors((640, 640), (8, 16, 32)))
    reach = np.random.default_rng(0).uniform(0.5, 3, (4, 8400 * per_cell)) * stride
    first, last = places * stride - reach[:2], places * stride + reach[2:]
    values = zeros(84, 8400 * per_cell)
    values[:4] = np.concatenate([first, last] if corners else [(first + last) / 2, last - first])
    shown = values if channels_first else values.T
    model = read_model(make_onnx([("output", shown, (1, *shown.shape))], metadata=V8))
    assert model.family is (Family.YOLOV8 if per_cell == 1 else Family.YOLOV5)
    assert model.head.form is (Form.CORNERS if corners else Form.CLASSES)


@pytest.mark.parametrize("box", [(120, 230, 40, 60), (30, 30, 60, 60)])
def test_a_single_box_is_no_reason_to_take_it_for_corners(box: tuple[float, ...], make_onnx: MakeOnnx) -> None:
    values = zeros(84, 8400)
    values[:4, 7], values[4, 7] = box, 0.9
    assert read_model(make_onnx([("output", values, (1, 84, 8400))], metadata=V8)).head.form is Form.CLASSES


def test_yolov7_end_to_end(make_onnx: MakeOnnx) -> None:
    path = make_onnx([("output", zeros(7), ("num_dets", 7))], input_shape=("batch", 3, 640, 640), metadata=V5)
    model = read_model(path)
    assert model.head.form is Form.BATCH_ROWS


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{0: 'open', 1: 'short'}", ("open", "short")),
        ('{"0": "open", "1": "short"}', ("open", "short")),
        ("{1: 'short', 0: 'open'}", ("open", "short")),
        ("['open', 'short']", ("open", "short")),
        ('["open", "short"]', ("open", "short")),
        ("open, short", ("open", "short")),
        ("open\nshort\n", ("open", "short")),
        ("{0: 'd\\'or', 1: '短路'}", ("d'or", "短路")),
    ],
)
def test_names_as_exporters_write_them(text: str, names: tuple[str, ...], make_onnx: MakeOnnx) -> None:
    model = read_model(make_onnx([("output0", zeros(6, 8400), (1, 6, 8400))], metadata={"names": text}))
    assert model.class_names == names


REFUSED: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "segmentation by task": (
        [("output0", zeros(116, 8400), (1, 116, 8400)), ("output1", zeros(32, 160, 160), (1, 32, 160, 160))],
        {"metadata": {**V8, "task": "segment"}},
        "task 'segment'",
    ),
    "segmentation by shape": (
        [("output0", zeros(116, 8400), (1, 116, 8400)), ("output1", zeros(32, 160, 160), (1, 32, 160, 160))],
        {"metadata": V5},
        "segmentation network",
    ),
    "pose": (
        [("output0", zeros(56, 8400), (1, 56, 8400))],
        {"metadata": {"names": "{0: 'person'}"}},
        "pose network: output0 (1, 56, 8400)",
    ),
    "rotated boxes": ([("output0", zeros(85, 8400), (1, 85, 8400))], {"metadata": V5}, "rotated boxes"),
    "classification": ([("output0", zeros(80), (1, 80))], {"metadata": V5}, "classifies whole images"),
    "no names": (
        [("output0", zeros(84, 8400), (1, 84, 8400))],
        {"metadata": {"stride": "32"}},
        "does not say what its classes are called",
    ),
    "unreadable names": (
        [("output0", zeros(84, 8400), (1, 84, 8400))],
        {"metadata": {"names": "{0: 'a', 2: "}},
        "names = \"{0: 'a', 2:",
    ),
    "names with a hole": (
        [("output0", zeros(6, 8400), (1, 6, 8400))],
        {"metadata": {"names": "{0: 'a', 2: 'c'}"}},
        "cannot be read",
    ),
    "wrong number of names": (
        [("output0", zeros(84, 8400), (1, 84, 8400))],
        {"metadata": {"names": "['a', 'b']"}},
        "do not fit a detector with 2 classes: output0 (1, 84, 8400)",
    ),
    "five channels": (
        [("output0", zeros(84, 8400), (1, 84, 8400))],
        {"metadata": V8, "input_shape": (1, 5, 640, 640)},
        "images (1, 5, 640, 640) float; expected an image",
    ),
    "rank three": (
        [("output0", zeros(84, 8400), (1, 84, 8400))],
        {"metadata": V8, "input_shape": (3, 640, 640)},
        "images (3, 640, 640)",
    ),
    "double": (
        [("output0", zeros(84, 8400), (1, 84, 8400))],
        {"metadata": V8, "input_type": TensorProto.DOUBLE},
        "expected float32, float16 or uint8",
    ),
    "two inputs": (
        [("output0", zeros(84, 8400), (1, 84, 8400))],
        {"metadata": V8, "extra_inputs": ["orig_target_sizes"]},
        "2 inputs",
    ),
    "two channels without a card": (
        [("output0", zeros(84, 8400), (1, 84, 8400))],
        {"metadata": V8, "input_shape": (1, 2, 640, 640)},
        "2 channels and no card",
    ),
    "feature maps only": (
        [(f"p{s}", zeros(3, s, s, 85), (1, 3, s, s, 85)) for s in (80, 40, 20)],
        {"metadata": V5},
        "bare feature maps",
    ),
    "no batch of images": (
        [("output0", zeros(84, 8400), (1, 84, 8400))],
        {"metadata": V8, "input_shape": (1, 3, 99999, 99999)},
        "sides of 32 to 4096 px",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_detector_is_refused_by_name(case: str, make_onnx: MakeOnnx) -> None:
    outputs, how, message = REFUSED[case]
    path = make_onnx(outputs, **how)
    with pytest.raises(ModelError) as caught:
        read_model(path)
    assert message in str(caught.value)
    assert caught.value.hint


def test_broken_files_are_refused(tmp_path: Path, make_onnx: MakeOnnx) -> None:
    good = make_onnx([("output0", zeros(84, 8400), (1, 84, 8400))], metadata=V8).read_bytes()
    for name, data in {
        "empty": b"",
        "text": b"this is no network\n" * 50,
        "cut short": good[: len(good) // 2],
        "altered": good[:40] + bytes(200) + good[240:],
        "picture": b"\x89PNG\r\n\x1a\n" + bytes(1000),
    }.items():
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(data)
        with pytest.raises(ModelError) as caught:
            read_model(path)
        assert path.name in str(caught.value)
    (tmp_path / "small.onnx").write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(100))
    with pytest.raises(ModelError, match="is a LiteRT file"):
        read_model(tmp_path / "small.onnx")
    with pytest.raises(ModelError, match="cannot be read"):
        read_model(tmp_path / "missing.onnx")


def test_card_of_another_file_is_refused(make_onnx: MakeOnnx) -> None:
    path = make_onnx([("output0", zeros(84, 8400), (1, 84, 8400))], metadata=V8)
    card_path(path).write_text(json.dumps({"classes": list(COCO.values()), "sha256": "0" * 64}))
    with pytest.raises(ModelError, match="belongs to another file"):
        read_model(path)
    card_path(path).write_text('{"klasses": []}')
    with pytest.raises(ModelError, match="card of model"):
        read_model(path)
