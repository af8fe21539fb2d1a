"""What shapes leave open is told by the values of an empty image."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from aoi_app.core.errors import ModelError
from aoi_app.inference.card import Channels, Family, card_path
from aoi_app.inference.layout import Form, anchors
from aoi_app.inference.model import read_model

from .conftest import MakeOnnx
from .exported import V5, V8, zeros

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


TWO = {"names": "['open', 'short']"}


def centres_of(strides: tuple[int, ...], per_cell: int, size: int = 640) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the (n, 2) centres of boxes in the order of YOLOv5: anchors of a level one after the other."""
    levels = []
    for stride in strides:
        places, width = anchors((size, size), (stride,))
        levels.append(np.tile((places * width).T, (per_cell, 1)))
    return np.concatenate(levels).astype(np.float32)


def test_four_anchors_a_cell_are_no_finer_grid(make_onnx: MakeOnnx) -> None:
    values = np.concatenate([centres_of((8, 16, 32), 4), np.full((33600, 5), 0.01, np.float32)], axis=1)
    model = read_model(make_onnx([("output", values, (1, 33600, 7))], metadata=TWO))
    assert (model.family, model.head.form) == (Family.YOLOV5, Form.OBJECTNESS)
    assert model.card.input.channels is Channels.RGB
    # The finer grid of the same number of cells is YOLOX's.
    values[:, :2] = centres_of((4, 8, 16), 1)
    assert read_model(make_onnx([("output", values, (1, 33600, 7))], metadata=TWO)).family is Family.YOLOX


@pytest.mark.parametrize("names", ["['defect']", "['open', 'short']"])
def test_an_end_to_end_head_with_a_row_for_every_cell(names: str, make_onnx: MakeOnnx) -> None:
    rows = np.tile(np.array([8, 8, 24, 40, 0, 0], np.float32), (189, 1))
    rows[:, 4] = np.linspace(0.1, 0, 189)
    rows[::3, 5] = names.count(",")
    how: dict[str, Any] = {"metadata": {"names": names}, "input_shape": (1, 3, 96, 96)}
    model = read_model(make_onnx([("output0", rows, (1, 189, 6))], **how))
    assert (model.family, model.head.form) == (Family.YOLOV10, Form.ROWS)
    rows[:, 4] = np.random.default_rng(0).random(189)  # in no order: scores of a grid
    rows[:, :2] = centres_of((8, 16, 32), 1, 96)
    assert read_model(make_onnx([("output0", rows, (1, 189, 6))], **how)).head.form is not Form.ROWS


def with_objectness(columns: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return what a network with an objectness gives for an empty image: nothing is there, but if, it were the last."""
    values = np.full((8400, columns), 0.02, np.float32)
    values[:, :2], values[:, 2:4], values[:, 4], values[:, -1] = centres_of((8, 16, 32), 1), 16, 1e-4, 0.4
    return values


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (with_objectness(7), "2 with an objectness before them"),
        (np.full((8400, 7), 0.4, np.float32), "belong to the cells"),
        (np.concatenate([with_objectness(7)] * 3), "2 with an objectness before them"),
    ],
    ids=["decoded", "not decoded", "three a cell"],
)
def test_a_card_with_a_name_too_many_is_found_out(
    values: np.ndarray[Any, np.dtype[np.float32]], said: str, make_onnx: MakeOnnx
) -> None:
    names = ["background", "open", "short"]
    path = make_onnx([("output", values, (1, *values.shape))])
    card_path(path).write_text(json.dumps({"classes": names, "px_per_mm": 20}))
    with pytest.raises(ModelError, match=said) as caught:
        read_model(path)
    assert "background" in caught.value.hint
    # What the exporter wrote itself is believed.
    told = make_onnx([("output", values, (1, *values.shape))], name="told.onnx", metadata={"names": str(names)})
    assert read_model(told).head.classes == 3


def test_a_card_of_another_family_is_told_what_the_file_is(make_onnx: MakeOnnx) -> None:
    path = make_onnx([("output0", zeros(84, 8400), (1, 84, 8400))], metadata=V8)
    card_path(path).write_text('{"family": "yolov5"}')
    with pytest.raises(ModelError, match="says yolov5, but the output output0 is laid out as yolov8"):
        read_model(path)


@pytest.mark.parametrize("count", [1, 2, 3, 80])
@pytest.mark.parametrize("empty", [True, False])
@pytest.mark.parametrize("size", [(192, 320), (128, 160)])
def test_rows_as_many_as_some_grid_has_cells(
    size: tuple[int, int], empty: bool, count: int, make_onnx: MakeOnnx
) -> None:
    # 300 are the cells of 192 x 320 px in strides of 16 and 32, and three for each of 128 x 160 px.
    rows = zeros(300, 6)
    if not empty:
        rows[0], rows[1] = (8, 8, 24, 40, 0.9, count - 1), (20, 30, 90, 60, 0.6, 0)
    names = {"names": str([f"class {i}" for i in range(count)])}
    model = read_model(make_onnx([("output0", rows, (1, 300, 6))], metadata=names, input_shape=(1, 3, *size)))
    assert (model.family, model.head.form) == (Family.YOLOV10, Form.ROWS)


def test_seven_classes_and_a_list_filled_up_with_rows_of_nothing(make_onnx: MakeOnnx) -> None:
    rows = np.full((9, 7), -1, np.float32)
    path = make_onnx([("output", rows, ("n", 7))], metadata=SEVEN, input_shape=(1, 3, 224, 224), bare=True)
    assert read_model(path).head.form is Form.BATCH_ROWS
