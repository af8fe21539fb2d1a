"""What mixed precision gains and costs: the same short training in each arithmetic, on one GPU in one run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from aoi_app.training.memory import largest_batch
from aoi_app.training.plan import Plan, Precision
from aoi_app.training.trainer import KEY_FIGURE, Data, Trainer


@dataclass(frozen=True, slots=True)
class AmpRow:
    """One arithmetic: speed, memory at the plan's batch, largest batch, and the key figure at the end."""

    precision: Precision
    windows_per_s: float
    memory_mib: float
    largest_batch: int
    figure: float


def measure_amp(plan: Plan, data: Data, device: torch.device, tell: Callable[[AmpRow], None]) -> list[AmpRow]:
    """Train the plan in FP32, FP16 and, where the GPU has it, BF16; the speed is that of the last epoch."""
    kinds = [Precision.FP32, Precision.FP16]
    if torch.cuda.is_bf16_supported(including_emulation=False):
        kinds.append(Precision.BF16)
    rows = []
    for kind in kinds:
        mine = replace(plan, precision=kind)
        trainer = Trainer(mine, data, device)
        trainer.run()
        last = trainer.history[-1].values
        del trainer
        torch.cuda.empty_cache()
        row = AmpRow(
            kind, last["windows_per_s"], last["gpu_mib"], largest_batch(mine, data, device), last.get(KEY_FIGURE, 0.0)
        )
        tell(row)
        rows.append(row)
    return rows
