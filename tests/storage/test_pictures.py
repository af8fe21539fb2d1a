from __future__ import annotations

import math
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aoi_app.core.errors import StoreError
from aoi_app.core.inspection import Defect
from aoi_app.storage.archive import Archive, board_folder, folder_name
from aoi_app.storage.pictures import DEFAULT_POLICY, crop_area, crop_of, encoded, preview_of
from tests.storage.boards import board, defects

sizes = st.tuples(st.integers(1, 3_000), st.integers(1, 3_000))
anywhere = st.floats(-500, 3_500)


@given(sizes, st.integers(1, 600))
def test_the_preview_fits_and_keeps_the_shape(size: tuple[int, int], longest: int) -> None:
    preview = preview_of(np.zeros(size, np.uint8), longest)
    assert 1 <= max(preview.shape) <= max(longest, 1)
    if max(size) <= longest:
        assert preview.shape == size
    else:
        scale = longest / max(size)
        assert all(abs(found - max(1, side * scale)) <= 1 for found, side in zip(preview.shape, size, strict=True))


def test_the_preview_shows_what_the_board_shows() -> None:
    board = np.zeros((4_100, 3_000, 3), np.uint8)
    board[:2_050] = (200, 100, 50)
    preview = preview_of(board, 512)
    assert preview[100, 100].tolist() == [200, 100, 50] and preview[400, 100].tolist() == [0, 0, 0]


@given(sizes, anywhere, anywhere, st.floats(0, 800), st.floats(0, 800))
def test_a_crop_lies_on_the_board_and_shows_the_defect(
    size: tuple[int, int], x: float, y: float, w: float, h: float
) -> None:
    board = np.zeros(size, np.uint8)
    area = crop_area(Defect("short", 0.5, (x, y, x + w, y + h)), board, DEFAULT_POLICY)
    on_board = x + w > 0 and y + h > 0 and x < size[1] and y < size[0]
    if area is None:
        assert not on_board
        return
    x1, y1, x2, y2 = area
    assert 0 <= x1 < x2 <= size[1] and 0 <= y1 < y2 <= size[0]
    if on_board:
        assert x1 <= max(x, 0) and y1 <= max(y, 0) and x2 >= min(x + w, size[1]) and y2 >= min(y + h, size[0])
    assert max(crop_of(board, area, 100).shape) <= 100


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_box_that_is_no_place_has_no_crop(value: float) -> None:
    board = np.zeros((100, 100), np.uint8)
    assert crop_area(Defect("short", 0.5, (value, 0, 10, 10)), board, DEFAULT_POLICY) is None


@pytest.mark.parametrize("shape", [(7, 9), (7, 9, 3)])
def test_png_is_without_loss(shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    back = cv2.imdecode(np.frombuffer(encoded(picture, ".png"), np.uint8), cv2.IMREAD_UNCHANGED)
    assert back is not None
    assert np.array_equal(back[..., ::-1] if len(shape) == 3 else back, picture)


def test_what_cannot_be_encoded_is_told() -> None:
    with pytest.raises(StoreError, match="cannot be encoded"):
        encoded(np.zeros((0, 5), np.uint8), ".png")


@given(st.text(min_size=1), st.text(min_size=1))
@example("A-board", "a-board")
@example("con", "CON")
def test_different_boards_have_different_folders(one: str, other: str) -> None:
    names = {folder_name(one), folder_name(other)}
    assert len(names) == len({one, other})
    assert all(name and not set(name) & set('/\\:*?"<>|.\0') for name in names)
    assert len({n.lower() for n in names}) == len(names), "some file systems do not tell capitals from small letters"
    assert not names & {"con", "nul", "com1"}


def test_a_board_lies_under_its_day() -> None:
    assert board_folder("board-1", 1_800_000_000_000_000) == "2027-01-15/board-1"


def test_housekeeping_may_remove_the_empty_day_at_any_moment(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    inspection, end = board(1, *defects(1))
    stop = threading.Event()

    def sweep() -> None:
        while not stop.is_set():
            archive.remove_empty_days()

    thread = threading.Thread(target=sweep)
    thread.start()
    try:
        for _ in range(60):
            kept = archive.keep(inspection, end.image, DEFAULT_POLICY)
            assert kept.preview is not None and (tmp_path / kept.preview).exists()
            archive.forget(inspection.board_id, inspection.ended_ns // 1000)
    finally:
        stop.set()
        thread.join()
