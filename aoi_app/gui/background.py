"""Work that takes time, off the window's thread; only the newest answer counts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from PySide6.QtCore import QObject, Signal

Callback = Callable[[Any], None]


class Background(QObject):
    """One worker thread for a page of the window.

    Answers come back on the window's thread. Work is named by a topic: an answer to an older question of the same
    topic is dropped, so that a slow query never overwrites the result of a newer one.
    """

    _finished = Signal(object, object, object)
    """Small values only (rows, records, thumbnails): a queued signal is not bounded."""

    def __init__(self, parent: QObject, name: str) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"aoi-{name}")
        self._newest: dict[str, int] = {}
        self._open: set[str] = set()
        self._closed = False
        self._guard = threading.Lock()
        self._finished.connect(self._on_finished)

    def run(
        self,
        topic: str,
        work: Callable[[], Any],
        then: Callback,
        failed: Callable[[Exception], None],
    ) -> None:
        """Do `work` in the worker thread, then `then(answer)` or `failed(error)` in this one."""
        number = self._newest[topic] = self._newest.get(topic, 0) + 1
        self._open.add(topic)

        def job() -> None:
            if self._closed or self._newest[topic] != number:
                return
            try:
                answer, error = work(), None
            except Exception as problem:
                answer, error = None, problem
            # By the time that an abandoned question is answered the window, and this object, may be gone.
            with self._guard:
                if not self._closed:
                    self._finished.emit((topic, number), (then, failed), (answer, error))

        self._pool.submit(job)

    def waits_for(self, topic: str) -> bool:
        """Tell whether an answer is on its way.

        What looks again by a timer asks this first: where an answer takes longer than the timer, each would be dropped
        for the next question, and none would ever be seen.
        """
        return topic in self._open

    @property
    def idle(self) -> bool:
        """Whether no answer is on its way."""
        return not self._open

    def forget(self, topic: str) -> None:
        """Drop the answers to what was asked so far."""
        self._newest[topic] = self._newest.get(topic, 0) + 1
        self._open.discard(topic)

    def finish(self) -> None:
        """Do all that was asked for, then start no more: for work that must not be lost, such as decisions."""
        self._pool.shutdown(wait=True)
        self._closed = True

    def abandon(self) -> None:
        """Start no more and wait for nothing: the work in hand goes on alone, and its answer is dropped."""
        with self._guard:
            self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """Wait for the work in hand and start no more."""
        self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _on_finished(self, key: tuple[str, int], callbacks: tuple[Callback, Callback], result: tuple[Any, Any]) -> None:
        topic, number = key
        then, failed = callbacks
        answer, error = result
        if self._closed or self._newest.get(topic) != number:
            return
        self._open.discard(topic)
        if error is not None:
            failed(error)
        else:
            then(answer)
