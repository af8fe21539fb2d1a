"""The folder of a run: everything needed to repeat it, watch it and go on with it."""

from __future__ import annotations

import csv
import hashlib
import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aoi_app.training.corpus import Corpus, DataError
from aoi_app.training.curves import write_curves
from aoi_app.training.files import replacing, write_text
from aoi_app.training.plan import Plan
from aoi_app.training.trainer import Data, Epoch

_LOSSES = ("loss", "classify", "box", "distribution")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where one run keeps its files.

    config.json (settings, data, versions, command), metrics.csv and curves.svg (one row an epoch), last.pt and best.pt
    (checkpoints), model.onnx with its card, summary.json.
    """

    path: Path

    @classmethod
    def create(cls, path: Path) -> RunFolder:
        """Make the folder; an old run is never overwritten. Raises DataError."""
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise DataError(
                f"{path} is a file, or a folder that is not empty.",
                "Name another with --run, or go on with the run in it: --resume.",
            )
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"{path} cannot be made: {error.strerror or error}.", "Name another with --run.") from error
        return cls(path)

    @property
    def last(self) -> Path:
        """Checkpoint to resume from."""
        return self.path / "last.pt"

    @property
    def best(self) -> Path:
        """Checkpoint of the best epoch."""
        return self.path / "best.pt"

    def write_config(self, plan: Plan, data: Data, source: dict[str, Any], minutes: float | None = None) -> None:
        """Write what the run does and with what; `source` says where the data come from.

        `minutes` are those that were asked for instead of a number of steps.
        """
        config = {
            "plan": plan.to_json(),
            "minutes": minutes,
            "source": source,
            "data": _fingerprints(data),
            "command": ["aoi", *sys.argv[1:]],
            "versions": {
                "python": platform.python_version(),
                "torch": torch.__version__,
                "numpy": np.__version__,
                "cuda": torch.version.cuda,
            },
        }
        _write_json(self.path / "config.json", config)

    def read_config(self) -> dict[str, Any]:
        """Return what `write_config` wrote. Raises DataError where there is no run."""
        try:
            config: dict[str, Any] = json.loads((self.path / "config.json").read_text(encoding="utf-8"))
            return config
        except (OSError, ValueError) as error:
            raise DataError(f"{self.path} holds no run: {error}.", "Name the folder of a run.") from error

    def write_plan(self, plan: Plan, minutes: float) -> None:
        """Write what a run that is to end in time has come to, for a repeat: its steps, as planned last."""
        _write_json(self.path / "config.json", self.read_config() | {"plan": plan.to_json(), "minutes": minutes})

    def require_same(self, config: dict[str, Any], data: Data) -> None:
        """Raise DataError where `data` are not what the run was begun with: it would not go on as it would have."""
        for name, now in _fingerprints(data).items():
            then = config["data"].get(name)
            if now != then:
                raise DataError(
                    f"The run in {self.path} was begun with other windows ({name}): {_in_words(then)} then, "
                    f"{_in_words(now)} now.",
                    f"Give the options it was begun with: {' '.join(config.get('command', []))}. If the data changed, "
                    "start a new run.",
                )

    def write_history(self, history: Sequence[Epoch]) -> None:
        """Write metrics.csv and curves.svg anew: a resumed run has no doubled rows."""
        names = list(dict.fromkeys(name for epoch in history for name in epoch.values))
        with replacing(self.path / "metrics.csv") as draft, draft.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["epoch", "steps", *names])
            for epoch in history:
                writer.writerow([epoch.epoch, epoch.steps, *(epoch.values.get(name, "") for name in names)])
        curves = {name: [e.values[name] for e in history if name in e.values] for name in names}
        figures = {name: values for name, values in curves.items() if name.startswith(("mAP", "F@"))}
        panels = [("Losses", {name: curves[name] for name in _LOSSES if name in curves})]
        if figures:
            panels.append(("Figures on the watched windows", figures))
        panels.append(("Windows a second", {"windows/s": curves.get("windows_per_s", [])}))
        if "minutes_left" in curves:
            panels.append(("Minutes left for the training", {"minutes left": curves["minutes_left"]}))
            panels.append(("Steps of the whole run, as planned", {"steps": curves["planned_steps"]}))
        write_curves(self.path / "curves.svg", panels, "epoch")

    def write_summary(self, history: Sequence[Epoch], more: dict[str, Any]) -> dict[str, Any]:
        """Write and return summary.json: the last figures, speed, utilisation and memory of the GPU."""
        last = dict(history[-1].values) if history else {}
        busy = [e.values["gpu_percent"] for e in history if "gpu_percent" in e.values]
        summary = {
            "epochs": len(history),
            "steps": history[-1].steps if history else 0,
            "last": last,
            "windows_per_s": _mean([e.values["windows_per_s"] for e in history]),
            "gpu_percent": _mean(busy),
            "gpu_mib": max((e.values.get("gpu_mib", 0.0) for e in history), default=0.0) or None,
        } | more
        _write_json(self.path / "summary.json", summary)
        return summary


def fingerprint(corpus: Corpus) -> dict[str, Any]:
    """Return what tells a corpus from another: counts, boards, and a hash of its pixels and labels."""
    digest = hashlib.sha256()
    for array in (corpus.boxes, corpus.labels):
        digest.update(np.ascontiguousarray(array).tobytes())
    for image in corpus.images:
        digest.update(np.ascontiguousarray(image).tobytes())
    return {
        "windows": len(corpus),
        "defects": int((corpus.labels >= 0).sum()),
        "boards": sorted(set(corpus.boards))[:50],
        "classes": list(corpus.classes),
        "sha256": digest.hexdigest(),
    }


def _fingerprints(data: Data) -> dict[str, dict[str, Any] | None]:
    corpora = (("real", data.real), ("drawn", data.drawn), ("watch", data.watch))
    return {name: None if corpus is None else fingerprint(corpus) for name, corpus in corpora}


def _in_words(found: dict[str, Any] | None) -> str:
    return (
        "none"
        if found is None
        else f"{found['windows']} windows with {found['defects']} defects (sha256 {found['sha256'][:12]})"
    )


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _write_json(path: Path, values: dict[str, Any]) -> None:
    write_text(path, json.dumps(values, indent=2, ensure_ascii=False) + "\n")
