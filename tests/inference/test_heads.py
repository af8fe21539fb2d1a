"""Each family's values are decoded to the right boxes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from aoi_app.core.errors import EngineError
from aoi_app.inference.boxes import iou_matrix, suppress
from aoi_app.inference.card import Family
from aoi_app.inference.heads import Decoder
from aoi_app.inference.layout import Form, HeadSpec, cells

SIZE = (64, 96)
STRIDES = (8, 16, 32)
CELLS = cells(SIZE, STRIDES)
CLASSES = 3
BOXES = np.array([[8, 8, 24, 20], [40, 30, 90, 60]], np.float32)
SCORES = np.array([0.9, 0.6], np.float32)
KINDS = np.array([2, 0], np.int32)
Values = NDArray[np.float32]


def spec(form: Form, *, channels_first: bool = False, **how: Any) -> HeadSpec:
    outputs = ("a", "b", "c", "d") if form is Form.COUNTED else ("a",)
    return HeadSpec(Family.YOLOV8, form, outputs, CLASSES, channels_first, STRIDES, **how)


def grid() -> tuple[Values, Values]:
    """Return each anchor's cell corner (x, y in cells) and stride, written out one by one."""
    corners, strides = [], []
    for stride in STRIDES:
        for y in range(-(-SIZE[0] // stride)):
            for x in range(-(-SIZE[1] // stride)):
                corners.append((x, y))
                strides.append(stride)
    return np.array(corners, np.float32), np.array(strides, np.float32)


def sides() -> Values:
    return np.concatenate([(BOXES[:, :2] + BOXES[:, 2:]) / 2, BOXES[:, 2:] - BOXES[:, :2]], axis=1)


def classes_values() -> list[Values]:
    values = np.full((CELLS, 4 + CLASSES), 0.01, np.float32)
    for anchor, box, score, kind in zip((5, 40), sides(), SCORES, KINDS, strict=True):
        values[anchor, :4], values[anchor, 4 + kind] = box, score
    return [values]


def objectness_values() -> list[Values]:
    values = np.full((3 * CELLS, 5 + CLASSES), 0.01, np.float32)
    for anchor, box, score, kind in zip((5, 200), sides(), SCORES, KINDS, strict=True):
        values[anchor, :4], values[anchor, 4], values[anchor, 5 + kind] = box, 0.95, score / 0.95
    return [values]


def grid_values() -> list[Values]:
    corners, strides = grid()
    values = np.zeros((CELLS, 5 + CLASSES), np.float32)
    for anchor, box, score, kind in zip((5, 100), sides(), SCORES, KINDS, strict=True):
        values[anchor, :2] = box[:2] / strides[anchor] - corners[anchor]
        values[anchor, 2:4] = np.log(box[2:] / strides[anchor])
        values[anchor, 4], values[anchor, 5 + kind] = 0.95, score / 0.95
    return [values]


def own_values(bins: int) -> list[Values]:
    corners, strides = grid()
    values = np.full((CLASSES + 4 * bins, CELLS), -20, np.float32)
    for anchor, box, score, kind in zip((13, 112), BOXES, SCORES, KINDS, strict=True):
        centre = (corners[anchor] + 0.5) * strides[anchor]
        values[kind, anchor] = np.log(score / (1 - score))
        for side, distance in enumerate([*(centre - box[:2]), *(box[2:] - centre)]):
            low = int(distance / strides[anchor])
            share = distance / strides[anchor] - low
            row = CLASSES + side * bins + low
            values[row, anchor] = np.log(1 - share)
            values[row + 1, anchor] = np.log(share) if share > 0 else -40
    return [values]


def rows_values() -> list[Values]:
    values = np.zeros((20, 6), np.float32)
    values[[3, 7]] = np.concatenate([BOXES, SCORES[:, None], KINDS[:, None]], axis=1)
    return [values]


def counted_values() -> list[Values]:
    boxes, scores, kinds = np.zeros((9, 4), np.float32), np.full(9, 0.99, np.float32), np.zeros(9, np.float32)
    boxes[:2], scores[:2], kinds[:2] = BOXES, SCORES, KINDS
    return [np.array([2], np.float32), boxes, scores, kinds]


def corners_values() -> list[Values]:
    values = classes_values()[0]
    values[[5, 40], :4] = BOXES
    return [values]


CASES: dict[str, tuple[HeadSpec, list[Values]]] = {
    "corners": (spec(Form.CORNERS), corners_values()),
    "classes": (spec(Form.CLASSES), classes_values()),
    "classes, channels first": (spec(Form.CLASSES, channels_first=True), [classes_values()[0].T]),
    "objectness": (spec(Form.OBJECTNESS), objectness_values()),
    "objectness, channels first": (spec(Form.OBJECTNESS, channels_first=True), [objectness_values()[0].T]),
    "grid": (spec(Form.GRID), grid_values()),
    "own": (spec(Form.AOI, channels_first=True, reg_max=16), own_values(16)),
    "rows": (spec(Form.ROWS), rows_values()),
    "counted": (spec(Form.COUNTED), counted_values()),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("case", CASES)
def test_decodes_to_the_boxes_that_were_put_in(case: str, dtype: type) -> None:
    head, values = CASES[case]
    empty = [np.where(v > 0.5, 0, v) if head.form is not Form.AOI else np.full_like(v, -12) for v in values]
    outputs: list[NDArray[Any]] = [np.stack([e, v]).astype(dtype) for e, v in zip(empty, values, strict=True)]
    if head.form is Form.COUNTED:
        outputs[0][0] = 0
    nothing, found = Decoder(head, SIZE, 0.3).decode(outputs, 2)
    assert len(nothing) == 0
    assert found.boxes.dtype == np.float32 and found.classes.dtype == np.int32
    np.testing.assert_allclose(found.boxes, BOXES, atol=0.02 if dtype is np.float32 else 0.3)
    np.testing.assert_allclose(found.scores, SCORES, atol=2e-3)
    np.testing.assert_array_equal(found.classes, KINDS)


def test_rows_with_their_tile_in_front() -> None:
    rows = np.array(
        [[1, 8, 8, 24, 20, 2, 0.9], [0, 1, 1, 5, 5, 1, 0.8], [1, 40, 30, 90, 60, 0, 0.6], [1, 0, 0, 9, 9, 0, 0.1]],
        np.float32,
    )
    first, second = Decoder(spec(Form.BATCH_ROWS), SIZE, 0.3).decode([rows], 2)
    assert first.boxes.tolist() == [[1, 1, 5, 5]]
    np.testing.assert_array_equal(second.boxes, BOXES)
    assert len(Decoder(spec(Form.BATCH_ROWS), SIZE, 0.3).decode([rows[:0]], 1)[0]) == 0


def test_a_single_class_that_was_not_trained_does_not_halve_the_score() -> None:
    values = objectness_values()[0][None, :, :6].copy()
    values[0, :, 5] = 0.5
    head = replace(spec(Form.OBJECTNESS), classes=1)
    assert len(Decoder(head, SIZE, 0.6).decode([values], 1)[0]) == 0
    found = Decoder(replace(head, objectness_alone=True), SIZE, 0.6).decode([values], 1)[0]
    np.testing.assert_allclose(found.scores, [0.95, 0.95])
    np.testing.assert_allclose(found.boxes, BOXES)


def test_boxes_end_at_the_tile_and_threshold_holds() -> None:
    values = classes_values()[0][None].copy()
    values[0, 5, :4] = (0, 0, 30, 30)
    found = Decoder(spec(Form.CLASSES), SIZE, 0.7).decode([values], 1)[0]
    assert found.boxes.tolist() == [[0, 0, 15, 15]]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("case", ["classes", "objectness", "grid", "own", "rows"])
def test_values_that_are_no_numbers_are_an_error(case: str, value: float) -> None:
    head, values = CASES[case]
    broken = values[0].copy()
    broken[-1, -1] = value
    with pytest.raises(EngineError, match="no numbers"):
        Decoder(head, SIZE, 0.3).decode([broken[None]], 1)


ODD = {"of a class without a name": 3.0, "before the first class": -1.0, "a score": 0.93}


@pytest.mark.parametrize("number", list(ODD.values()), ids=list(ODD))
@pytest.mark.parametrize("form", [Form.ROWS, Form.BATCH_ROWS, Form.COUNTED])
def test_a_detection_without_a_name_never_vanishes(form: Form, number: float) -> None:
    if form is Form.COUNTED:
        outputs: list[NDArray[Any]] = [v[None] for v in counted_values()]
        outputs[3][0, 1] = number
        outputs[3][0, 8] = number  # beyond the number of detections: not looked at
    elif form is Form.ROWS:
        outputs = [rows_values()[0][None]]
        outputs[0][0, 7, 5] = number
    else:
        # Other exporters put the score before the class.
        outputs = [np.array([[0, 8, 8, 24, 20, number, 0.4], [1, 8, 8, 24, 20, 9, 0.9]], np.float32)]
    with pytest.raises(EngineError, match="the model names 3 classes, 0 to 2") as caught:
        Decoder(spec(form), SIZE, 0.3).decode(outputs, 1)
    assert f"class {number:g}" in caught.value.what


def test_a_short_batch_is_an_error() -> None:
    with pytest.raises(EngineError, match="for 2 tiles"):
        Decoder(spec(Form.CLASSES), SIZE, 0.3).decode([classes_values()[0][None]], 2)


def slow_suppress(boxes: Values, scores: Values, kinds: NDArray[np.int32], iou: float) -> dict[int, list[int]]:
    """Return the boxes that stay, best first, and which ones each of them beats."""
    kept: dict[int, list[int]] = {}
    for i in sorted(range(len(scores)), key=lambda i: (-scores[i], i)):
        for j, beaten in kept.items():
            if kinds[i] == kinds[j] and iou_matrix(boxes[[i]], boxes[[j]])[0, 0] > iou:
                beaten.append(i)
                break
        else:
            kept[i] = []
    return kept


@given(st.integers(0, 2**32 - 1), st.integers(0, 40), st.floats(0.1, 0.9))
def test_suppression_is_the_plain_greedy_one(seed: int, count: int, iou: float) -> None:
    random = np.random.default_rng(seed)
    corner = random.integers(0, 30, (count, 2))
    boxes = np.concatenate([corner, corner + random.integers(0, 20, (count, 2))], axis=1).astype(np.float32)
    scores = (random.integers(0, 10, count) / 40).astype(np.float32)
    kinds = random.integers(0, 3, count).astype(np.int32)
    kept, settled = suppress(boxes, scores, kinds, iou)
    wanted = slow_suppress(boxes, scores, kinds, iou)
    assert kept.tolist() == list(wanted)
    for i, box in zip(kept, settled, strict=True):
        weights, places = [1.0], [boxes[i]]
        for j in wanted[int(i)]:
            near = min(max((float(iou_matrix(boxes[[i]], boxes[[j]])[0, 0]) - 0.6) / 0.2, 0), 1)
            weights.append(max(1 - float(scores[i] - scores[j]) / 0.1, 0) * near)
            places.append(boxes[j])
        np.testing.assert_allclose(box, np.average(places, axis=0, weights=weights), atol=1e-4)


@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 0.01))
def test_the_last_bit_of_a_score_moves_no_box(seed: int, bit: float) -> None:
    """Of candidates that tie, another one wins in another precision; the defect stays where it was."""
    random = np.random.default_rng(seed)
    boxes = (np.array([100, 100, 150, 140]) + random.uniform(-1, 1, (6, 4))).astype(np.float32)
    kinds, scores = np.zeros(6, np.int32), np.full(6, 0.8, np.float32)
    settled = []
    for _ in range(2):
        kept, moved = suppress(boxes, scores + random.uniform(-bit, bit, 6).astype(np.float32), kinds, 0.5)
        assert len(kept) == 1
        settled.append(moved[0])
    assert np.abs(settled[0] - settled[1]).max() <= 2 * 2 * bit / 0.1 + 1e-3
