"""The record as a station uses it: a store that watches the process and keeps its own house."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from aoi_app.core.errors import SettingsError, StoreError
from aoi_app.core.inspection import Inspection, Verdict
from aoi_app.core.scan import ScanEnd
from aoi_app.storage.alarms import Alarms
from aoi_app.storage.database import Place
from aoi_app.storage.pictures import PicturePolicy
from aoi_app.storage.record_settings import USUAL, RecordSettings, WatchedSettings
from aoi_app.storage.retention import GIB, DiskGuard, Space, expire, expire_whole
from aoi_app.storage.stop_rules import Alarm, StopMonitor
from aoi_app.storage.store import Store

HOUSEKEEPING_S = 600.0
LONGEST_ROUND_S = 15.0
"""A round of housekeeping that is under way when the station closes is waited for so long."""

Tell = Callable[[str, str], None]
"""Told what happened and what to do next; may come from another thread."""

_KEPT = {
    "none": frozenset[Verdict](),
    "failed": frozenset({Verdict.FAILED, Verdict.ERROR}),
    "all": frozenset(Verdict),
}
_SPACE = {
    Space.LOW: ("The disk of the pictures is getting full.", "Free space, or shorten how long pictures are kept."),
    Space.OUT: (
        "The disk of the pictures is almost full: passed boards are recorded without pictures.",
        "Free space now; boards and verdicts are still recorded.",
    ),
}

_CHECK = "Look for what is wrong with: aoi audit check."

log = logging.getLogger(__name__)


class Keeper:
    """A `ResultStore` that raises the alarms of the stop rules, and removes old pictures while the station runs.

    What is changed in `record.json` meanwhile holds from the next board on.

    Parameters
    ----------
    folder, url, station
        As for `Store`.
    usual
        Settings of a record without `record.json`.
    alarm
        Told of each alarm when it is in the record, in the thread that records.
    tell
        Told of a disk that runs low and of housekeeping that failed, from the housekeeping thread.
    every_s
        Seconds between two rounds of housekeeping.
    """

    def __init__(
        self,
        folder: Path,
        url: str = "",
        station: str = "",
        usual: RecordSettings = USUAL,
        alarm: Callable[[Alarm], None] = lambda _: None,
        tell: Tell = lambda _what, _hint: None,
        every_s: float = HOUSEKEEPING_S,
    ) -> None:
        self._place, self._station = Place(folder, url), station
        self._watched = WatchedSettings(folder, usual)
        chosen = self._watched.current
        self._store = Store(folder, url, _policy(chosen), station, _guard(folder, chosen))
        try:
            self._alarms = Alarms(folder, url)
        except BaseException:
            self._store.close()
            raise
        self._monitor = StopMonitor(chosen.stop_rules)
        self._pending: deque[Alarm] = deque()
        self._last = ""
        self._alarm, self._tell, self._every_s = alarm, tell, every_s
        self._stop = threading.Event()
        self._housekeeping = threading.Thread(target=self._keep_house, name="housekeeping", daemon=True)
        self._housekeeping.start()

    def record(self, inspection: Inspection, end: ScanEnd) -> None:
        """Write one board, then what the stop rules say of it. May be repeated after an error. Raises StoreError."""
        self._take_changes()
        self._store.record(inspection, end)
        if inspection.board_id != self._last:
            self._last = inspection.board_id
            self._pending += self._monitor.feed(inspection)
        while self._pending:
            self._alarms.keep(self._pending[0], self._station)
            self._alarm(self._pending.popleft())

    def close(self) -> None:
        """Stop housekeeping and close the store; may be called twice."""
        self._stop.set()
        self._housekeeping.join(LONGEST_ROUND_S)
        self._alarms.close()
        self._store.close()

    def _take_changes(self) -> None:
        try:
            if not self._watched.changed():
                return
        except SettingsError as error:
            self._tell(error.what, error.hint)
            return
        chosen = self._watched.current
        self._store.use(_policy(chosen), _guard(self._place.folder, chosen))
        if chosen.stop_rules != self._monitor.rules:
            # Other rules count anew: boards of the time before were judged by the old ones.
            self._monitor = StopMonitor(chosen.stop_rules)

    def _keep_house(self) -> None:
        space = Space.ENOUGH
        while not self._stop.is_set():
            chosen = self._watched.current
            try:
                expire(self._place, chosen.retention)
                if chosen.whole_boards_gib is not None:
                    expire_whole(self._place, int(chosen.whole_boards_gib * GIB))
            except StoreError as error:
                log.warning("housekeeping: %s", error)
                self._tell(error.what, error.hint)
            except Exception as error:  # the next round goes on: a thread that ended would let the disk fill up
                log.exception("housekeeping")
                self._tell(f"Old pictures could not be removed: {type(error).__name__}: {error}.", _CHECK)
            before, space = space, self._store.space
            if space is not before and space in _SPACE:
                self._tell(*_SPACE[space])
            self._stop.wait(self._every_s)


def _policy(chosen: RecordSettings) -> PicturePolicy:
    return PicturePolicy(whole_boards=_KEPT[chosen.whole_boards])


def _guard(folder: Path, chosen: RecordSettings) -> DiskGuard:
    return DiskGuard(folder, int(chosen.warn_free_gib * GIB), int(chosen.stop_free_gib * GIB))
