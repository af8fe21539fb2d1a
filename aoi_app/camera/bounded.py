"""Calls of a library that may last for ever: made in a thread of their own, which is given up after a limit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class Overdue(Exception):
    """A call did not end in time, or one of an earlier worker that was given up has not ended yet.

    Attributes
    ----------
    others
        Keys of what else was given up in a call of the same kind, and still lasts.
    """

    def __init__(self, others: tuple[str, ...] = ()) -> None:
        super().__init__(others)
        self.others = others


_guard = threading.Lock()
_given_up: list[Worker] = []


class Worker:
    """A thread that makes the calls of one device, one after the other, until one of them lasts too long.

    Nothing can end a call within a library. One that is given up keeps its thread, and whatever the library holds for
    it, until it ends by itself; then `leave` frees the device, and the thread ends. It is a daemon: the program can end
    before.

    Parameters
    ----------
    key
        What is called. While a worker that was given up lasts, no other of the same key is made: threads do not pile
        up, and a device is not fought over.
    leave
        Called in the thread when a call that was given up has ended after all.

    Raises
    ------
    Overdue
        One of the same key was given up, and lasts.
    """

    def __init__(self, key: str, leave: Callable[[], object]) -> None:
        with _guard:
            if any(worker.key == key for worker in _given_up):
                raise Overdue
        self.key: str = key
        self._leave = leave
        self._kind = ""
        self._ended = self._is_given_up = False
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any], str] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"aoi-bounded-{key}", daemon=True)
        self._thread.start()

    @property
    def is_given_up(self) -> bool:
        """Whether one of its calls lasted too long: it makes no more."""
        return self._is_given_up

    def begin(self, work: Callable[[], T], kind: str = "") -> Future[T]:
        """Have a call made; does not wait for it."""
        answer: Future[T] = Future()
        self._calls.put((answer, work, kind))
        return answer

    def call(self, work: Callable[[], T], limit_s: float, kind: str = "") -> T:
        """Return what `work` returns, or raise what it raises.

        Parameters
        ----------
        work
            Called in the worker's thread.
        limit_s
            How long to wait; then the worker is given up.
        kind
            Which calls of other workers this one may have to wait for, where the library lets them wait.

        Raises
        ------
        Overdue
            It has not ended in time, or the worker was given up before.
        """
        if self._is_given_up:
            raise Overdue
        answer = self.begin(work, kind)
        try:
            error = answer.exception(limit_s)
        except NotYet:
            self.give_up()
            with _guard:
                others = tuple(worker.key for worker in _given_up if worker is not self and worker._kind == kind)
            raise Overdue(others) from None
        if error is not None:
            raise error
        return answer.result()

    def give_up(self) -> None:
        """Leave the call in hand to itself, and make no other."""
        with _guard:
            if self._ended or self._is_given_up:
                return
            self._is_given_up = True
            _given_up.append(self)
        self._calls.put(None)

    def end(self) -> None:
        """Make no more calls after those that were begun. Does not wait."""
        self._calls.put(None)

    def _run(self) -> None:
        while not self._is_given_up:
            call = self._calls.get()
            if call is None:
                break
            answer, work, self._kind = call
            try:
                answer.set_result(work())
            except BaseException as error:
                answer.set_exception(error)
            # What the call holds must not outlive it here.
            del call, answer, work
        try:
            if self._is_given_up:
                self._leave()
        finally:
            with _guard:
                self._ended = True
                if self._is_given_up:
                    _given_up.remove(self)


def bounded(key: str, work: Callable[[], T], limit_s: float) -> T:
    """Return what one call returns, made by a worker of its own. Raises Overdue, and what `work` raises."""
    worker = Worker(key, lambda: None)
    try:
        return worker.call(work, limit_s)
    finally:
        worker.end()
