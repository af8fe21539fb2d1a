from __future__ import annotations

import numpy as np

from aoi_app.boards import BoardSpec, Look, draw_board
from aoi_app.core.scan import BoardScan, PixelFormat
from aoi_app.inference.nudge import moved
from aoi_app.station.nudged_golden import FIRST_LINES, NudgedGolden

BOARD = draw_board(BoardSpec(width=768, lines=1_024, look=Look.BINARY, defects=(4, 4)), 2)


def nudged(x: int, y: int) -> NudgedGolden:
    scan = BoardScan("b", "b", BOARD.image, PixelFormat.MONO8, 0, 0)
    return NudgedGolden(moved(BOARD.golden, x, y), scan)


def test_rows_are_handed_out_once_the_picture_lies_on_the_scan() -> None:
    golden = nudged(6, -4)
    assert golden.advance(FIRST_LINES - 1) == 0
    assert golden.advance(FIRST_LINES) == FIRST_LINES
    assert golden.advance(1_024) == 1_024
    assert np.array_equal(golden.pixels[16:-16, 16:-16], BOARD.golden[16:-16, 16:-16])


def test_a_short_board_is_looked_at_when_it_has_ended() -> None:
    golden = nudged(-3, 2)
    assert golden.advance(500) == 0
    golden.finish(500)
    assert np.array_equal(golden.pixels[16:-16, 16:-16], BOARD.golden[16:-16, 16:-16])
