"""How large a batch fits into the GPU, found by trying two small ones."""

from __future__ import annotations

import gc
from dataclasses import replace

import torch

from aoi_app.training.plan import Plan
from aoi_app.training.trainer import Data, Trainer

_SHARE = 0.85  # of the GPU's memory; the rest is for validation and fragmentation
_TRIALS = (16, 64)  # far apart: what a library's work space adds to one of them must not count as the batch's
GOOD_BATCH = 32
"""More windows a step than this learn less from the same number of windows (measured on DeepPCB: 32 beats 64)."""


def largest_batch(plan: Plan, data: Data, device: torch.device) -> int:
    """Return the largest batch, a multiple of 8, that trains within the GPU's memory; memory grows as a line."""
    peaks = []
    for batch in _TRIALS:
        gc.collect()  # an earlier trainer's memory is not this batch's
        torch.cuda.empty_cache()
        trial = Trainer(replace(plan, batch=batch, steps=3, epoch_steps=3), Data(data.real, data.drawn), device)
        torch.cuda.reset_peak_memory_stats(device)
        trial.run()
        peaks.append(torch.cuda.max_memory_allocated(device))
        del trial
        torch.cuda.empty_cache()
    each = max(1.0, (peaks[1] - peaks[0]) / (_TRIALS[1] - _TRIALS[0]))
    fixed = peaks[0] - each * _TRIALS[0]
    room = _SHARE * torch.cuda.get_device_properties(device).total_memory - fixed
    return max(8, int(room / each) // 8 * 8)


def fitting_batch(plan: Plan, data: Data, device: torch.device, gpus: int = 1) -> int:
    """Return the batch to train with where the plan leaves it open: `GOOD_BATCH`, or less where memory is short."""
    if device.type != "cuda":
        return min(GOOD_BATCH, 8 * max(1, gpus))
    return min(GOOD_BATCH, largest_batch(plan, data, device) * gpus) // gpus * gpus
