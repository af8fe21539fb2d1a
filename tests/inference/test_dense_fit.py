"""The registration's fit: what it tells of itself, and its measurement."""

from __future__ import annotations

import numpy as np
import pytest

from aoi_app.boards import BoardSpec, Look, draw_board
from aoi_app.core.errors import RecipeError
from aoi_app.core.scan import Pixels
from aoi_app.inference.dense_fit import dense_fit
from aoi_app.inference.registration import IDENTITY, register
from aoi_app.inference.registration_bench import Pair, measure_registration

BOARDS = [draw_board(BoardSpec(width=768, lines=768, look=Look.LINE_SCAN, defects=(4, 8)), seed) for seed in (1, 2, 3)]


def stripes(side: int = 640) -> Pixels:
    columns = (np.arange(side) % 40 < 20).astype(np.uint8) * 160 + 40
    return np.tile(columns, (side, 1))


def test_drawn_boards_are_found_to_a_fraction_of_a_pixel_and_others_refused() -> None:
    pairs = [Pair(str(k), board.golden, board.image) for k, board in enumerate(BOARDS)]
    done: list[tuple[int, int]] = []
    found = measure_registration(pairs, maps=4, progress=lambda *now: done.append(now))
    assert found.lost == [] and found.boards == 12
    assert found.percentile(95) <= 0.3
    assert found.own_percentile(95) <= 0.3
    assert (found.wrong, found.wrong_refused) == (3, 3)
    assert done == [(1, 3), (2, 3), (3, 3)]


def test_tracks_in_one_direction_do_not_tell_where_the_board_lies_along_them() -> None:
    image = stripes()
    fit = dense_fit(image, image, IDENTITY, 640)
    assert fit.doubt_px > 100
    with pytest.raises(RecipeError, match="too little structure"):
        register(image, image)


def test_much_structure_leaves_little_doubt() -> None:
    board = BOARDS[0]
    fit = dense_fit(board.golden, board.image, IDENTITY, 768)
    assert fit.doubt_px < 0.5
    assert fit.merit > 0.9
    assert np.nanmedian(fit.distance[fit.likeness > 0.6]) < 0.2


def test_a_board_that_is_covered_in_part_is_still_found() -> None:
    board = BOARDS[0]
    scan = board.image.copy()
    scan[200:360, 100:500] = 255
    found = register(board.golden, scan)
    grid = np.array([(0.0, 0.0), (768, 0), (0, 768), (768, 768)])
    assert np.linalg.norm(found.to_scan(grid) - grid, axis=1).max() < 1


def test_a_large_board_is_laid_from_blocks_that_are_found_in_few_of_its_pixels() -> None:
    board = draw_board(BoardSpec(width=2_304, lines=4_352, look=Look.LINE_SCAN, defects=(4, 4)), 9)
    found = register(board.golden, np.roll(board.image, (17, -23), (0, 1)))
    grid = np.array([(0.0, 0.0), (2_304, 0), (0, 4_352), (2_304, 4_352)])
    assert np.abs(found.to_scan(grid) - grid - (-23, 17)).max() < 0.5
