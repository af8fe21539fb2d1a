"""A run's state on disk, as `Trainer.save` writes it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import torch

from aoi_app.training.corpus import DataError


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return what `Trainer.save` wrote; data only, no code is run."""
    try:
        with contextlib.closing(path.open("rb")) as file:
            state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
            return state
    except Exception as error:  # torch raises whatever its unpickler met
        raise DataError(f"{path.name} is no checkpoint of a run: {error}.", "Name the last.pt of a run.") from error
