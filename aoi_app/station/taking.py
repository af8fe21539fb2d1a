"""Takes one board off the line as a picture: for a golden board."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass

from aoi_app.core.errors import ImageError
from aoi_app.core.scan import PixelFormat, Pixels, ScanEnd, read_only


@dataclass(frozen=True, slots=True, eq=False)
class TakenBoard:
    """A whole board, (lines, width[, 3]) and read-only, with what is known of it."""

    image: Pixels
    serial: str
    pixel_format: PixelFormat
    input_hash: str


class BoardTaker:
    """Hands out the next board that begins after it was asked for; any thread may ask, the newest request wins."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: tuple[Future[TakenBoard], int] | None = None

    def request(self) -> Future[TakenBoard]:
        """Ask for the next board; `Future.cancel` takes the wish back.

        The future's result raises ImageError when that board was not wholly seen.
        """
        asked: Future[TakenBoard] = Future()
        with self._lock:
            before, self._waiting = self._waiting, (asked, time.monotonic_ns())
        if before is not None:
            before[0].cancel()
        return asked

    def offer(self, end: ScanEnd) -> None:
        """Take a board that has ended, if somebody waits for one that began when it did."""
        with self._lock:
            if self._waiting is None or end.scan.began_ns < self._waiting[1]:
                return
            asked, self._waiting = self._waiting[0], None
        if not asked.set_running_or_notify_cancel():
            return
        if not end.completeness.ok or not end.completeness.lines:
            why = "; ".join(end.completeness.reasons) or f"{end.completeness.missing_lines} lines are missing"
            asked.set_exception(
                ImageError(
                    f"Board {end.scan.serial} was not wholly seen: {why}.", "Let a golden board pass again and take it."
                )
            )
            return
        scan = end.scan
        asked.set_result(TakenBoard(read_only(end.image.copy()), scan.serial, scan.pixel_format, end.input_hash))
