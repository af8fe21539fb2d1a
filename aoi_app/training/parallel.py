"""One process a GPU: the same run on several of them, gradients averaged in between."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from multiprocessing.queues import SimpleQueue
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from aoi_app.core.errors import AoiError
from aoi_app.training.corpus import Corpus, DataError
from aoi_app.training.pacing import Pacer
from aoi_app.training.plan import Plan
from aoi_app.training.sharing import Shared
from aoi_app.training.trainer import Data, Epoch, Progress, Trainer

Listen = Callable[[Sequence[Epoch]], None]
"""Takes all epochs of the run so far, after each."""

_LOOK_S = 0.2  # how often the processes' news is looked for


@dataclass(frozen=True, slots=True)
class _Handed:
    """A corpus as every process is given it: the images, by far the most of it, lie in memory that all look at."""

    rest: Corpus
    images: Shared

    @staticmethod
    def of(corpus: Corpus | None) -> _Handed | None:
        """Return a corpus ready to be handed over."""
        return None if corpus is None else _Handed(replace(corpus, images=corpus.images[:0]), Shared(corpus.images))

    def taken(self) -> Corpus:
        """Return the corpus as it was."""
        return replace(self.rest, images=self.images.images)


@dataclass(frozen=True, slots=True)
class _Task:
    """What every process does."""

    plan: Plan
    folder: Path
    resume: bool
    start: Path | None
    until: float | None

    def run(self, data: Data, device: torch.device, listen: Listen | None, progress: Progress | None) -> None:
        if device.type == "cuda":
            torch.backends.cudnn.benchmark = True  # windows and batches have one size
        trainer = Trainer(self.plan, data, device, self.folder)
        if self.resume:
            trainer.load(self.folder / "last.pt")
        elif self.start is not None:
            trainer.start_from(self.start)
        pacer = None if self.until is None else Pacer(self.until)
        trainer.run(None if listen is None else lambda epoch: listen(trainer.history), progress, pacer)


@dataclass(frozen=True, slots=True)
class _News:
    """What a process tells the one that started it: epochs or steps that are done, or why it gave up."""

    epochs: tuple[Epoch, ...] = ()
    steps: tuple[int, int] | None = None
    failed: tuple[str, str] | None = None


def devices(count: int = 0) -> list[torch.device]:
    """Return the devices to train on: `count` GPUs, all of them for 0, the CPU where there is none."""
    found = torch.cuda.device_count()
    if found == 0:
        return [torch.device("cpu")]
    if count > found:
        raise ValueError(f"{count} GPUs were asked for, {found} are there")
    return [torch.device("cuda", index) for index in range(count or found)]


def train_on(
    where: list[torch.device],
    plan: Plan,
    data: Data,
    folder: Path,
    *,
    resume: bool = False,
    start: Path | None = None,
    until: float | None = None,
    listen: Listen | None = None,
    progress: Progress | None = None,
) -> None:
    """Train, on one device in this process, on several in one process each; all look at the same images in memory.

    Parameters
    ----------
    resume
        Go on from the folder's last.pt.
    start
        Checkpoint whose weights the run starts from.
    until
        When the training is to be over, seconds of `time.monotonic`; the plan's number of steps then gives way.
    listen, progress
        Always called in this process.

    Raises
    ------
    DataError
        A process gave up or was ended, or there is no time for a single step.
    """
    task = _Task(plan, folder, resume, start, until)
    if len(where) == 1:
        task.run(data, where[0], listen, progress)
        return
    news: SimpleQueue[_News] = mp.get_context("spawn").SimpleQueue()
    handed = tuple(_Handed.of(corpus) for corpus in (data.real, data.drawn, data.watch))
    context = mp.spawn(_process, args=(where, _free_port(), task, handed, news), nprocs=len(where), join=False)
    failures: list[tuple[str, str]] = []
    try:
        done = False
        while not done:
            done = context.join(timeout=_LOOK_S)
            _pass_on(news, listen, progress, failures)
    except (mp.ProcessRaisedException, mp.ProcessExitedException) as error:
        _pass_on(news, listen, progress, failures)
        if failures:
            raise DataError(*failures[0]) from error
        if isinstance(error, mp.ProcessRaisedException):
            raise
        raise DataError(
            f"A training process was ended from outside: {str(error).splitlines()[0]}.",
            "Look whether memory ran out; then go on with --resume.",
        ) from error
    finally:
        for process in context.processes:
            if process.is_alive():
                process.terminate()


def _pass_on(
    news: SimpleQueue[_News], listen: Listen | None, progress: Progress | None, failures: list[tuple[str, str]]
) -> None:
    while not news.empty():
        some = news.get()
        if some.failed is not None:
            failures.append(some.failed)
        if some.epochs and listen is not None:
            listen(some.epochs)
        if some.steps is not None and progress is not None:
            progress(*some.steps)


def _process(
    rank: int,
    where: list[torch.device],
    port: int,
    task: _Task,
    handed: tuple[_Handed | None, ...],
    news: SimpleQueue[_News],
) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    device = where[rank]
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", rank=rank, world_size=len(where))
    try:
        data = Data(*(None if corpus is None else corpus.taken() for corpus in handed))
        task.run(
            data, device, lambda epochs: news.put(_News(tuple(epochs))), lambda *steps: news.put(_News(steps=steps))
        )  # fmt: skip
    except AoiError as error:
        news.put(_News(failed=(error.what, error.hint)))
        raise
    finally:
        dist.destroy_process_group()


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
