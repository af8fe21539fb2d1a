"""A golden board and a recorded scan are laid onto each other by what the record says."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from aoi_app.boards import BoardSpec, Look, draw_board
from aoi_app.core.errors import RecipeError
from aoi_app.core.recipe import Recipe
from aoi_app.station.golden_boards import GoldenBoards, golden_on_scan, scan_on_golden

BOARD = draw_board(BoardSpec(width=640, lines=720, look=Look.LINE_SCAN), 3)
MATRIX = np.array([[1.0, -0.008, 31.0], [0.008, 1.006, -22.0]])
LAID = tuple(float(v) for v in MATRIX.ravel())
INNER = np.s_[70:-70, 70:-70]


def test_golden_and_scan_meet_both_ways() -> None:
    scan = np.asarray(cv2.warpAffine(BOARD.golden, MATRIX, (640, 720), borderValue=(128,) * 3), np.uint8)
    golden = golden_on_scan(BOARD.golden, LAID, (640, 720))
    assert np.abs(golden[INNER].astype(int) - scan[INNER]).mean() < 1
    back = scan_on_golden(scan, LAID, 1.0)
    assert np.abs(back[INNER].astype(int) - BOARD.golden[INNER]).mean() < 8


def test_a_reduced_picture_is_laid_as_the_scan_is() -> None:
    scan = np.asarray(cv2.warpAffine(BOARD.golden, MATRIX, (640, 720), borderValue=(128,) * 3), np.uint8)
    small = np.asarray(cv2.resize(scan, (320, 360), interpolation=cv2.INTER_AREA), np.uint8)
    wanted = cv2.resize(BOARD.golden, (320, 360), interpolation=cv2.INTER_AREA)
    back = scan_on_golden(small, LAID, 2.0)
    inner = np.s_[35:-35, 35:-35]
    assert np.abs(back[inner].astype(int) - wanted[inner]).mean() < 8


def test_goldens_are_kept_by_their_hash_and_checked(tmp_path: Path) -> None:
    boards = GoldenBoards(lambda: tmp_path)
    first, again = boards.keep(BOARD.golden), boards.keep(BOARD.golden)
    assert first == again
    recipe = Recipe(golden=first.name, golden_sha256=first.sha256)
    kept = boards.of(recipe)
    assert kept is not None and np.array_equal(kept, BOARD.golden)
    assert boards.of(Recipe()) is None
    with pytest.raises(RecipeError, match="not the one"):
        boards.of(recipe.model_copy(update={"golden_sha256": "0" * 64}))
