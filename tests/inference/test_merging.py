"""Boxes cut by the tiles of a board come back as they were, one each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from aoi_app.core.detection import Detections
from aoi_app.inference.boxes import areas, intersection
from aoi_app.inference.merging import merge
from aoi_app.inference.tiling import TilePlan

Boxes = NDArray[np.float32]


def seen(boxes: Boxes, kinds: NDArray[np.int32], plan: TilePlan, lines: int, jitter: float = 0.0) -> Detections:
    """Return what is left of `boxes` after cutting them to every tile, and merging that."""
    random = np.random.default_rng(0)
    parts, tiles = [], []
    for tile in plan.tiles(lines):
        end = (min(tile.x + plan.width, plan.board_width), min(tile.y + plan.height, lines))
        rect = np.array([tile.x, tile.y, *end], np.float32)
        cut = np.asarray(intersection(boxes, rect[None]), np.float32)
        # A network needs something to see: slivers of a pixel are not detected.
        there = (cut[:, 2:] - cut[:, :2] >= 1).all(axis=1)
        cut = cut[there]
        if jitter:
            cut = np.clip(cut + random.uniform(-jitter, jitter, cut.shape), [*rect[:2]] * 2, [*rect[2:]] * 2)
        scores = random.uniform(0.5, 1, len(cut)).astype(np.float32)
        parts.append(Detections(cut.astype(np.float32), scores, kinds[there]))
        tiles += [[tile.x, tile.y, tile.x + plan.width, tile.y + plan.height]] * len(cut)
    return merge(Detections.concatenate(parts), np.array(tiles, np.float32).reshape(-1, 4), plan.board_width, lines)


def in_order(boxes: Boxes, kinds: NDArray[np.int32]) -> list[tuple[float, ...]]:
    return sorted((*map(float, box), int(kind)) for box, kind in zip(boxes, kinds, strict=True))


@st.composite
def scenes(draw: st.DrawFn) -> tuple[TilePlan, int, Boxes, NDArray[np.int32]]:
    """Draw a plan and boxes that do not touch each other, of any size: dots, long scratches, half the board."""
    side = draw(st.integers(64, 160))
    plan = TilePlan(draw(st.integers(30, 600)), side, side, draw(st.integers(12, side // 2)))
    lines = draw(st.integers(30, 600))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kept = np.zeros((0, 4), np.float32)
    for _ in range(draw(st.integers(0, 25))):
        w, h = random.integers(3, random.choice([12, 40, 400]), 2)
        x, y = random.integers(0, max(plan.board_width - w, 1)), random.integers(0, max(lines - h, 1))
        box = np.array([[x, y, min(x + w, plan.board_width), min(y + h, lines)]], np.float32)
        near = box + np.array([-2, -2, 2, 2], np.float32)
        if (box[:, 2:] - box[:, :2] >= 3).all() and not areas(intersection(near, kept)).any():
            kept = np.concatenate([kept, box])
    return plan, lines, kept, random.integers(0, 3, len(kept)).astype(np.int32)


@given(scenes())
def test_random_boxes_on_random_boards_come_back(scene: tuple[TilePlan, int, Boxes, NDArray[np.int32]]) -> None:
    plan, lines, boxes, kinds = scene
    merged = seen(boxes, kinds, plan, lines)
    assert in_order(merged.boxes, merged.classes) == in_order(boxes, kinds)


@pytest.mark.parametrize(
    "box",
    [
        (90, 20, 110, 40),
        (60, 60, 140, 90),
        (10, 10, 390, 24),
        (10, 10, 24, 390),
        (5, 5, 395, 395),
        (98, 98, 102, 102),
    ],
)
def test_a_defect_on_a_seam_is_one_defect_though_tiles_see_it_a_little_differently(box: tuple[int, ...]) -> None:
    plan = TilePlan(400, 100, 100, 30)
    merged = seen(np.array([box], np.float32), np.zeros(1, np.int32), plan, 400, jitter=1.0)
    assert len(merged) == 1
    np.testing.assert_allclose(merged.boxes[0], box, atol=2)


def test_a_fragment_that_was_taken_for_another_class_goes() -> None:
    tiles = np.array([[0, 0, 100, 100], [70, 0, 170, 100]], np.float32)
    both = Detections(
        np.array([[92, 20, 100, 40], [92, 20, 125, 40]], np.float32),
        np.array([0.4, 0.9], np.float32),
        np.array([1, 0], np.int32),
    )
    merged = merge(both, tiles, 170, 100)
    assert merged.classes.tolist() == [0]


def test_two_defects_side_by_side_on_a_seam_stay_two() -> None:
    plan = TilePlan(170, 100, 100, 30)
    boxes = np.array([[72, 20, 84, 40], [86, 20, 98, 40]], np.float32)
    assert len(seen(boxes, np.zeros(2, np.int32), plan, 100, jitter=0.5)) == 2


def test_a_board_of_one_tile_comes_back_unchanged() -> None:
    random = np.random.default_rng(1)
    corner = random.uniform(0, 60, (50, 2))
    boxes = np.concatenate([corner, corner + random.uniform(1, 40, (50, 2))], axis=1).astype(np.float32)
    found = Detections(boxes, random.uniform(0, 1, 50).astype(np.float32), random.integers(0, 2, 50).astype(np.int32))
    merged = merge(found, np.tile(np.array([0, 0, 128, 128], np.float32), (50, 1)), 100, 100)
    np.testing.assert_array_equal(merged.boxes, boxes)
    np.testing.assert_array_equal(merged.scores, found.scores)
