"""One process a GPU: the same run on several of them, gradients averaged in between."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from aoi_app.training.plan import Plan
from aoi_app.training.trainer import Data, Epoch, Trainer

Listen = Callable[[Trainer, Epoch], None]


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
    listen: Listen | None = None,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Train, on one device in this process, on several in one process each.

    Parameters
    ----------
    resume
        Go on from the folder's last.pt.
    start
        Checkpoint whose weights the run starts from.
    listen, progress
        Called in this process for one device, in the first process for several: then they must be importable.
    """
    if len(where) == 1:
        _run(where[0], plan, data, folder, resume, start, listen, progress)
        return
    port = _free_port()
    mp.spawn(
        _process,
        args=(where, port, plan, data, folder, resume, start, listen, progress),
        nprocs=len(where),
        join=True,
    )


def _process(
    rank: int,
    where: list[torch.device],
    port: int,
    plan: Plan,
    data: Data,
    folder: Path,
    resume: bool,
    start: Path | None,
    listen: Listen | None,
    progress: Callable[[int], None] | None,
) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    device = where[rank]
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", rank=rank, world_size=len(where))
    try:
        _run(device, plan, data, folder, resume, start, listen, progress)
    finally:
        dist.destroy_process_group()


def _run(
    device: torch.device,
    plan: Plan,
    data: Data,
    folder: Path,
    resume: bool,
    start: Path | None,
    listen: Listen | None,
    progress: Callable[[int], None] | None,
) -> None:
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True  # windows and batches have one size
    trainer = Trainer(plan, data, device, folder)
    if resume:
        trainer.load(folder / "last.pt")
    elif start is not None:
        trainer.start_from(start)
    trainer.run(None if listen is None else lambda epoch: listen(trainer, epoch), progress)


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
