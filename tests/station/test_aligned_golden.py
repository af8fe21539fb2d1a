from __future__ import annotations

import cv2
import numpy as np
import pytest

from aoi_app.boards import BoardSpec, Look, draw_board
from aoi_app.core.errors import RecipeError
from aoi_app.core.scan import BoardScan, PixelFormat, Pixels
from aoi_app.station.aligned_golden import AlignedGolden

WIDTH, LINES = 1_024, 2_048
BOARD = draw_board(BoardSpec(width=WIDTH, lines=LINES, look=Look.LINE_SCAN, defects=(6, 6)), 5)


def scan_of(pixels: Pixels) -> BoardScan:
    return BoardScan("b", "b", pixels, PixelFormat.MONO8, 0, 0)


def test_rows_grow_with_the_scan_and_lie_where_the_scan_has_them() -> None:
    matrix = np.array([[1, -0.005, 14.0], [0.005, 1.004, -8.0]])
    scan = cv2.warpAffine(BOARD.image, matrix, (WIDTH, LINES), borderValue=(190,) * 3).astype(np.uint8)
    aligned = AlignedGolden(BOARD.golden, scan_of(scan))
    assert aligned.advance(256) == 0
    done = [aligned.advance(lines) for lines in range(768, LINES + 1, 256)]
    assert done == list(range(768, LINES + 1, 256))
    aligned.finish(LINES)
    expected = cv2.warpAffine(BOARD.golden, matrix, (WIDTH, LINES), borderValue=(128,) * 3)
    inner = np.s_[60:-60, 60:-60]
    assert float(np.mean(np.abs(aligned.pixels[inner].astype(int) - expected[inner].astype(int)))) < 3


def test_a_scan_of_another_board_is_refused_at_its_end() -> None:
    other = draw_board(BoardSpec(width=WIDTH, lines=LINES, look=Look.LINE_SCAN), 6)
    aligned = AlignedGolden(BOARD.golden, scan_of(other.image))
    assert aligned.advance(1_500) == 0
    with pytest.raises(RecipeError, match="does not show"):
        aligned.finish(LINES)
