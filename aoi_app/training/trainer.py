"""The training loop: one optimiser, a moving average, mixed precision, several GPUs, exact resume."""

from __future__ import annotations

import copy
import io
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from aoi_app.core.errors import AoiError
from aoi_app.training.augment import Augmenter
from aoi_app.training.average import Average
from aoi_app.training.checkpoint import read_checkpoint
from aoi_app.training.corpus import Corpus, DataError
from aoi_app.training.files import replacing
from aoi_app.training.loss import detection_loss
from aoi_app.training.network import Network
from aoi_app.training.pacing import Pacer
from aoi_app.training.plan import Plan, Precision, rate_at
from aoi_app.training.predict import figures, predict
from aoi_app.training.starting import read_start
from aoi_app.training.utilisation import Utilisation
from aoi_app.training.windows import Batches, Windows

_TYPES = {Precision.FP32: torch.float32, Precision.FP16: torch.float16, Precision.BF16: torch.bfloat16}
KEY_FIGURE = "mAP@0.33"
_TRIAL_WINDOWS = 64  # enough for the statistics of every layer

Progress = Callable[[int, int], None]
"""Takes the steps that are done and those of the whole run, which may change where it is to end in time."""


@dataclass(frozen=True, slots=True)
class Data:
    """What a run trains on and what it is watched with; at least one of `real` and `drawn`."""

    real: Corpus | None
    drawn: Corpus | None = None
    watch: Corpus | None = None

    @property
    def sample(self) -> Corpus:
        """Any of the corpora, for classes, planes and size."""
        found = self.real or self.drawn
        if found is None or len(found) == 0:
            raise DataError("There is nothing to train on.", "Name a data set with labelled boards.")
        return found


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one epoch gave: a row of metrics.csv."""

    epoch: int
    steps: int
    values: dict[str, float]


def resolve(precision: Precision, device: torch.device) -> Precision:
    """Return the arithmetic to use on a device."""
    if precision is not Precision.AUTO:
        return precision
    if device.type != "cuda":
        return Precision.FP32
    return Precision.BF16 if torch.cuda.is_bf16_supported(including_emulation=False) else Precision.FP16


def _optimiser(network: nn.Module, plan: Plan) -> torch.optim.AdamW:
    """Weight decay is for the convolutions' kernels; biases and normalisation go without."""
    kernels = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": kernels, "weight_decay": plan.decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=plan.rate, betas=(0.9, 0.99), fused=kernels[0].is_cuda)


