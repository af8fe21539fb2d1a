"""How long one tile takes beside a network of YOLOv8n's shape: both in one run, in turns."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aoi_app.cli.benches.options import Figures, Options, show
from aoi_app.inference.catalog import find_model
from aoi_app.inference.model import read_model
from aoi_app.inference.runtimes.table import load_runtime
from aoi_app.inference.yardstick import write_yardstick

if TYPE_CHECKING:
    from aoi_app.inference.runtimes.base import Session

TURNS_A_ROUND = 12


def run(options: Options) -> Figures:
    """Time `--model` and the yardstick with as many classes, tile by tile in turns, on all cores."""
    ours = read_model(find_model(options.model))
    with tempfile.TemporaryDirectory(prefix="aoi-yardstick-") as folder:
        shape = Path(folder) / "yolov8n.onnx"
        write_yardstick(shape, "yolov8n", size=ours.size[0], classes=len(ours.class_names))
        models = {"ours": ours, "yardstick": read_model(shape)}
        runtime = load_runtime(options.runtime)
        threads: dict[str, Any] = {"threads": os.cpu_count() or 1}
        sessions: dict[str, Session] = {}
        times: dict[str, list[float]] = {name: [] for name in models}
        try:
            for name, model in models.items():
                sessions[name] = runtime.load(model, "fp32", threads, lambda share, text: None)
            tiles = {
                name: np.random.default_rng(0).random((1, model.card.input.channels.planes, *model.size), np.float32)
                for name, model in models.items()
            }
            for _ in range(options.boards * TURNS_A_ROUND):
                for name, session in sessions.items():
                    began = time.perf_counter()
                    session.run(tiles[name])
                    times[name].append(1e3 * (time.perf_counter() - began))
        finally:
            for session in sessions.values():
                session.close()
    figures: Figures = {
        "threads": threads["threads"],
        "classes": len(ours.class_names),
        f"{ours.path.stem}, ms": _spread(times["ours"]),
        "YOLOv8n's shape, ms": _spread(times["yardstick"]),
        "times faster, by the least": min(times["yardstick"]) / min(times["ours"]),
        "times faster, by the median": float(np.median(times["yardstick"]) / np.median(times["ours"])),
    }
    show(options.people, f"One tile of {ours.size[1]} x {ours.size[0]}, {options.runtime} FP32", figures)
    return figures


def _spread(milliseconds: list[float]) -> dict[str, float]:
    return {"least": min(milliseconds), "median": float(np.median(milliseconds))}
