"""Merging at its edges: ties that the whole board decides, and boxes that end just where others begin."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from aoi_app.core.detection import Detections
from aoi_app.inference.tiling import TilePlan
from tests.inference.merging_steps import assert_equal, merge, slowly

Box = tuple[float, float, float, float]
Found = tuple[int, Box, float]
"""Number of the tile, box and score of a detection."""


def merged(plan: TilePlan, lines: int, found: Sequence[Found]) -> Detections:
    """Merge at once, row by row and tile by tile; all give the same bytes as merging as it was first written."""
    tiles = plan.tiles(lines)
    parts = []
    for number in range(len(tiles)):
        here = [(box, score) for tile, box, score in found if tile == number]
        boxes = np.array([box for box, _ in here], np.float32).reshape(-1, 4)
        scores = np.array([score for _, score in here], np.float32)
        parts.append(Detections(boxes, scores, np.zeros(len(here), np.int32)))
    expected = slowly(parts, plan, lines)
    rows = len(plan.columns)
    for ends in ((), range(rows, len(tiles), rows), range(1, len(tiles))):
        assert_equal(merge(parts, tiles, plan, lines, ends), expected)
    return expected


# Where two pairs agree equally well, the one is taken first that begins first along the axis on which the boxes of the
# board are spread most: across these spread no less than down, unless the last one lies far below.
SPREADS = pytest.mark.parametrize(
    ("last", "along_y"), [((4, 240), True), ((350, 0), False), ((240, 240), False)], ids=["tall", "wide", "square"]
)


def others(plan: TilePlan, x: float, y: float) -> list[Found]:
    """Return a box that begins at (x, y), and one in the third row of tiles: what lies above that can be settled."""
    sees = next(
        k for k, tile in enumerate(plan.tiles(450)) if tile.x + 5 < x < tile.x + 86 and tile.y + 5 < y < tile.y + 86
    )
    return [(sees, (x, y, x + 9, y + 9), 0.7), (2 * len(plan.columns), (79, 180, 86, 190), 0.6)]


@SPREADS
def test_of_equal_scores_that_box_is_shown_which_was_united_first(last: tuple[int, int], along_y: bool) -> None:
    """Four tiles see one defect: the surest box is cut, and the next two are as sure and agree as well with it."""
    plan = TilePlan(450, 100, 100, 30)
    below = len(plan.columns)
    b, c = (79, 83, 91, 95), (77, 85, 89, 97)
    found: list[Found] = [(0, (78, 84, 90, 96), 0.9), (1, b, 0.8), (below, c, 0.8), (below + 1, (80, 86, 92, 98), 0.8)]
    result = merged(plan, 450, found + others(plan, c[0] + last[0], b[1] + last[1]))
    assert tuple(result.boxes[0].tolist()) == (b if along_y else c)
    assert result.scores[0] == np.float32(0.9)


@SPREADS
def test_which_of_two_boxes_agrees_with_that_of_another_tile_the_whole_board_decides(
    last: tuple[int, int], along_y: bool
) -> None:
    plan = TilePlan(450, 100, 100, 30)
    a, b, c = (78, 80, 90, 92), (79, 79, 91, 91), (77, 81, 89, 93)
    found: list[Found] = [(0, a, 0.9), (1, b, 0.8), (1, c, 0.8)]
    result = merged(plan, 450, found + others(plan, c[0] + last[0], b[1] + last[1]))
    assert [tuple(box) for box in result.boxes[:2].tolist()] == [a, c if along_y else b]
    assert len(result) == 4


def test_a_box_that_ends_where_the_tiles_to_come_begin_waits_for_them() -> None:
    plan = TilePlan(100, 100, 100, 30)
    found: list[Found] = [(0, (20, 30, 40, 70), 0.9), (1, (20, 70, 40, 72), 0.5)]
    result = merged(plan, 170, found)
    assert result.boxes.tolist() == [[20, 30, 40, 70]]


def test_what_hangs_together_with_a_box_that_waits_waits_too() -> None:
    plan = TilePlan(100, 100, 100, 30)
    found: list[Found] = [(0, (20, 50, 40, 100), 0.9), (1, (20, 70, 40, 150), 0.7), (2, (20, 140, 40, 150), 0.5)]
    result = merged(plan, 240, found)
    assert result.boxes.tolist() == [[20, 50, 40, 150]]


def test_a_box_that_begins_where_the_tile_before_ends_is_not_seen_by_one_tile_only() -> None:
    plan = TilePlan(170, 100, 100, 30)
    result = merged(plan, 100, [(0, (98, 20, 100, 40), 0.9), (1, (100, 20, 130, 40), 0.5)])
    assert result.boxes.tolist() == [[100, 20, 130, 40]] and result.scores.tolist() == [np.float32(0.9)]


def test_a_box_that_begins_as_far_from_an_edge_as_may_be_is_cut_by_it() -> None:
    plan = TilePlan(200, 100, 100, 0)
    found: list[Found] = [(1, (104, 20, 110, 40), 0.9), (1, (105, 19, 150, 41), 0.5), (0, (10, 10, 30, 30), 0.5)]
    result = merged(plan, 100, found)
    assert [104, 20, 110, 40] not in result.boxes.tolist() and len(result) == 2


def test_a_fragment_waits_for_a_box_that_begins_where_it_ends() -> None:
    """The box is not settled before its other half has come, and covers the fragment then."""
    plan = TilePlan(100, 100, 100, 30)
    found: list[Found] = [
        (0, (60, 10, 70, 20), 0.9),
        (1, (20, 70, 40, 74), 0.9),
        (1, (20, 74, 40, 150), 0.5),
        (2, (20, 140, 40, 150), 0.5),
    ]
    result = merged(plan, 240, found)
    assert result.boxes.tolist() == [[60, 10, 70, 20], [20, 74, 40, 150]]


def test_a_box_is_kept_for_a_fragment_that_begins_where_it_ends() -> None:
    """The fragment is settled when the next row of tiles has come; the box that covers it is final long before."""
    plan = TilePlan(100, 100, 100, 5)
    found: list[Found] = [(0, (20, 60, 40, 92), 0.5), (0, (20, 92, 40, 96), 0.9), (1, (60, 130, 70, 140), 0.5)]
    result = merged(plan, 195, found)
    assert result.boxes.tolist() == [[20, 60, 40, 92], [60, 130, 70, 140]]
