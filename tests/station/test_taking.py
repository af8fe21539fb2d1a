"""One board is taken off the running line as a picture."""

from __future__ import annotations

import time
from concurrent.futures import CancelledError

import numpy as np
import pytest

from aoi_app.core.errors import ImageError
from aoi_app.core.scan import BoardScan, Completeness, PixelFormat, ScanEnd
from aoi_app.station.station import Station
from aoi_app.station.taking import BoardTaker
from tests.station.conftest import LINES, WIDTH, World, wait_until


def end_of(whole: Completeness, began_ns: int | None = None) -> ScanEnd:
    pixels = np.arange(20 * 16, dtype=np.uint8).reshape(20, 16)
    began = time.monotonic_ns() if began_ns is None else began_ns
    # The wall clock was set back an hour meanwhile: it tells nothing of what came first.
    hour_ago = time.time_ns() - 3_600_000_000_000
    return ScanEnd(BoardScan("b", "S1", pixels, PixelFormat.MONO8, 0, hour_ago, began), whole, "ab", 0)


def test_the_next_board_of_the_line_is_handed_out(world: World, station: Station) -> None:
    world.boards, world.block_s = 100_000, 0.001
    station.start()
    wait_until(lambda: len(world.recorded) > 1)
    taken = station.take_board().result(10)
    assert taken.image.shape == (LINES, WIDTH)
    assert taken.serial.startswith("B")
    assert not taken.image.flags.writeable


def test_only_a_board_that_begins_afterwards_is_taken() -> None:
    taker = BoardTaker()
    asked = taker.request()
    taker.offer(end_of(Completeness(20), began_ns=time.monotonic_ns() - 1_000_000_000))
    assert not asked.done()
    taker.offer(end_of(Completeness(20)))
    assert asked.result(0).image.shape == (20, 16)


@pytest.mark.parametrize("whole", [Completeness(20, 3), Completeness(20, 0, ("a stale block",)), Completeness(0)])
def test_a_board_that_was_not_wholly_seen_is_refused(whole: Completeness) -> None:
    taker = BoardTaker()
    asked = taker.request()
    taker.offer(end_of(whole))
    with pytest.raises(ImageError, match="not wholly seen"):
        asked.result(0)


def test_a_wish_can_be_taken_back_and_the_newest_counts() -> None:
    taker = BoardTaker()
    first, second = taker.request(), taker.request()
    assert first.cancelled()
    second.cancel()
    taker.offer(end_of(Completeness(20)))
    with pytest.raises(CancelledError):
        second.result(0)
