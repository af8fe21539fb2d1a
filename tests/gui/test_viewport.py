"""The geometry of the board view: picture and boxes never part."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi_app.gui.board.viewport import MARGIN, MOST_ZOOM, Viewport

BOARD = st.tuples(st.integers(64, 16_384), st.integers(64, 16_384))
VIEW = st.builds(
    Viewport,
    st.integers(50, 2_500),
    st.integers(50, 1_500),
    st.floats(-500, 17_000),
    st.floats(-500, 17_000),
    st.floats(0.01, MOST_ZOOM),
)


@given(VIEW, BOARD, st.integers(0, 16_384))
def test_patch_lies_in_the_valid_part_and_covers_the_window(view: Viewport, board: tuple[int, int], lines: int) -> None:
    width, length = board
    lines = min(lines, length)
    patch = view.patch(width, lines, 6)
    size = 1 if patch is None else 1 << patch.level
    x1, y1, x2, y2 = view.visible()
    valid_width, valid_lines = width // size * size, lines // size * size
    if patch is None:
        coarsest = 1 << 5
        outside = x2 <= 0 or y2 <= 0 or x1 >= width - coarsest or y1 >= lines - coarsest
        assert outside or lines < coarsest
        return
    assert 0 <= patch.columns[0] < patch.columns[1] <= width >> patch.level
    assert 0 <= patch.rows[0] < patch.rows[1] <= lines >> patch.level
    # Screen pixels that show the board are painted, to within the rounding of a pixel.
    left, right = max(x1, 0), min(x2, valid_width)
    assert patch.x <= (left - x1) * view.scale + 1
    assert patch.x + patch.width >= (right - x1) * view.scale - 1
    top, bottom = max(y1, 0), min(y2, valid_lines)
    assert patch.y <= (top - y1) * view.scale + 1
    assert patch.y + patch.height >= (bottom - y1) * view.scale - 1


@given(VIEW, BOARD)
def test_resizing_is_between_half_and_full_size_when_made_smaller(view: Viewport, board: tuple[int, int]) -> None:
    patch = view.patch(board[0], board[1], 12)
    if patch is not None and view.scale < 1:
        assert 0.5 < view.scale * (1 << patch.level) <= 1


@given(VIEW, BOARD, st.floats(0, 1), st.floats(0, 1))
def test_boxes_follow_the_picture_to_a_pixel(view: Viewport, board: tuple[int, int], fx: float, fy: float) -> None:
    patch = view.patch(board[0], board[1], 6)
    if patch is None:
        return
    size = 1 << patch.level
    x = patch.columns[0] * size + fx * (patch.columns[1] - patch.columns[0]) * size
    y = patch.rows[0] * size + fy * (patch.rows[1] - patch.rows[0]) * size
    (sx, sy, _, _) = patch.to_screen(np.array([[x, y, x, y]], np.float32))[0]
    x1, y1, _, _ = view.visible()
    # float32 boxes hold 16,384 to about 1/1000 px, which is magnified by the zoom.
    allowed = 1.01 + 0.002 * view.scale
    assert abs(sx - (x - x1) * view.scale) <= allowed
    assert abs(sy - (y - y1) * view.scale) <= allowed


@given(BOARD, st.integers(100, 2_000), st.integers(100, 1_200))
def test_fit_shows_the_whole_board(board: tuple[int, int], width: int, height: int) -> None:
    view = Viewport(width, height).fitted(board)
    x1, y1, x2, y2 = view.visible()
    assert x1 <= 0 and y1 <= 0 and x2 >= board[0] and y2 >= board[1]
    room = min((width - 2 * MARGIN) / board[0], (height - 2 * MARGIN) / board[1])
    assert view.scale == pytest.approx(min(room, MOST_ZOOM))


@given(BOARD, st.floats(0.2, 5), st.floats(0, 1), st.floats(0, 1))
def test_zoom_keeps_what_is_under_the_cursor(board: tuple[int, int], factor: float, fx: float, fy: float) -> None:
    view = Viewport(800, 600, board[0] / 2, board[1] / 2, 0.5)
    x, y = fx * 800, fy * 600
    before = view.to_board(x, y)
    after = view.zoomed(factor, x, y, board)
    held = (after.x in (0, board[0])) or (after.y in (0, board[1]))
    if not held:
        assert after.to_board(x, y) == pytest.approx(before, abs=1e-6 * max(board))


def test_follow_keeps_the_newest_line_in_view() -> None:
    view = Viewport(800, 600).following(4096, 10_000)
    _, top, _, bottom = view.visible()
    assert top < 10_000 < bottom
    assert view.scale == pytest.approx((800 - 2 * MARGIN) / 4096)


def test_a_defect_is_brought_to_the_centre_at_a_scale_that_shows_it() -> None:
    view = Viewport(800, 600).fitted((8192, 12_000)).centred((4000, 9000, 4020, 9010), (8192, 12_000))
    assert view.to_board(400, 300) == pytest.approx((4010, 9005))
    assert view.scale * 24 >= 90
