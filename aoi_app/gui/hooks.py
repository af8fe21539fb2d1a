"""What nobody caught: errors in slots and threads become events instead of vanishing."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections import deque
from types import TracebackType

from aoi_app.station.status import Event, Level

WHAT = "The program met an error that it did not expect: {0}"
HINT = "What is recorded is safe. Copy the event from the log and send it to the maker."


class ErrorHooks:
    """Collects uncaught errors of all threads; the window shows them.

    `install` may be undone with `remove`; the hooks that were there before are called as well.
    """

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=100)
        self._before = (sys.excepthook, threading.excepthook)
        self._number = 0

    def install(self) -> None:
        """Listen from now on."""
        self._before = (sys.excepthook, threading.excepthook)
        sys.excepthook = self._on_error
        threading.excepthook = self._on_thread_error

    def remove(self) -> None:
        """Listen no more."""
        sys.excepthook, threading.excepthook = self._before

    def take(self) -> tuple[Event, ...]:
        """Return what was collected since the last call."""
        events = []
        while self._events:
            events.append(self._events.popleft())
        return tuple(events)

    def _note(self, error: BaseException, source: str) -> None:
        self._number -= 1
        what = WHAT.replace("{0}", f"{type(error).__name__}: {error}")
        detail = "".join(traceback.format_exception(error))
        self._events.append(Event(self._number, time.time_ns(), Level.ERROR, source, what, HINT, detail))

    def _on_error(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            self._note(error, "window")
        self._before[0](kind, error, trace)

    def _on_thread_error(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            self._note(args.exc_value, args.thread.name if args.thread else "thread")
        self._before[1](args)
