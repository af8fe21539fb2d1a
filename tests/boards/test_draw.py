"""Boards drawn by the program: labels that tell the truth, and the same board from the same seed."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi_app.boards import BARE_CODES, SMT_CODES, BoardKind, BoardSpec, DrawnBoard, Look, draw_board, draw_window

BARE = BoardSpec(look=Look.IDEAL, width=400, lines=360)
ASSEMBLED = BoardSpec(
    kind=BoardKind.ASSEMBLED, look=Look.IDEAL, width=420, lines=400, px_per_mm=24.0, colour=True, defects=(1, 6)
)


def outside_labels(board: DrawnBoard) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    mask = np.ones(board.image.shape[:2], bool)
    for label in board.labels:
        x1, y1, x2, y2 = label.box
        mask[y1:y2, x1:x2] = False
    return mask


def differs(board: DrawnBoard) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    change = board.image != board.golden
    return np.asarray(change.any(axis=2) if change.ndim == 3 else change, np.bool_)


@pytest.mark.parametrize(("spec", "codes"), [(BARE, BARE_CODES), (ASSEMBLED, SMT_CODES)])
@given(seed=st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_the_scan_differs_from_the_golden_picture_inside_labels_and_nowhere_else(
    spec: BoardSpec, codes: tuple[str, ...], seed: int
) -> None:
    board = draw_window(spec, seed)
    change = differs(board)
    assert not change[outside_labels(board)].any()
    for label in board.labels:
        x1, y1, x2, y2 = label.box
        assert 0 <= x1 < x2 <= spec.width and 0 <= y1 < y2 <= spec.lines
        assert label.defect_code in codes
        assert change[y1:y2, x1:x2].any()


@pytest.mark.parametrize("spec", [BARE, ASSEMBLED])
@pytest.mark.parametrize("look", list(Look))
def test_the_same_seed_draws_the_same_board(spec: BoardSpec, look: Look) -> None:
    spec = replace(spec, look=look, misregistration_px=1.5)
    one, again, other = draw_window(spec, (3, 9)), draw_window(spec, (3, 9)), draw_window(spec, (3, 10))
    assert np.array_equal(one.image, again.image)
    assert np.array_equal(one.golden, again.golden)
    assert one.labels == again.labels and one.placements == again.placements
    assert not np.array_equal(one.image, other.image)


def pieces(copper_is_dark: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> int:
    return int(cv2.connectedComponents(255 - copper_is_dark, connectivity=4)[0])


@pytest.mark.parametrize("seed", range(20))
def test_an_open_parts_copper_and_a_short_joins_it_within_its_label(seed: int) -> None:
    board = draw_window(replace(BARE, defects=(6, 12)), seed)
    for label in board.labels:
        x1, y1, x2, y2 = label.box
        golden, scan = board.golden[y1:y2, x1:x2], board.image[y1:y2, x1:x2]
        copper_came, copper_went = (scan < golden).any(), (scan > golden).any()
        assert copper_came == (label.defect_code in ("short", "spur", "copper"))
        assert copper_went == (label.defect_code in ("open", "mousebite", "pin-hole"))
        if label.defect_code == "copper":
            assert pieces(scan) > pieces(golden)
        if label.defect_code == "pin-hole":
            assert pieces(255 - scan) > pieces(255 - golden)


def test_every_class_is_drawn() -> None:
    bare = {label.defect_code for seed in range(30) for label in draw_window(BARE, seed).labels}
    smt = {label.defect_code for seed in range(40) for label in draw_window(ASSEMBLED, seed).labels}
    assert bare == set(BARE_CODES)
    assert smt == set(SMT_CODES)


def test_a_binary_scan_has_two_levels_and_stays_near_its_golden_picture() -> None:
    board = draw_window(replace(BARE, look=Look.BINARY, defects=(0, 0)), 5)
    assert set(np.unique(board.image)) == {0, 255}
    assert 0 < differs(board).mean() < 0.05


def test_a_line_scan_has_column_gains_and_noise() -> None:
    board = draw_window(replace(BARE, look=Look.LINE_SCAN, defects=(0, 0)), 5)
    flat = board.image[(cv2.erode(board.golden, np.ones((9, 9))) > 120)]
    assert 1 < flat.std() < 40
    assert not board.image.flags.writeable


def test_misregistration_moves_the_golden_picture() -> None:
    still = draw_window(replace(BARE, look=Look.IDEAL), 8)
    moved = draw_window(replace(BARE, look=Look.IDEAL, misregistration_px=4.0), 8)
    assert not np.array_equal(still.golden, moved.golden)
    assert np.array_equal(still.image, moved.image)


def test_a_whole_board_has_fiducials_in_three_corners_and_an_empty_rim() -> None:
    board = draw_board(BoardSpec(look=Look.IDEAL, width=2000, lines=1600, defects=(0, 0)), 3)
    for x, y in ((170, 170), (2000 - 170, 170), (170, 1600 - 170)):
        assert board.golden[y, x] == 0
        assert board.golden[y, x + 40] == 255
    assert (board.golden[:8] == 255).all() and (board.golden[:, :8] == 255).all()


def test_placements_name_every_part_once() -> None:
    board = draw_window(ASSEMBLED, 2)
    names = [p.reference for p in board.placements]
    assert names and len(set(names)) == len(names)
    assert all(0 <= p.x_mm * 24 <= 420 and 0 <= p.y_mm * 24 <= 400 for p in board.placements)
    assert {label.component for label in board.labels} <= {*names, ""}


@pytest.mark.parametrize("change", [{"width": 10}, {"px_per_mm": 0.0}, {"defects": (5, 2)}])
def test_an_impossible_board_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must|least"):
        replace(BARE, **change)  # type: ignore[arg-type]
