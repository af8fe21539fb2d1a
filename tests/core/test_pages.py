"""Memory of board size: zeroed, private, and back with the system when nobody looks at it any more."""

from __future__ import annotations

import mmap
import sys
import threading
from collections.abc import Callable

import numpy as np
import psutil
import pytest

from aoi_app.boards import BoardProduct, BoardSpec, Look
from aoi_app.core.pages import LEAST_BYTES, own_pages
from aoi_app.core.scan import Pixels
from aoi_app.station.live import Pyramid
from aoi_app.storage.pictures import preview_of

BOARD = (2_048, 2_048)


def owner(pixels: Pixels) -> object:
    """Return what keeps an array's memory."""
    kept: object = pixels
    while isinstance(kept, np.ndarray):
        kept = kept.base
    return kept.obj if isinstance(kept, memoryview) else kept


@pytest.mark.parametrize(
    "shape", [(0,), (3, 0), (7, 5, 3), (LEAST_BYTES,), (1_000, 999), (700, 400, 3), (4_096, 4_096)]
)
def test_it_is_zeroed_writable_and_of_its_shape(shape: tuple[int, ...]) -> None:
    memory = own_pages(shape)
    assert memory.shape == shape and memory.dtype == np.uint8 and not memory.any()
    memory[...] = 255
    assert memory.flags.c_contiguous and memory.sum(dtype=np.int64) == 255 * memory.size


def test_views_keep_it_alive() -> None:
    part = own_pages(BOARD)[1_000:1_010, ::2]
    part[:] = 9
    others = [own_pages(BOARD) for _ in range(8)]
    assert (part == 9).all() and not any(other.any() for other in others)


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is counted in another way")
def test_what_lies_between_boards_does_not_keep_them() -> None:
    kept: list[bytearray] = []

    def work() -> None:
        boards: list[Pixels] = []
        for _ in range(40):
            board = own_pages(BOARD)
            board.fill(1)
            boards.append(board)
            kept.append(bytearray(3_000))
            del boards[:-3]

    process = psutil.Process()
    work()
    before = process.memory_info().rss
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    grown = process.memory_info().rss - before
    assert grown < 2 * BOARD[0] * BOARD[1], f"{grown / 2**20:.1f} MiB stayed of {4 * 40 * 4} MiB"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Pyramid(np.zeros(BOARD, np.uint8)).levels[1],
        lambda: preview_of(np.zeros(BOARD, np.uint8), 1_024),
        lambda: preview_of(np.zeros((*BOARD, 3), np.uint8), 1_000),
        lambda: BoardProduct(BoardSpec(width=640, lines=640, look=Look.LINE_SCAN), seed=1).board(1).image,
    ],
    ids=["pyramid", "preview", "colour preview", "drawn board"],
)
def test_what_comes_and_goes_with_every_board_has_its_own_pages(make: Callable[[], Pixels]) -> None:
    assert isinstance(owner(make()), mmap.mmap)
