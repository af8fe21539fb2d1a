"""Boxes as shares of the image's sides are told from boxes in pixels; where nothing tells, nothing is guessed."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from aoi_app.core.errors import EngineError, ModelError
from aoi_app.inference.card import BoxUnit, Family, card_path
from aoi_app.inference.frozen import detect
from aoi_app.inference.heads import Decoder
from aoi_app.inference.layout import Form, HeadSpec, anchors
from aoi_app.inference.model import read_model
from aoi_app.inference.runtimes.table import open_detector

from .conftest import MakeOnnx
from .exported import zeros

SIDE = 96
CELLS = 189
TWO = {"names": "['open', 'short']"}
HOW: dict[str, Any] = {"metadata": TWO, "input_shape": (1, 3, SIDE, SIDE)}
BOX = np.array([24, 30, 60, 42], np.float32)
Floats = NDArray[np.float32]


def cell_centres() -> Floats:
    centres, stride = anchors((SIDE, SIDE), (8, 16, 32))
    placed: Floats = (centres * stride).T
    return placed


def rows(number: int, score: float = 0.9) -> Floats:
    """Return end-to-end rows in pixels: the first one is `BOX`, the others have no score to speak of."""
    found = zeros(300, 6)
    centres = cell_centres()[:number]
    found[:number, :2], found[:number, 2:4], found[:number, 4] = centres - 3, centres + 3, 1e-5
    found[0] = *BOX, score, 1
    return found


def cells(objectness: bool, corners: bool = False) -> Floats:
    """Return a value for each cell, centres and sides in pixels; cell 40 has `BOX`."""
    per_cell = 3 if objectness else 1
    values = np.full((CELLS * per_cell, (7 if objectness else 6)), 1e-5, np.float32)
    values[:, :2], values[:, 2:4] = np.tile(cell_centres(), (per_cell, 1)), 12
    values[40, :4] = *((BOX[:2] + BOX[2:]) / 2), *(BOX[2:] - BOX[:2])
    values[40, 4:] = 0.95
    values[40, -2] = 0.1
    if corners:
        values[:, :4] = np.concatenate([values[:, :2] - values[:, 2:4] / 2, values[:, :2] + values[:, 2:4] / 2], 1)
    return values


NETWORKS = {
    "rows": rows(CELLS),
    "few rows": rows(5),
    "classes": cells(False),
    "channels first": cells(False).T,
    "corners": cells(False, corners=True),
    "objectness": cells(True),
    "one a cell, decoded": np.insert(cells(False), 4, 0.95, axis=1),
}


def in_shares(values: Floats) -> Floats:
    """Return values whose boxes are shares of the sides."""
    boxes: Floats = values.copy()
    (boxes[:4] if len(values) == 6 else boxes[:, :4])[:] /= SIDE
    return boxes


@pytest.mark.parametrize("shares", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_what_an_empty_image_gives_tells_it(name: str, shares: bool, make_onnx: MakeOnnx) -> None:
    values = in_shares(NETWORKS[name]) if shares else NETWORKS[name]
    path = make_onnx([("output0", values, (1, *values.shape))], **HOW)
    assert read_model(path).head.unit is (BoxUnit.SHARES if shares else BoxUnit.PIXELS)
    detector = open_detector(path, min_confidence=0.5, overlap=16)
    found = detect(detector, np.zeros((SIDE, SIDE), np.uint8))
    detector.close()
    np.testing.assert_allclose(found.boxes, [BOX], atol=0.01)
    assert found.classes.tolist() == [1]


@pytest.mark.parametrize("number", [0, 1])
def test_a_list_that_tells_nothing_is_left_open_until_it_has_a_box(number: int, make_onnx: MakeOnnx) -> None:
    path = make_onnx([("output0", rows(CELLS)[:number], (1, "n", 6))], **HOW)
    assert read_model(path).head.unit is (BoxUnit.PIXELS if number else None)
    path = make_onnx([("output0", in_shares(rows(CELLS)[:number]), (1, "n", 6))], **HOW)
    assert read_model(path).head.unit is None
    if number:
        detector = open_detector(path, min_confidence=0.5, overlap=16)
        with pytest.raises(EngineError, match="look like shares") as caught:
            detect(detector, np.zeros((SIDE, SIDE), np.uint8))
        assert '"boxes": "shares"' in caught.value.hint
        detector.close()
        card_path(path).write_text(json.dumps({"boxes": "shares"}))
        detector = open_detector(path, min_confidence=0.5, overlap=16)
        np.testing.assert_allclose(detect(detector, np.zeros((SIDE, SIDE), np.uint8)).boxes, [BOX], atol=0.01)
        detector.close()


def test_a_card_against_what_the_network_gives_is_refused(make_onnx: MakeOnnx) -> None:
    for values, said, found in ((rows(CELLS), "shares", "pixels"), (in_shares(cells(False)), "pixels", "shares")):
        path = make_onnx([("output0", values, (1, *values.shape))], **HOW)
        card_path(path).write_text(json.dumps({"boxes": said}))
        with pytest.raises(ModelError, match=f"are in {said}, but the network gives {found}"):
            read_model(path)


def test_offsets_within_cells_are_no_shares(make_onnx: MakeOnnx) -> None:
    values = np.full((CELLS, 7), 1e-5, np.float32)
    values[:, :2] = np.random.default_rng(0).random((CELLS, 2))
    model = read_model(make_onnx([("output0", values, (1, *values.shape))], **HOW))
    assert (model.head.form, model.head.unit) == (Form.GRID, BoxUnit.PIXELS)


def counted(names: tuple[str, ...]) -> list[Any]:
    values = (zeros(1), zeros(9, 4), zeros(9), zeros(9))
    return [(name, value, (1, *value.shape)) for name, value in zip(names, values, strict=True)]


def test_tensorflows_boxes_begin_with_y(make_onnx: MakeOnnx) -> None:
    names = ("num_detections", "detection_boxes", "detection_scores", "detection_classes")
    path = make_onnx(counted(names), **HOW)
    assert read_model(path).head.unit is None
    card_path(path).write_text(json.dumps({"boxes": "shares"}))
    with pytest.raises(ModelError, match="y before x"):
        read_model(path)
    card_path(path).write_text(json.dumps({"boxes": "pixels"}))
    assert read_model(path).head.unit is BoxUnit.PIXELS


def test_a_tile_without_a_box_is_no_reason_and_one_beyond_the_corner_neither() -> None:
    head = HeadSpec(Family.YOLOV10, Form.ROWS, ("rows",), 2, unit=None)
    decoder = Decoder(head, (SIDE, SIDE), 0.5)
    assert len(decoder.decode([rows(CELLS, score=0.1)[None]], 1)[0]) == 0
    assert len(decoder.decode([rows(CELLS)[None]], 1)[0]) == 1
