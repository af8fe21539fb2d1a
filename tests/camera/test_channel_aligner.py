from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi_app.camera.channel_aligner import ChannelAligner, row_offsets
from aoi_app.core.errors import FeatureError
from aoi_app.core.scan import LineBlock, PixelFormat

RGB = PixelFormat.RGB8


def as_seen(board: np.ndarray, offsets: tuple[int, int, int]) -> np.ndarray:
    """What a sensor whose rows come late by `offsets` lines delivers of a board; edges are repeated."""
    lines = np.arange(board.shape[0])
    late = [board[np.clip(lines - offset, 0, None), :, k] for k, offset in enumerate(offsets)]
    return np.stack(late, axis=-1)


@given(
    st.tuples(*[st.integers(0, 9)] * 3).filter(lambda offsets: min(offsets) == 0 and any(offsets)),
    st.lists(st.integers(1, 12), min_size=1, max_size=8),
)
def test_colours_of_a_line_come_together_over_the_borders_of_blocks(
    offsets: tuple[int, int, int], heights: list[int]
) -> None:
    board = np.random.default_rng(sum(heights)).integers(0, 256, (sum(heights), 5, 3), dtype=np.uint8)
    seen, aligner, first, got = as_seen(board, offsets), ChannelAligner(offsets), 0, []
    for number, height in enumerate(heights):
        block = LineBlock(seen[first : first + height], number, 0, encoder=first, starts_board=number == 0)
        got.append(aligner(block).pixels)
        first += height
    picture, lag = np.concatenate(got), max(offsets)
    assert np.array_equal(picture[lag:], board[: max(0, len(picture) - lag)])


@pytest.mark.parametrize(("number", "encoder", "follows"), [(1, 4, True), (1, 90, False), (2, 8, False)])
def test_only_lines_that_follow_give_their_colours(number: int, encoder: int, follows: bool) -> None:
    aligner = ChannelAligner((0, 1, 2))
    aligner(LineBlock(np.full((4, 5, 3), 10, np.uint8), 0, 0, encoder=0, starts_board=True))
    after = aligner(LineBlock(np.full((4, 5, 3), 99, np.uint8), number, 0, encoder=encoder, starts_board=True)).pixels
    assert (after[0, 0].tolist() == [10, 10, 99]) is follows
    assert after[2:].min() == 99


def test_a_board_does_not_take_the_colours_of_the_one_before_where_there_is_no_encoder() -> None:
    aligner = ChannelAligner((0, 1, 2))
    aligner(LineBlock(np.full((4, 5, 3), 10, np.uint8), 0, 0, starts_board=True, ends_board=True))
    after = aligner(LineBlock(np.full((4, 5, 3), 99, np.uint8), 1, 0, starts_board=True))
    assert after.pixels.min() == 99


@pytest.mark.parametrize("text", ["1,2", "a,b,c", "0,0,900"])
def test_offsets_that_cannot_be_are_refused(text: str) -> None:
    with pytest.raises(FeatureError, match="row_offsets"):
        row_offsets({"row_offsets": text}, RGB)


def test_offsets_count_from_the_first_row_and_want_colours() -> None:
    assert row_offsets({"row_offsets": "4, 8, 12"}, RGB) == (0, 4, 8)
    assert row_offsets({}, PixelFormat.MONO8) == (0, 0, 0)
    with pytest.raises(FeatureError, match="Mono8"):
        row_offsets({"row_offsets": "0,1,2"}, PixelFormat.MONO8)
