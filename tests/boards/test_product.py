"""The simulated line's product: one layout, another board every time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aoi_app.boards import BoardKind, BoardProduct, BoardSpec, Look

SPECS = [
    BoardSpec(width=700, lines=600, defects=(1, 4), look=look, kind=kind, px_per_mm=px, colour=colour)
    for kind, px, colour in (
        (BoardKind.BARE, 48.0, False),
        (BoardKind.ASSEMBLED, 24.0, True),
        (BoardKind.ASSEMBLED, 24.0, False),
    )
    for look in Look
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: f"{s.kind.value}-{s.look.value}-{s.colour}")
def test_boards_share_the_golden_picture_and_differ_by_their_labels(spec: BoardSpec) -> None:
    product = BoardProduct(spec, seed=3, good=0.5)
    boards = [product.board(n) for n in range(12)]
    assert any(b.is_good for b in boards) and any(not b.is_good for b in boards)
    for board in boards:
        assert board.golden is boards[0].golden
        assert board.image.shape == board.golden.shape
        for label in board.labels:
            x1, y1, x2, y2 = label.box
            assert 0 <= x1 < x2 <= spec.width and 0 <= y1 < y2 <= spec.lines
            change = np.abs(board.image[y1:y2, x1:x2].astype(int) - board.golden[y1:y2, x1:x2])
            assert change.max() > 20


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: f"{s.kind.value}-{s.look.value}-{s.colour}")
def test_a_number_gives_the_same_board_in_any_order(spec: BoardSpec) -> None:
    one, other = BoardProduct(spec, seed=9, good=0.0), BoardProduct(spec, seed=9, good=0.0)
    late = one.board(5)
    for n in range(5):
        other.board(n)
    again = other.board(5)
    assert np.array_equal(late.image, again.image) and late.labels == again.labels
    assert np.array_equal(one.golden, other.golden)


def test_a_good_ideal_board_is_its_golden_picture() -> None:
    product = BoardProduct(replace(SPECS[0], look=Look.IDEAL), seed=1, good=1.0)
    assert np.array_equal(product.board(0).image, product.golden)


def test_a_line_scan_is_noisy_around_its_golden_picture_and_without_seams_at_defects() -> None:
    product = BoardProduct(replace(SPECS[3], look=Look.LINE_SCAN, defects=(3, 6)), seed=4, good=0.0)
    board = product.board(1)
    change = np.abs(board.image.astype(int) - board.golden).max(axis=2)
    assert 0.5 < change.mean() < 8
    for label in board.labels:
        x1, y1, x2, y2 = label.box
        change[y1:y2, x1:x2] = 0
    assert change.max() < 30


def test_the_share_of_good_boards_is_kept() -> None:
    product = BoardProduct(replace(SPECS[0], look=Look.IDEAL, defects=(2, 4)), seed=2, good=0.7)
    good = sum(product.board(n).is_good for n in range(200))
    assert 115 < good < 165
    with pytest.raises(ValueError, match="share of good boards"):
        BoardProduct(SPECS[0], seed=1, good=1.5)


def test_the_widest_board_can_be_drawn() -> None:
    product = BoardProduct(BoardSpec(width=16384, lines=256, look=Look.LINE_SCAN, defects=(2, 4)), seed=1, good=0.0)
    assert product.board(0).image.shape == (256, 16384)
