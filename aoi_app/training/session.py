"""A whole training: data, batch, run, export, summary."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from aoi_app.inference.card import Channels, InputSpec, ModelCard
from aoi_app.training.checkpoint import read_checkpoint
from aoi_app.training.corpus import DataError
from aoi_app.training.export import Exported, export
from aoi_app.training.folder import RunFolder
from aoi_app.training.memory import fitting_batch
from aoi_app.training.network import Network
from aoi_app.training.pacing import Limit
from aoi_app.training.parallel import devices, train_on
from aoi_app.training.plan import Plan
from aoi_app.training.trainer import KEY_FIGURE, Data, Epoch, Progress


@dataclass(frozen=True, slots=True)
class About:
    """What the card says and the network cannot know."""

    name: str
    channels: Channels
    px_per_mm: float | None = None
    description: str = ""
    data: str = ""
    licence: str = ""
    command: str = ""
    classes_zh: tuple[str, ...] = ()


def train_session(
    plan: Plan,
    data: Data,
    folder: RunFolder,
    about: About,
    source: dict[str, Any],
    *,
    gpus: int = 0,
    resume: bool = False,
    start: Path | None = None,
    limit: Limit | None = None,
    listen: Callable[[Epoch], None] | None = None,
    progress: Progress | None = None,
) -> tuple[Exported, dict[str, Any]]:
    """Train as planned and export the averaged weights; return what was exported and the summary.

    Parameters
    ----------
    gpus
        How many to use; 0 is all.
    resume
        Go on with the run in the folder, exactly as if it had not been stopped. A run that was to end in time goes on
        with the steps that were planned last, or to the end of a new `limit`.
    limit
        Time in which all of this is to be over; the plan's number of steps then gives way.
    listen, progress
        See `Trainer.run`.

    Raises
    ------
    DataError
        Nothing can be gone on with, or there is no time.
    """
    try:
        where = devices(gpus)
    except ValueError as error:
        raise DataError(f"{error}.", "Leave --gpus out to use all of them.") from error
    if resume:
        plan = _plan_to_resume(folder, data, limit)
    elif plan.batch == 0:
        plan = replace(plan, batch=fitting_batch(plan, data, where[0], len(where)))
    until = None if limit is None else limit.until(_export_s(plan, data, about))
    if not resume:
        folder.write_config(plan, data, source, None if limit is None else limit.minutes)
    elif limit is not None:
        folder.write_plan(plan, limit.minutes)

    def keep(epochs: Sequence[Epoch]) -> None:
        folder.write_history(epochs)
        if limit is not None:
            folder.write_plan(_last_plan(folder), limit.minutes)
        if listen is not None:
            listen(epochs[-1])

    train_on(where, plan, data, folder.path, resume=resume, start=start, until=until, listen=keep, progress=progress)
    return finish(folder, about, data)


def _plan_to_resume(folder: RunFolder, data: Data, limit: Limit | None) -> Plan:
    """Return what the run in the folder was begun with, with the steps planned last where it was to end in time."""
    if not folder.last.is_file():
        raise DataError(
            f"The run in {folder.path} ended before its first epoch did: there is nothing to go on from.",
            "Remove the folder, or name another one, and start without --resume.",
        )
    config = folder.read_config()
    plan = Plan.from_json(config["plan"])
    folder.require_same(config, data)
    if config.get("minutes") is not None:  # a kill may have come between the checkpoint and the config
        last = _last_plan(folder)
        plan = replace(plan, steps=last.steps, epoch_steps=last.epoch_steps)
        folder.write_plan(plan, config["minutes"])
    if limit is not None and (done := read_checkpoint(folder.last)["history"][-1][1]) >= plan.steps:
        raise DataError(
            f"The run in {folder.path} has come to its end, with {done} steps: there is nothing to give minutes to.",
            f"Start a new run from its weights, with --start {folder.last}; or leave --minutes out to export it again.",
        )
    return plan


def _last_plan(folder: RunFolder) -> Plan:
    return Plan.from_json(read_checkpoint(folder.last)["plan"])


def _export_s(plan: Plan, data: Data, about: About) -> float:
    """Return how long the export of such a network takes, by exporting one: it fails before the training, if at all."""
    sample = data.sample
    network = Network(sample.planes, len(sample.classes), plan.network)
    card = ModelCard(
        name=about.name, classes=sample.classes, classes_zh=about.classes_zh,
        input=InputSpec(channels=about.channels, scale=1 / 255),
    )  # fmt: skip
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as trial:
        export(network, card, Path(trial) / "model.onnx", sample.size)
    return time.monotonic() - start


def finish(folder: RunFolder, about: About, data: Data) -> tuple[Exported, dict[str, Any]]:
    """Export the best weights of a run, or the last where nothing was watched, and write its summary."""
    watched = data.watch is not None and len(data.watch) > 0
    checkpoint = folder.best if watched else folder.last
    state = read_checkpoint(checkpoint)
    network = Network(state["planes"], len(state["classes"]), state["plan"]["network"])
    network.load_state_dict(state["average"])
    history = [Epoch(*row) for row in read_checkpoint(folder.last)["history"]]
    figures = {
        f"{name} (watched boards)": value
        for name, value in state["history"][-1][2].items()
        if name.startswith(("mAP", "F@"))
    }
    card = ModelCard(
        name=about.name,
        description=about.description,
        classes=tuple(state["classes"]),
        classes_zh=about.classes_zh,
        input=InputSpec(channels=about.channels, scale=1 / 255),
        px_per_mm=about.px_per_mm,
        data=about.data,
        licence=about.licence,
        command=about.command,
        figures=figures,
    )
    size = (int(state["size"][0]), int(state["size"][1]))
    exported = export(network, card, folder.path / "model.onnx", size)
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
    summary = folder.write_summary(
        history,
        {
            "minutes": folder.read_config().get("minutes"),
            "device": device,
            "batch": state["plan"]["batch"],
            "exported": checkpoint.name,
            "key_figure": state["history"][-1][2].get(KEY_FIGURE),
            "onnx_difference": exported.difference,
        },
    )
    return exported, summary
