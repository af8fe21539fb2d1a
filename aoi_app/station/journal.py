"""Events of the line, kept for whoever asks."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterable

from aoi_app.core.errors import AoiError
from aoi_app.station.status import Condition, Event, EventKind, Level

KEPT = 1_000
_LOG_LEVEL = {Level.INFO: logging.INFO, Level.WARNING: logging.WARNING, Level.ERROR: logging.ERROR}
_log = logging.getLogger("aoi")


class Journal:
    """The last events, numbered without gaps; each goes to the program's log as well."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: deque[Event] = deque(maxlen=KEPT)
        self._number = 0
        self._lasting: dict[str, tuple[Condition, ...]] = {}

    def add(
        self,
        level: Level,
        source: str,
        what: str,
        hint: str = "",
        detail: str = "",
        kind: EventKind = EventKind.OTHER,
    ) -> None:
        """Note that something happened."""
        with self._lock:
            self._number += 1
            self._events.append(Event(self._number, time.time_ns(), level, source, what, hint, detail, kind))
        sign = f"{kind.value} " if kind.value else ""
        _log.log(_LOG_LEVEL[level], "%s: %s%s %s%s", source, sign, what, hint, f"\n{detail}" if detail else "")

    def error(
        self,
        source: str,
        error: BaseException,
        level: Level = Level.ERROR,
        kind: EventKind = EventKind.OTHER,
    ) -> None:
        """Note an error, with its traceback where it is not one that was meant for people."""
        if isinstance(error, AoiError):
            self.add(level, source, error.what, error.hint, "".join(traceback.format_exception(error)), kind)
        else:
            what = f"{type(error).__name__}: {error}"
            self.add(
                level, source, what, "Send the log to the maker.", "".join(traceback.format_exception(error)), kind
            )

    def lasts(self, source: str, notices: Iterable[tuple[str, str]]) -> None:
        """Take over all that is not as it should be with a room now: what, and what to do next; nothing when all is."""
        found = tuple(Condition(Level.WARNING, source, what, hint) for what, hint in notices)
        with self._lock:
            self._lasting[source] = found

    @property
    def lasting(self) -> tuple[Condition, ...]:
        """What is not as it should be, of all rooms that told."""
        with self._lock:
            return tuple(condition for told in self._lasting.values() for condition in told)

    def after(self, number: int) -> tuple[Event, ...]:
        """Return the kept events with a higher number."""
        with self._lock:
            return tuple(e for e in self._events if e.number > number)
