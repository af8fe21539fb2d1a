"""The recorder: one thread that writes verdicts, and never lets one go unwritten without saying so."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from itertools import chain, repeat

from aoi_app.core.errors import DatabaseLocked, StoreError
from aoi_app.core.inspection import Inspection
from aoi_app.core.protocols import ResultStore
from aoi_app.core.scan import ScanEnd
from aoi_app.station.journal import Journal
from aoi_app.station.status import Level

Entry = tuple[Inspection, ScanEnd]

PATIENCE_S = 20.0
"""A locked database is tried again for so long before the line stops."""
MOMENT_S = 1.0
"""What is locked for so long by somebody who reads is no trouble yet."""
PAUSES_S = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Pauses before the next tries; the last one repeats."""
CLOSING_S = 15.0
"""What a record that is asked to end may take for the write in hand and for closing."""


class Recorder:
    """Writes inspections in order.

    A record that cannot be written is kept and tried again until it is, or the station closes; meanwhile `on_fault`
    has stopped the line, so that no more boards come than were in.

    Parameters
    ----------
    limit
        The line is stopped when so many inspections wait.
    """

    def __init__(
        self, store: ResultStore, journal: Journal, on_fault: Callable[[Exception], None], limit: int = 32
    ) -> None:
        self._store = store
        self._journal = journal
        self._on_fault = on_fault
        self._limit = limit
        self._queue: queue.SimpleQueue[Entry] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._give_up_at = float("inf")
        self._changed = threading.Condition()
        self._open = 0
        self._in_trouble = False
        self._trouble_since: float | None = None
        self._lost = 0
        self._thread = threading.Thread(target=self._run, name="aoi-record", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        return self._open

    @property
    def in_trouble(self) -> bool:
        """Whether the record has not been writable for longer than a moment."""
        since = self._trouble_since
        return since is not None and time.monotonic() - since > MOMENT_S

    def put(self, inspection: Inspection, end: ScanEnd) -> None:
        """Hand over an inspection; never waits. Where `limit` wait the line is stopped.

        The few boards that are still in when it stops are taken as well: none is lost.
        """
        with self._changed:
            self._open += 1
        self._queue.put((inspection, end))
        if self._queue.qsize() == self._limit:
            self._on_fault(
                StoreError(
                    f"{self._limit} boards wait to be recorded.",
                    "The record is too slow or cannot be written; see the log. Start again when it has caught up.",
                )
            )

    def catch_up(self, timeout_s: float) -> None:
        """Wait until all that was handed over is written, for so long at most; not for a record in trouble.

        Whoever waits before a verdict is shown knows that a power cut costs the one board in hand and no more, however
        fast boards come: a record in trouble is retried meanwhile, and boards wait for it in memory.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._open or self._in_trouble, timeout_s)

    def close(self, timeout_s: float = 10.0) -> int:
        """Write what waits, for at most `timeout_s`, and end. Return the number of boards that could not be written."""
        self._give_up_at = time.monotonic() + timeout_s
        self._closing.set()
        self._thread.join(timeout_s + CLOSING_S)
        lost = self._lost + self._open
        if lost:
            self._journal.add(
                Level.ERROR, "record", f"{lost} inspected boards could not be recorded.", "Inspect them again."
            )
        return lost

    def _run(self) -> None:
        while not (self._closing.is_set() and self._queue.empty()):
            try:
                entry = self._queue.get(timeout=0.1)
            except queue.Empty:
                continue
            if not self._write(*entry):
                self._lost += 1
            self._tell(-1, in_trouble=False)
        self._store.close()

    def _write(self, inspection: Inspection, end: ScanEnd) -> bool:
        began, told = time.monotonic(), False
        for pause_s in chain(PAUSES_S, repeat(PAUSES_S[-1])):
            try:
                self._store.record(inspection, end)
            except Exception as error:
                self._tell(0, in_trouble=True)
                waited = time.monotonic() - began
                patient = isinstance(error, DatabaseLocked) and waited < PATIENCE_S
                if not told and not patient:
                    self._on_fault(error)
                    told = True
                if time.monotonic() > self._give_up_at:
                    self._journal.error("record", error)
                    return False
                time.sleep(pause_s)
            else:
                if told:
                    self._journal.add(Level.INFO, "record", "The record can be written again; nothing was lost.")
                return True
        return False

    def _tell(self, change: int, *, in_trouble: bool) -> None:
        with self._changed:
            self._open += change
            self._in_trouble = in_trouble
            self._trouble_since = (self._trouble_since or time.monotonic()) if in_trouble else None
            self._changed.notify_all()
