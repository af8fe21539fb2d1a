"""The plan covers every pixel, shares what it promises, and grows with the lines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi_app.core.errors import EngineError
from aoi_app.inference.tiling import TilePlan

plans = st.builds(
    lambda width, side, overlap: TilePlan(width, side, side, min(overlap, side * 3 // 4)),
    st.integers(1, 700),
    st.integers(32, 128),
    st.integers(0, 100),
)


@given(plans, st.integers(1, 700))
def test_every_pixel_is_covered_and_no_tile_leaves_a_board_that_holds_it(plan: TilePlan, lines: int) -> None:
    seen = np.zeros((lines, plan.board_width), bool)
    for tile in plan.tiles(lines):
        seen[tile.y : tile.y + plan.height, tile.x : tile.x + plan.width] = True
        assert tile.x + plan.width <= max(plan.board_width, plan.width)
        assert tile.y + plan.height <= max(lines, plan.height)
    assert seen.all()


@given(plans, st.integers(1, 700))
def test_neighbours_share_the_overlap(plan: TilePlan, lines: int) -> None:
    tiles = plan.tiles(lines)
    for values, side in (([t.x for t in tiles], plan.width), ([t.y for t in tiles], plan.height)):
        steps = np.diff(np.unique(values))
        assert (steps <= side - plan.overlap).all() and (steps > 0).all()


@given(plans, st.lists(st.integers(0, 700), min_size=1, max_size=12))
def test_rows_are_announced_once_and_only_with_their_lines(plan: TilePlan, arrivals: list[int]) -> None:
    done = 0
    for lines in sorted(arrivals):
        ready = plan.rows_within(lines)
        assert ready >= done
        assert all(plan.row(row)[0].y + plan.height <= lines for row in range(done, ready))
        done = ready


@pytest.mark.parametrize("overlap", [64, 100, -1])
def test_an_overlap_that_leaves_no_step_is_refused(overlap: int) -> None:
    with pytest.raises(EngineError, match="overlap"):
        TilePlan(1000, 64, 64, overlap)
