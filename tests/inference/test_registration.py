from __future__ import annotations

import functools

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from aoi_app.boards import BoardSpec, DrawnBoard, Look, draw_board
from aoi_app.core.errors import RecipeError
from aoi_app.core.scan import Pixels
from aoi_app.inference.registration import Registration, register

SIDE = 1_024
BOARDS = {
    seed: draw_board(BoardSpec(width=SIDE, lines=SIDE, look=Look.LINE_SCAN, defects=(8, 8)), seed) for seed in (1, 2)
}


@functools.cache
def noise() -> NDArray[np.float64]:
    """Return the sensor's noise, the same in every scan."""
    return np.random.default_rng(0).normal(0, 4, BOARDS[1].image.shape)


def moved(
    board: DrawnBoard, dx: float, dy: float, degrees: float, stretch: float
) -> tuple[Pixels, NDArray[np.float64]]:
    """Return the scan under the map, and the map."""
    turn = np.radians(degrees)
    linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ np.diag([1, 1 + stretch])
    centre = np.array([SIDE / 2, SIDE / 2])
    matrix = np.column_stack([linear, centre + np.array([dx, dy]) - linear @ centre])
    scan = cv2.warpAffine(board.image, matrix, (SIDE, SIDE), borderValue=(200,) * 3)
    return np.clip(scan * 0.9 + noise(), 0, 255).astype(np.uint8), matrix


def error_px(found: Registration, matrix: NDArray[np.float64]) -> float:
    grid = np.array([(x, y) for x in np.linspace(0, SIDE, 9) for y in np.linspace(0, SIDE, 9)])
    distance = np.linalg.norm(found.to_scan(grid) - (grid @ matrix[:, :2].T + matrix[:, 2]), axis=1)
    return float(np.percentile(distance, 95))


@settings(max_examples=25, deadline=None)
@given(st.floats(-42, 42), st.floats(-42, 42), st.floats(-1, 1), st.floats(-0.01, 0.01))
def test_a_displaced_board_is_found_to_a_pixel(dx: float, dy: float, degrees: float, stretch: float) -> None:
    board = BOARDS[1]
    scan, matrix = moved(board, dx, dy, degrees, stretch)
    found = register(board.golden, scan)
    assert error_px(found, matrix) <= 1.0
    points = np.array([[10.0, 20.0], [900.0, 700.0]])
    assert found.to_golden(found.to_scan(points)) == pytest.approx(points, abs=1e-6)


def test_the_first_lines_are_enough_and_more_make_it_better() -> None:
    board = BOARDS[1]
    scan, matrix = moved(board, 12, -9, 0.4, 0.004)
    first = register(board.golden[:440], scan[:400])
    assert error_px(first, matrix) <= 6
    later = register(board.golden, scan, start=first)
    assert error_px(later, matrix) <= 0.5


def test_the_golden_board_in_the_scans_geometry() -> None:
    board = BOARDS[1]
    scan, matrix = moved(board, 5, 3, 0.2, 0)
    band = register(board.golden, scan).warped(board.golden, 200, 500, SIDE, beyond=200)
    expected = cv2.warpAffine(board.golden, matrix, (SIDE, SIDE), borderValue=(200,) * 3)[200:500]
    assert band.shape == (300, SIDE)
    assert float(np.mean(np.abs(band.astype(int) - expected.astype(int)))) < 2.5


def test_another_board_is_refused() -> None:
    with pytest.raises(RecipeError, match="does not show"):
        register(BOARDS[1].golden, BOARDS[2].image)


def test_a_blank_scan_is_refused() -> None:
    with pytest.raises(RecipeError, match="places of it"):
        register(BOARDS[1].golden, np.full((SIDE, SIDE), 90, np.uint8))


def rows_of_pads(period: int, side: int, margin: int) -> Pixels:
    golden = np.full((side, side), 90, np.uint8)
    for y in range(margin, side - margin + 1, period):
        for x in range(margin, side - margin + 1, period):
            cv2.circle(golden, (x, y), period // 4, 200, -1)
    return golden


@pytest.mark.parametrize("dx", [0.0, -55.0])
def test_pads_in_rows_are_told_from_those_one_step_further(dx: float) -> None:
    golden = rows_of_pads(60, 660, 120)
    matrix = np.array([[1.0, 0, dx], [0, 1.004, 20]])
    scan = cv2.warpAffine(golden, matrix, (660, 660), borderValue=(90,) * 3)
    found = register(golden, np.asarray(scan, np.uint8))
    assert np.abs(found.matrix - matrix).max() < 0.5


def test_a_board_that_repeats_itself_everywhere_is_refused() -> None:
    golden = rows_of_pads(60, 660, 0)
    with pytest.raises(RecipeError, match="it repeats itself and may as well lie 60 px further"):
        register(golden, golden)


def test_a_board_that_lies_too_far_off_is_refused() -> None:
    with pytest.raises(RecipeError):
        register(BOARDS[1].golden, moved(BOARDS[1], 0, 0, 4.0, 0)[0])


def test_rows_of_a_long_golden_board_come_from_where_they_are() -> None:
    """OpenCV once kept the source's coordinates in 16 bits: beyond 32,767 lines another row came."""
    golden = np.random.default_rng(3).integers(0, 256, (40_000, 64), np.uint8)
    moved = Registration(np.array([[1.0, 0, 0], [0, 1, 7]]), 0.0, 1.0, 0)
    band = moved.warped(golden, 39_000, 39_200, 64, beyond=128)
    assert np.array_equal(band, golden[38_993:39_193])
