"""Calls of a library that may last for ever: made in a thread of their own, which is given up after a limit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

from aoi_app.core.errors import AoiError

T = TypeVar("T")


class Overdue(Exception):
    """A call did not end in time, or an earlier one that was given up has not ended yet.

    Attributes
    ----------
    others
        What else was given up and still lasts: a library may let its calls wait for each other.
    """

    def __init__(self, others: tuple[str, ...]) -> None:
        super().__init__(others)
        self.others = others


_guard = threading.Lock()
_given_up: dict[threading.Thread, str] = {}


def bounded(key: str, work: Callable[[], T], discard: Callable[[T], None], limit_s: float) -> T:
    """Return what `work` returns, or raise what it raises.

    Parameters
    ----------
    key
        What is called. While a call that was given up lasts, no other of the same key is begun: threads do not pile up.
    work
        Called in a thread of its own.
    discard
        Given a result that comes too late, in the same thread.
    limit_s
        How long to wait.

    Raises
    ------
    Overdue
        It has not ended in time.
    """
    with _guard:
        if key in _given_up.values():
            raise Overdue(_others(key))
    call = _Call(key, work, discard)
    try:
        call.thread.start()
        call.thread.join(limit_s)
    finally:
        # Also when a person interrupts the wait.
        call.give_up()
    return call.result()


def _others(key: str) -> tuple[str, ...]:
    return tuple(other for other in _given_up.values() if other != key)


class _Call(Generic[T]):
    def __init__(self, key: str, work: Callable[[], T], discard: Callable[[T], None]) -> None:
        self._key = key
        self._work = work
        self._discard = discard
        self._results: list[T] = []
        self._error: BaseException | None = None
        self._ended = self._overdue = False
        # A daemon: nothing can end a call within a library, and the program must be able to end all the same.
        self.thread = threading.Thread(target=self._run, name=f"aoi-bounded-{key}", daemon=True)

    def give_up(self) -> None:
        """Leave the call to itself, unless it has ended."""
        with _guard:
            if not self._ended and self.thread.ident is not None:
                self._overdue = True
                _given_up[self.thread] = self._key

    def result(self) -> T:
        """Return the result, or raise the error. Raises Overdue."""
        if self._overdue:
            raise Overdue(_others(self._key))
        if self._error is not None:
            raise self._error
        return self._results[0]

    def _run(self) -> None:
        try:
            self._results.append(self._work())
        except BaseException as error:
            self._error = error
        with _guard:
            self._ended = True
        if not self._overdue:
            return
        try:
            for result in self._results:
                with suppress(AoiError):
                    self._discard(result)
        finally:
            with _guard:
                del _given_up[self.thread]
