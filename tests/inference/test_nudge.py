"""Golden pictures that lie some pixels off are laid onto the scan; those of other boards stay where they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi_app.boards import BoardSpec, Look, draw_window
from aoi_app.inference.nudge import REACH_PX, find_nudge, moved

SIZE = 320
BOARD = draw_window(BoardSpec(width=SIZE, lines=SIZE, look=Look.BINARY, defects=(4, 4)), 3)
OTHER = draw_window(BoardSpec(width=SIZE, lines=SIZE, look=Look.BINARY, defects=(0, 0)), 4)
SHIFTS = st.integers(-REACH_PX, REACH_PX)


@given(SHIFTS, SHIFTS)
@settings(max_examples=25, deadline=None)
def test_a_shift_within_reach_is_found_and_taken_back(x: int, y: int) -> None:
    off = moved(BOARD.golden, x, y)
    assert find_nudge(off, BOARD.image) == (-x, -y)
    inner = np.s_[2 * REACH_PX : -2 * REACH_PX, 2 * REACH_PX : -2 * REACH_PX]
    assert np.array_equal(moved(off, -x, -y)[inner], BOARD.golden[inner])


@pytest.mark.parametrize(
    "golden",
    [OTHER.golden, np.full((SIZE, SIZE), 255, np.uint8), BOARD.golden[:40, :40]],
    ids=["another board", "nothing on it", "too small"],
)
def test_nothing_is_moved_without_a_reason(golden: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    assert find_nudge(golden, BOARD.image) == (0, 0)
    assert moved(golden, 0, 0) is golden


def test_colours_and_pictures_of_unequal_size_are_compared_too() -> None:
    colour = np.repeat(moved(BOARD.golden, 5, -3)[:, :, None], 3, axis=2)
    assert find_nudge(colour, BOARD.image[:300]) == (-5, 3)
