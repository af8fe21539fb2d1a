from __future__ import annotations

import threading

import numpy as np

from aoi_app.camera.ring import BufferRing
from aoi_app.core.scan import read_only


def test_a_slot_returns_when_the_last_view_is_gone() -> None:
    ring = BufferRing(2, 12_000)
    taken = ring.take((40,), 1_000)
    assert taken is not None
    slot, pixels = taken
    assert pixels.shape == (300, 40)
    crop = read_only(pixels)[10:20, 5:9]
    del taken, pixels
    assert ring.free == 1
    assert not crop.flags.writeable
    del crop
    assert ring.free == 2
    assert slot == 0


def test_an_exhausted_ring_says_so_and_recovers() -> None:
    ring = BufferRing(2, 100)
    held = [ring.take((10,), 10), ring.take((10,), 10)]
    assert ring.take((10,), 10) is None
    held.clear()
    assert ring.take((10,), 10) is not None


def test_memory_is_the_allocated_one_and_is_written_in_place() -> None:
    blocks: list[np.ndarray] = []

    def allocate(nbytes: int) -> np.ndarray:
        blocks.append(np.zeros(nbytes, np.uint8))
        return blocks[-1]

    ring = BufferRing(1, 30, allocate)
    taken = ring.take((5, 3), 2)
    assert taken is not None
    taken[1][...] = 7
    assert len(blocks) == 1 and (blocks[0] == 7).all()


def test_views_may_die_in_other_threads() -> None:
    ring = BufferRing(4, 64)

    def use() -> None:
        for _ in range(500):
            taken = ring.take((8,), 8)
            if taken is not None:
                taken[1][0, 0] = 1
            del taken

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ring.free == 4
