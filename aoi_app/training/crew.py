"""Work on many items, spread over the machine's cores: results in order, errors as they were raised."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

import cv2

from aoi_app.training.corpus import DataError

T = TypeVar("T")
R = TypeVar("R")

_LEAST = 16  # items that are worth a process: half a second passes before it has started
_MOST = 32  # workers; more would wait for the one process that hands the work out
_AHEAD = 2  # items a worker that are handed out before their results are asked for: what is held in memory


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def in_processes(work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """Yield ``work(item)`` for each item, in order; several are worked on at a time, in processes of their own.

    One after the other in this process where that is as fast, and in a frozen program, which cannot start others.

    Parameters
    ----------
    work
        A function of a module, or a `partial` of one. Each process imports that module: it should import little.

    Raises
    ------
    DataError
        A process was ended from outside.
    """
    workers = min(cores(), _MOST, len(items) // _LEAST)
    if workers < 2 or getattr(sys, "frozen", False):
        yield from map(work, items)
        return
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_begin)
    try:
        yield from _results(pool, workers, work, items)
    except BrokenProcessPool as error:
        raise DataError(
            f"One of {workers} processes that shared the work was ended from outside.",
            "Look whether memory ran out, then start again.",
        ) from error


def in_threads(work: Callable[[T], R], items: Sequence[T]) -> Iterator[R]:
    """Yield ``work(item)`` for each item, in order; several are worked on at a time, in threads.

    For work whose time passes in libraries that let other threads run meanwhile, as OpenCV and files do.
    """
    workers = min(cores(), _MOST, len(items))
    if workers < 2:
        yield from map(work, items)
        return
    yield from _results(ThreadPoolExecutor(workers), workers, work, items)


def _results(pool: Executor, workers: int, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > _AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a console; the first ends the others
    cv2.setNumThreads(1)  # a core each
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when the one that started it was killed: the queue between them would be waited on for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
