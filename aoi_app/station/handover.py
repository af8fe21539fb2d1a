"""Accounted hand-over from acquisition to inspection: every board that began comes out, with its end."""

from __future__ import annotations

import threading
from collections import deque

from aoi_app.core.scan import LinesIn, ScanEnd

ScanEvent = LinesIn | ScanEnd


class ScanFeed:
    """Boards on their way to inspection, in order.

    "N lines are in" of one board overtakes the last one that nobody has taken yet, so that a slow inspection sees the
    newest count and the queue never holds more than two entries a board.

    Parameters
    ----------
    limit
        Entries; where more wait, the line has to stop.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: deque[ScanEvent] = deque()
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, event: ScanEvent) -> bool:
        """Hand over; never waits, and takes what comes: no board goes uncounted.

        Returns
        -------
        bool
            False when more wait than may.
        """
        with self._changed:
            last = self._entries[-1] if self._entries else None
            if isinstance(event, LinesIn) and isinstance(last, LinesIn) and last.scan is event.scan:
                self._entries[-1] = event
            else:
                self._entries.append(event)
            self._changed.notify()
            return len(self._entries) <= self._limit

    def take(self, timeout_s: float) -> ScanEvent | None:
        """Return the oldest entry, or None when none came in time."""
        with self._changed:
            if not self._entries:
                self._changed.wait(timeout_s)
            return self._entries.popleft() if self._entries else None
