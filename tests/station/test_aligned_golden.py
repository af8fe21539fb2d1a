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


def test_rows_of_pads_at_the_leading_edge_wait_for_what_tells_them_apart() -> None:
    golden = np.full((1_300, 480), 90, np.uint8)
    for y in range(-60, 760, 60):
        for x in range(-60, 540, 60):
            cv2.circle(golden, (x, y), 14, 200, -1)
    for n, (x, y) in enumerate(((60, 860), (250, 820), (380, 950), (90, 1_050), (300, 1_100), (180, 1_180))):
        cv2.rectangle(golden, (x, y), (x + 30 + 9 * n, y + 60 - 7 * n), 30 + 30 * n, -1)
    pixels = np.roll(golden, 20, axis=0)
    aligned = AlignedGolden(golden, scan_of(pixels))
    assert aligned.advance(700) == 0
    aligned.finish(1_300)
    assert aligned.registration is not None
    assert aligned.registration.matrix[:, 2].tolist() == pytest.approx([0, 20], abs=0.5)