class Trainer:
    """One run on one device (of several, where the process group says so).

    Parameters
    ----------
    folder
        Where checkpoints go; None keeps none.
    """

    def __init__(self, plan: Plan, data: Data, device: torch.device, folder: Path | None = None) -> None:
        self.plan, self.data, self.device, self.folder = plan, data, device, folder
        self.rank = dist.get_rank() if dist.is_initialized() else 0
        self.world = dist.get_world_size() if dist.is_initialized() else 1
        if plan.batch % self.world:
            raise DataError(f"A batch of {plan.batch} cannot be shared evenly by {self.world} GPUs.")
        sample = data.sample
        torch.manual_seed(plan.seed)
        network = Network(sample.planes, len(sample.classes), plan.network).to(device)
        self.network = network.to(memory_format=torch.channels_last) if device.type == "cuda" else network
        self.average = Average(self.network, plan.average)
        self.precision = resolve(plan.precision, device)
        self.model: nn.Module = self.network
        if self.world > 1:
            synced = nn.SyncBatchNorm.convert_sync_batchnorm(self.network) if device.type == "cuda" else self.network
            self.network = synced
            self.model = DistributedDataParallel(synced, device_ids=[device] if device.type == "cuda" else None)
        elif plan.graphs and device.type == "cuda":
            self.model = self._captured()
        self.optimiser = _optimiser(self.network, plan)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.precision is Precision.FP16)
        self.epoch = 0
        self.best = -1.0
        self.stale = 0
        self.history: list[Epoch] = []
        self._real = Windows(data.real, device) if data.real is not None and len(data.real) else None
        self._drawn = Windows(data.drawn, device) if data.drawn is not None and len(data.drawn) else None

    def _captured(self) -> nn.Module:
        """Return the network as CUDA graphs of its forward and backward pass: two launches instead of a thousand.

        The graphs hold the addresses of weights and statistics, which therefore change in place only.
        """
        sample = self.data.sample
        images = torch.zeros(self.plan.batch, sample.planes, *sample.size, device=self.device)
        kept = {name: value.clone() for name, value in self.network.state_dict().items()}
        with self._arithmetic():
            captured: nn.Module = torch.cuda.make_graphed_callables(
                self.network, (images.to(memory_format=torch.channels_last),)
            )
        self.network.load_state_dict(kept)  # the trial passes moved the statistics
        return captured

    def _arithmetic(self) -> torch.autocast:
        dtype = _TYPES[self.precision]
        return torch.autocast(self.device.type, dtype, enabled=dtype is not torch.float32, cache_enabled=False)

    @property
    def epochs(self) -> int:
        """Epochs of the whole run."""
        return max(1, math.ceil(self.plan.steps / self.plan.epoch_steps))

    def run(
        self,
        listen: Callable[[Epoch], None] | None = None,
        progress: Progress | None = None,
        pacer: Pacer | None = None,
    ) -> None:
        """Train from where the run stands to its end.

        Parameters
        ----------
        listen
            Called after each epoch.
        progress
            Called now and then.
        pacer
            Plans the number of steps, so that the run ends in time; without it the plan's stands. The first process's
            counts.

        Raises
        ------
        DataError
            There is no time for a single step.
        """
        if pacer is not None and not self._is_over():
            self._begin(pacer)
            if progress is not None:
                progress(self._done, self.plan.steps)
        while not self._is_over():
            result = self._epoch(progress, pacer)
            self.history.append(result)
            figure = self._of_first(result.values.get(KEY_FIGURE, -result.values["loss"]))
            better = figure > self.best or self.epoch == 1
            if better:
                self.best, self.stale = figure, 0
            else:
                self.stale += 1
            if self.folder is not None and self.rank == 0:
                if better:  # first: a run that is killed in between does this epoch again
                    self.save(self.folder / "best.pt")
                self.save(self.folder / "last.pt")
            if pacer is not None and not self._is_over():
                pacer.rested()
                self._replan(pacer)
                if progress is not None:
                    progress(self._done, self.plan.steps)
            if listen is not None and self.rank == 0:
                listen(result)

    def _of_first(self, figure: float) -> float:
        """Return the figure of the first process, the only one that watches: all stop after the same epoch."""
        if self.world == 1:
            return figure
        shared = torch.tensor(figure, dtype=torch.float64, device=self.device)
        dist.broadcast(shared, 0)
        return float(shared)

    @property
    def _done(self) -> int:
        return min(self.epoch * self.plan.epoch_steps, self.plan.steps)

    def _is_over(self) -> bool:
        return self.epoch >= self.epochs or 0 < self.plan.patience <= self.stale

    def _begin(self, pacer: Pacer) -> None:
        """Measure trial steps, and plan the run by them."""
        self._try(pacer)
        plan = self.plan
        if self.epoch == 0:  # epochs as long as those of a run of so many steps
            plan = plan.of_steps(self._planned(pacer, 0, plan.epoch_steps))
        steps = self._planned(pacer, self._done, plan.epoch_steps)
        if steps <= self._done:
            assert pacer.pace is not None
            raise DataError(
                f"There is no time to train: {pacer.left_s:.0f} s are left before the export; a step takes "
                f"{pacer.pace.step_s:.2g} s and the watched boards {pacer.pace.epoch_s:.2g} s.",
                "Give more --minutes, a smaller --batch or fewer watched boards.",
            )
        self.plan = replace(plan, steps=steps)

    def _try(self, pacer: Pacer) -> None:
        """Measure how long a step takes, and what an epoch takes beside; then go back to where the run stood."""
        kept = copy.deepcopy(self._state())
        batches, augment = self._windows(calm=False)
        self.model.train()
        for group in self.optimiser.param_groups:
            group["lr"] = rate_at(0, self.plan)  # so low that nothing comes apart
        float(self._step(*augment(*batches.draw()))[0])  # the first one prepares what the others use
        trial_s = pacer.trial_s
        pacer.begin()
        steps = 0
        while steps == 0 or self._of_first(trial_s - pacer.lap_s) > 0:
            float(self._step(*augment(*batches.draw()))[0])
            steps += 1
        pacer.stepped(steps)
        self._watch()
        pacer.rested()
        self._restore(kept)

    def _replan(self, pacer: Pacer) -> None:
        """Plan the steps that are still to do by the epochs that are done."""
        self.plan = replace(self.plan, steps=self._planned(pacer, self._done, self.plan.epoch_steps))
        if self._is_over() and self.folder is not None and self.rank == 0:
            self.save(self.folder / "last.pt")  # so that it says so: there is nothing to go on with

    def _planned(self, pacer: Pacer, done: int, epoch_steps: int) -> int:
        return int(self._of_first(pacer.planned(done, epoch_steps)))

    def _windows(self, calm: bool) -> tuple[Batches, Augmenter]:
        """Return what draws and what changes the windows of the coming epoch.

        They have one source of chance, of seed, epoch and rank: a resumed run goes on exactly as it would have.
        """
        plan = self.plan
        generator = torch.Generator(self.device).manual_seed((plan.seed * 1_000_003 + self.epoch) * 64 + self.rank)
        share = plan.calm_share if calm else plan.drawn_share
        batches = Batches(self._real, self._drawn, plan.batch // self.world, share, generator)
        return batches, Augmenter(plan.augmentation.calm() if calm else plan.augmentation, generator)

    def _epoch(self, progress: Progress | None, pacer: Pacer | None) -> Epoch:
        first = self.epoch * self.plan.epoch_steps
        last = min(first + self.plan.epoch_steps, self.plan.steps)
        calm = self.plan.is_calm(first, last)
        batches, augment = self._windows(calm)
        foreseen = self.plan.steps
        look = self._steps_between_looks(pacer)
        self.model.train()
        total = torch.zeros((), device=self.device)
        sums: dict[str, torch.Tensor] = {}
        step, rate = first, 0.0
        start = time.perf_counter()
        if pacer is not None:
            pacer.begin()
        with Utilisation(self.device) as utilisation:
            while step < last:
                rate = rate_at(step, self.plan)
                for group in self.optimiser.param_groups:
                    group["lr"] = rate
                loss, parts = self._step(*augment(*batches.draw()))
                total += loss
                for name, value in parts.items():
                    sums[name] = sums.get(name, torch.zeros((), device=self.device)) + value
                step += 1
                if pacer is not None and step < last and (step - first) % look == 0:
                    steps = self._planned(pacer, step, self.plan.epoch_steps)
                    if steps < self.plan.steps:  # it is late: the rate comes down sooner
                        self.plan = replace(self.plan, steps=steps)
                        last = min(last, steps)
                    ending = last == self.plan.steps or self.plan.steps < foreseen
                    if not calm and ending and self.plan.is_calm(step, step):
                        calm = True  # as late as it is, no epoch may be left for the calm part
                        batches, augment = self._windows(calm)
                if progress is not None and (step % 10 == 1 or step == last):
                    progress(step, self.plan.steps)
            mean = float(total) / (last - first)
        seconds = time.perf_counter() - start
        if pacer is not None:
            pacer.stepped(last - first)
        if not math.isfinite(mean):
            raise AoiError(
                f"The loss is {mean} by step {last}: the training has come apart.",
                "Train with --precision fp32, or with a lower `rate` through --plan.",
            )
        self.epoch += 1
        values = {"loss": mean} | {name: float(value) / (last - first) for name, value in sums.items()}
        values["rate"] = rate
        values["windows_per_s"] = (last - first) * self.plan.batch / seconds
        values |= utilisation.figures()
        values |= self._watch()
        if pacer is not None:
            values |= {"planned_steps": float(self.plan.steps), "minutes_left": pacer.left_s / 60}
        return Epoch(self.epoch, last, values)

    def _steps_between_looks(self, pacer: Pacer | None) -> int:
        """Return after how many steps to look at the clock: each, or once a second where all GPUs wait for the look."""
        if self.world == 1 or pacer is None or pacer.pace is None:
            return 1
        return max(1, round(self._of_first(1 / pacer.pace.step_s)))

    def _step(self, images: torch.Tensor, boxes: torch.Tensor, labels: torch.Tensor) -> Any:
        size = (images.shape[2], images.shape[3])
        if self.device.type == "cuda":
            images = images.to(memory_format=torch.channels_last)
        with self._arithmetic():
            raw = self.model(images)
        loss, parts = detection_loss(raw, boxes, labels, size, self.network.classes, self.plan.weights)
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimiser)
        nn.utils.clip_grad_norm_(self.network.parameters(), 10.0, foreach=True)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.average.update(self.network)
        return loss.detach(), parts

    def _watch(self) -> dict[str, float]:
        watch = self.data.watch
        if watch is None or len(watch) == 0 or self.rank != 0:
            return {}
        dtype = _TYPES[self.precision] if self.device.type == "cuda" else torch.float32
        values = figures(predict(self.average.network, watch, self.device, dtype=dtype), watch)
        augmentation = self.plan.augmentation
        if augmentation.golden:
            alone = predict(self.average.network, watch, self.device, missing=augmentation.missing, dtype=dtype)
            values |= {f"{k} no golden": v for k, v in figures(alone, watch).items() if k.startswith("mAP")}
        return values

    def _state(self) -> dict[str, Any]:
        """Return everything that a resumed run needs; the tensors are the run's own."""
        sample = self.data.sample
        return {
            "plan": self.plan.to_json(),
            "classes": list(sample.classes),
            "planes": sample.planes,
            "size": list(sample.size),
            "network": self.network.state_dict(),
            "average": self.average.network.state_dict(),
            "average_steps": self.average.steps,
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "epoch": self.epoch,
            "best": self.best,
            "stale": self.stale,
            "history": [(e.epoch, e.steps, e.values) for e in self.history],
        }

    def _restore(self, state: dict[str, Any]) -> None:
        """Stand where `_state` was taken, but for the plan."""
        self.network.load_state_dict(state["network"])
        self.average.network.load_state_dict(state["average"])
        self.average.steps = state["average_steps"]
        self.optimiser.load_state_dict(state["optimiser"])
        self.scaler.load_state_dict(state["scaler"])
        self.epoch, self.best, self.stale = state["epoch"], state["best"], state["stale"]
        self.history = [Epoch(*row) for row in state["history"]]

    def save(self, path: Path) -> None:
        """Write everything that a resumed run needs, whole or not at all. Raises DataError."""
        buffer = io.BytesIO()
        torch.save(self._state(), buffer)
        with replacing(path) as draft:
            draft.write_bytes(buffer.getvalue())

    def load(self, path: Path) -> None:
        """Go on from a checkpoint of the same plan and data."""
        state = read_checkpoint(path)
        if state["plan"] != self.plan.to_json():
            raise DataError(
                f"{path.name} was made with other settings.", "Resume with the settings of its config.json."
            )
        self._restore(state)

    def start_from(self, path: Path) -> None:
        """Start a new run from another's averaged weights, or from a finished model (fine-tuning). Raises DataError."""
        start = read_start(path)
        sample = self.data.sample
        if start.classes != sample.classes or start.planes != sample.planes:
            raise DataError(
                f"{start.name} knows the classes {', '.join(start.classes)} on {start.planes} channels; the data have "
                f"{', '.join(sample.classes)} on {sample.planes}."
            )
        start.fill(self.network, self._trial_images())
        if self.world > 1:  # statistics that two GPUs have computed may differ in their last bits
            for value in self.network.state_dict().values():
                dist.broadcast(value, 0)
        self.average.network.load_state_dict(self.network.state_dict())

    def _trial_images(self) -> torch.Tensor:
        """Return windows as the run sees them, (B, planes, H, W)."""
        plan = self.plan
        generator = torch.Generator(self.device).manual_seed(plan.seed)
        batches = Batches(self._real, self._drawn, max(_TRIAL_WINDOWS, plan.batch), plan.drawn_share, generator)
        images, _, _ = Augmenter(plan.augmentation, generator)(*batches.draw())
        return images
