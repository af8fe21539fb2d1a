"""Boxes cut by the tiles of a board come back as they were, one each, in whatever steps they are merged."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from aoi_app.core.detection import Detections
from aoi_app.core.errors import EngineError
from aoi_app.inference.boxes import areas, intersection
from aoi_app.inference.merging import Merger
from aoi_app.inference.seen import touching
from aoi_app.inference.tiling import TilePlan
from tests.inference.merging_steps import assert_equal, merge, slowly

Boxes = NDArray[np.float32]


def seen(boxes: Boxes, kinds: NDArray[np.int32], plan: TilePlan, lines: int, jitter: float = 0.0) -> Detections:
    """Return what is left of `boxes` after cutting them to every tile, and merging that."""
    random = np.random.default_rng(0)
    parts = []
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
    return merge(parts, plan.tiles(lines), plan, lines)


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
    plan = TilePlan(170, 100, 100, 30)
    left, right = (
        Detections(np.array([box], np.float32), np.array([score], np.float32), np.array([kind], np.int32))
        for box, score, kind in (((92, 20, 100, 40), 0.4, 1), ((92, 20, 125, 40), 0.9, 0))
    )
    merged = merge([left, right], plan.tiles(100), plan, 100)
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
    plan = TilePlan(100, 128, 128, 30)
    merged = merge([found], plan.tiles(100), plan, 100)
    np.testing.assert_array_equal(merged.boxes, boxes)
    np.testing.assert_array_equal(merged.scores, found.scores)


@st.composite
def noise(draw: st.DrawFn) -> tuple[TilePlan, int, list[Detections], list[int]]:
    """Draw what tiles may say of a board that is bad all over, and where its batches end.

    Defects that several tiles see a little differently, and boxes that one tile only sees; crowded, cut, of equal
    scores, on whole pixels where many pairs agree equally well, or as large as a tile.
    """
    side = draw(st.integers(20, 100))
    overlap = draw(st.integers(0, side * 3 // 4))  # rows that lie three deep, too
    width, lines = draw(st.integers(15, 4 * side)), draw(st.integers(15, 4 * side))
    plan = TilePlan(width, side, side, overlap)
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    tiles = plan.tiles(lines)
    most, jitter, grid = draw(st.sampled_from([5, 20, 150])), draw(st.sampled_from([0, 1, 5])), draw(st.booleans())
    scores, kinds = draw(st.sampled_from([2, 4, 1000])), draw(st.integers(1, 3))
    corner = random.uniform(0, (plan.board_width, lines), (draw(st.integers(0, 60)), 2))
    defects = np.concatenate([corner, corner + random.uniform(1, most, corner.shape)], axis=1)
    kind_of = random.integers(0, kinds, len(defects))
    busy = draw(st.sampled_from([0.1, 1.0]))
    parts = []
    for tile in tiles:
        end = (min(tile.x + plan.width, plan.board_width), min(tile.y + plan.height, lines))
        alone = random.integers(0, 4)
        near = random.uniform((tile.x - most, tile.y - most), end, (alone, 2))
        boxes = np.concatenate([defects, np.concatenate([near, near + random.uniform(1, most, (alone, 2))], axis=1)])
        boxes = np.clip(boxes + random.uniform(-jitter, jitter, boxes.shape), (tile.x, tile.y) * 2, end * 2)
        boxes = (boxes.round() if grid else boxes).astype(np.float32)
        there = (boxes[:, 2:] > boxes[:, :2]).all(axis=1) & (random.random(len(boxes)) < busy)
        parts.append(
            Detections(
                boxes[there],
                (random.integers(1, scores + 1, len(boxes)) / np.float32(scores)).astype(np.float32)[there],
                np.concatenate([kind_of, random.integers(0, kinds, alone)]).astype(np.int32)[there],
            )
        )
    return plan, lines, parts, draw(st.lists(st.integers(0, len(tiles)), max_size=12))


@settings(max_examples=300, deadline=None)
@given(noise())
def test_merged_in_any_steps_or_at_once_it_is_the_same(
    drawn: tuple[TilePlan, int, list[Detections], list[int]],
) -> None:
    plan, lines, parts, ends = drawn
    tiles = plan.tiles(lines)
    expected = slowly(parts, plan, lines)
    assert_equal(merge(parts, tiles, plan, lines), expected)
    assert_equal(merge(parts, tiles, plan, lines, [0, *ends]), expected)
    assert_equal(merge(parts, tiles, plan, lines, range(1, len(tiles))), expected)


@pytest.mark.parametrize("width", [16_000, 600])
@pytest.mark.parametrize("overlap", [0, 40, 160])
def test_thousands_of_boxes(overlap: int, width: int) -> None:
    random = np.random.default_rng(overlap)
    plan = TilePlan(width, 320, 320, overlap)
    lines = 9_000_000 // width
    tiles = plan.tiles(lines)
    corner = random.uniform(0, (width - 60, lines - 60), (1_500, 2))
    defects = np.concatenate([corner, corner + random.uniform(5, 60, corner.shape)], axis=1)
    kinds = random.integers(0, 3, len(defects)).astype(np.int32)
    parts = []
    for tile in tiles:
        boxes = defects + random.normal(0, 0.7, defects.shape)
        boxes = np.clip(boxes, (tile.x, tile.y) * 2, (tile.x + 320, tile.y + 320) * 2)
        boxes = np.minimum(boxes, (width, lines) * 2)
        there = (boxes[:, 2:] - boxes[:, :2] > 2).all(axis=1)
        scores = random.uniform(0.3, 1, there.sum()).astype(np.float32)
        parts.append(Detections(boxes[there].astype(np.float32), scores, kinds[there]))
    expected = slowly(parts, plan, lines)
    assert 1_000 < len(expected) < sum(map(len, parts))
    assert_equal(merge(parts, tiles, plan, lines), expected)
    assert_equal(merge(parts, tiles, plan, lines, range(0, len(tiles), 16)), expected)


@pytest.mark.parametrize("counts", [(0, 7), (7, 0), (5, 40), (300, 200)])
def test_touching_is_the_same_for_few_and_for_many(counts: tuple[int, int]) -> None:
    random = np.random.default_rng(3)
    one, other = (
        np.concatenate([corner, -(corner + random.integers(1, 9, corner.shape))]).astype(np.float32)
        for corner in (random.integers(0, 60, (2, count)) for count in counts)
    )
    pairs = [
        (i, j)
        for i, a in enumerate(one.T)
        for j, b in enumerate(other.T)
        if a[0] <= -b[2] and b[0] <= -a[2] and a[1] <= -b[3] and b[1] <= -a[3]
    ]
    first, second = touching(one, other)
    assert sorted(zip(first.tolist(), second.tolist(), strict=True)) == pairs


def test_tiles_that_come_after_those_below_them_are_an_error() -> None:
    """What lies above was settled on the word that nothing comes there any more."""
    merger = Merger(TilePlan(64, 64, 64, 16))
    one = Detections(np.array([[1, 1, 9, 9]], np.float32), np.ones(1, np.float32), np.zeros(1, np.int32))
    merger.add(one, np.array([[0, 48]], np.int32), [1])
    with pytest.raises(EngineError, match="from line 0 on came after those from line 48 on"):
        merger.add(one, np.array([[0, 0]], np.int32), [1])
        merger.finish(112)
