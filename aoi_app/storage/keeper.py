"""The record as a station uses it: a store that watches the process and keeps its own house."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from aoi_app.core.errors import SettingsError, StoreError
from aoi_app.core.inspection import Inspection, Verdict
from aoi_app.core.scan import ScanEnd
from aoi_app.storage.alarms import Alarms
from aoi_app.storage.clock import behind_the_record, now_us
from aoi_app.storage.database import Place
from aoi_app.storage.history import History
from aoi_app.storage.pictures import PicturePolicy
from aoi_app.storage.record_settings import USUAL, RecordSettings, WatchedSettings
from aoi_app.storage.retention import GIB, DiskGuard, Space, expire, expire_whole
from aoi_app.storage.stop_history import caught_up
from aoi_app.storage.stop_rules import Alarm, StopMonitor, StopRules
from aoi_app.storage.store import Store

HOUSEKEEPING_S = 600.0
LOOK_S = 5.0
"""Seconds between two looks at what may last: room on the disk, the clock."""
LONGEST_ROUND_S = 15.0
"""A round of housekeeping that is under way when the station closes is waited for so long."""

Tell = Callable[[str, str], None]
"""Told what happened and what to do next; may come from another thread."""
Notice = tuple[str, str]
"""What happened, and what to do next."""
Lasts = Callable[[Sequence[Notice]], None]
"""Told all that is not as it should be, whenever that changes; of nothing when all is well again."""

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
    lasts
        Told what of that lasts, and of a clock that was set back, from the housekeeping thread.
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
        lasts: Lasts = lambda _: None,
    ) -> None:
        self._place, self._station = Place(folder, url), station
        self._watched = WatchedSettings(folder, usual)
        chosen = self._watched.current
        self._store = Store(folder, url, _policy(chosen), station, _guard(folder, chosen))
        try:
            self._alarms = Alarms(folder, url)
            self._monitor = self._seen_before(chosen.stop_rules)
            standing = [row for row in self._alarms.standing() if row.station == station]
        except BaseException:
            self._store.close()
            raise
        self._pending: deque[Alarm] = deque()
        self._raised = {row.id: Alarm(row.rule, row.what, row.at_us) for row in standing}
        self._last = ""
        self._alarm, self._tell, self._lasts, self._every_s = alarm, tell, lasts, every_s
        self._newest_us = self._store.newest_us
        self._unread: Notice | None = None
        self._untidy: Notice | None = None
        self._space = Space.ENOUGH
        self._lasting: tuple[Notice, ...] = ()
        self._stop = threading.Event()
        self._housekeeping = threading.Thread(target=self._keep_house, name="housekeeping", daemon=True)
        self._housekeeping.start()

    def record(self, inspection: Inspection, end: ScanEnd) -> None:
        """Write one board, then what the stop rules say of it. May be repeated after an error. Raises StoreError."""
        self._take_changes()
        self._store.record(inspection, end)
        self._newest_us = max(self._newest_us, inspection.ended_ns // 1000)
        if inspection.board_id != self._last:
            self._last = inspection.board_id
            self._pending += self._monitor.feed(inspection)
        while self._pending:
            self._raise(self._pending[0])
            self._pending.popleft()

    def close(self) -> None:
        """Stop housekeeping and close the store; may be called twice."""
        self._stop.set()
        self._housekeeping.join(LONGEST_ROUND_S)
        self._alarms.close()
        self._store.close()

    def _raise(self, alarm: Alarm) -> None:
        """Write an alarm down, unless nobody has answered an earlier one of the same cause: one is enough to answer."""
        standing = {row.id for row in self._alarms.standing()}
        self._raised = {key: earlier for key, earlier in self._raised.items() if key in standing}
        if not any(self._monitor.one_cause(alarm, earlier) for earlier in self._raised.values()):
            self._raised[self._alarms.keep(alarm, self._station).id] = alarm
            self._alarm(alarm)

    def _seen_before(self, rules: StopRules) -> StopMonitor:
        history = History(self._place.folder, self._place.url)
        try:
            return caught_up(rules, history, self._alarms, self._station, now_us())
        finally:
            history.close()

    def _take_changes(self) -> None:
        try:
            if not self._watched.changed():
                return
        except SettingsError as error:
            self._unread = error.what, error.hint
            self._tell(*self._unread)
            return
        self._unread = None
        chosen = self._watched.current
        self._store.use(_policy(chosen), _guard(self._place.folder, chosen))
        if chosen.stop_rules != self._monitor.rules:
            # Other rules count anew: boards of the time before were judged by the old ones.
            self._monitor = StopMonitor(chosen.stop_rules)

    def _keep_house(self) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            if time.monotonic() >= due:
                due = time.monotonic() + self._every_s
                self._untidy = self._tidy()
                if self._untidy is not None:
                    self._tell(*self._untidy)
            self._look()
            self._stop.wait(min(LOOK_S, self._every_s))

    def _tidy(self) -> Notice | None:
        """Remove old pictures; return why that failed."""
        chosen = self._watched.current
        try:
            expire(self._place, chosen.retention, station=self._station)
            if chosen.whole_boards_gib is not None:
                expire_whole(self._place, int(chosen.whole_boards_gib * GIB), self._station)
        except StoreError as error:
            log.warning("housekeeping: %s", error)
            return error.what, error.hint
        except Exception as error:  # the next round goes on: a thread that ended would let the disk fill up
            log.exception("housekeeping")
            return f"Old pictures could not be removed: {type(error).__name__}: {error}.", _CHECK
        return None

    def _look(self) -> None:
        """Tell what lasts, where that changed."""
        before, self._space = self._space, self._store.space
        room = _SPACE.get(self._space)
        if room is not None and self._space is not before:
            self._tell(*room)
        found = (room, self._unread, self._untidy, behind_the_record(now_us(), self._newest_us))
        lasting = tuple(notice for notice in found if notice is not None)
        if lasting != self._lasting:
            self._lasting = lasting
            self._lasts(lasting)


def _policy(chosen: RecordSettings) -> PicturePolicy:
    return PicturePolicy(whole_boards=_KEPT[chosen.whole_boards])


def _guard(folder: Path, chosen: RecordSettings) -> DiskGuard:
    return DiskGuard(folder, int(chosen.warn_free_gib * GIB), int(chosen.stop_free_gib * GIB))
