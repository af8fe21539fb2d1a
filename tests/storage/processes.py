"""Several processes on one record, as stations and windows are."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from typing import Any

from tests.storage.places import At


def side_by_side(at: At, jobs: Sequence[tuple[Any, ...]], most_s: float, preload: Sequence[str] = ()) -> list[Any]:
    """Run jobs in processes of their own, wait for all of them, and return the answer of each.

    Parameters
    ----------
    jobs
        A function and its last arguments, each: it is called with the place, the end of a pipe for its answer, an event
        that the first one sets when it has stopped, and these.
    most_s
        Seconds that each may take.
    preload
        Modules that the processes share.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    stopped = context.Event()
    answers, processes = [], []
    for target, *rest in jobs:
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=target, args=(at, there, stopped, *rest), daemon=True)
        process.start()
        there.close()
        answers.append(here)
        processes.append(process)
    for process in processes:
        process.join(most_s)
    # A process that met an error of any kind has told its traceback on standard error, and ends with another status.
    assert [process.exitcode for process in processes] == [0] * len(processes)
    return [answer.recv() for answer in answers]
