"""Answers of the camera's thread, taken over in the window's: asked for again and again, never waited for."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


class Answers:
    """What was asked of a camera and has not been answered yet."""

    def __init__(self, failed: Callable[[Exception], None]) -> None:
        self._failed = failed
        self._waiting: list[tuple[Future[Any], Callable[[Any], None]]] = []

    @property
    def busy(self) -> bool:
        """Whether an answer is missing."""
        return bool(self._waiting)

    def expect(self, answer: Future[Any], then: Callable[[Any], None]) -> None:
        """Call `then(value)` when the answer is there; an error goes to `failed`."""
        self._waiting.append((answer, then))

    def take(self) -> None:
        """Hand over the answers that are there."""
        there = [entry for entry in self._waiting if entry[0].done()]
        self._waiting = [entry for entry in self._waiting if entry not in there]
        for answer, then in there:
            error = answer.exception()
            if error is None:
                then(answer.result())
            elif isinstance(error, Exception):
                self._failed(error)

    def forget(self) -> None:
        """Want no answer any more."""
        self._waiting.clear()
