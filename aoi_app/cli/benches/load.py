"""The station at full load, with its window or without: event loop, view, memory, and the time to its first frame."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from aoi_app.cli.benches.options import Figures, Options, show
from aoi_app.core.errors import AoiError, EngineError

SOURCE, RECIPE = "simulated:bare", "demo-bare"
SIDE = 4_096
BLOCKS_PER_S = 40
FULL = 0.9
"""Share of its time that inspection is busy at full load."""


def run(options: Options) -> Figures:
    """Run the whole station for a while, on a camera as fast as the inspection can follow."""
    if options.line_rate is None:
        # A process of its own, so that the time to the first frame is that of a start.
        rate = FULL * _lines_per_second(options)
        again = [sys.executable, "-m", "aoi_app", *sys.argv[1:], "--line-rate", f"{rate:.0f}"]
        raise typer.Exit(subprocess.run(again).returncode)
    changes = {
        "camera": {
            "source": SOURCE,
            "line_rate": options.line_rate,
            # Blocks as a camera would be set: often enough for a fluid view.
            "height": max(8, round(options.line_rate / BLOCKS_PER_S)),
            "options": {"width": SIDE, "lines": SIDE, "gap_lines": 100},
        },
        "runtime": options.runtime,
        "precision": options.precision,
        "model": options.model,
    }
    measure = _without_window if options.headless else _with_window
    with tempfile.TemporaryDirectory() as folder:
        found = measure(changes, Path(folder), options.seconds)
    if found["errors"]:
        raise EngineError(
            f"{found['errors']} of {found['boards']} boards could not be inspected: the figures would mean nothing.",
            "See what the station says about this model, runtime and precision: aoi --source simulated:bare.",
        )
    figures: Figures = {"line_rate": options.line_rate, **found}
    show(options.people, f"The station{' without' if options.headless else ' with'} its window at full load", figures)
    return figures


def _with_window(changes: Mapping[str, Any], folder: Path, seconds: float) -> Mapping[str, Any]:
    from aoi_app.app import open_station

    found: dict[str, Any] = {}

    def measure(window: Any) -> None:
        from aoi_app.gui.load import LoadMeter

        LoadMeter(window, seconds, found.update)

    open_station(
        changes,
        source="",
        recipe=RECIPE,
        golden=None,
        data=folder,
        offscreen="DISPLAY" not in os.environ,
        quit_after=seconds + 2,
        screenshot=None,
        on_shown=measure,
    )
    return found


def _without_window(changes: Mapping[str, Any], folder: Path, seconds: float) -> Mapping[str, Any]:
    from aoi_app.app import build_station, opening_recipe, recipe_book
    from aoi_app.core.settings import Settings
    from aoi_app.station.load import LoadSamples
    from aoi_app.station.status import State

    settings = Settings().with_changes(**changes, data_dir=str(folder))
    station = build_station(settings, opening_recipe(recipe_book(folder), RECIPE))
    try:
        station.start()
        samples = LoadSamples(station, seconds)
        samples.watch(seconds)
        status = station.status()
        trend = samples.trend()
        found = {**asdict(samples.figures()), **(asdict(trend) if trend else {})}
    finally:
        station.close()
    if status.state is State.FAULT:
        raise AoiError(f"The line had stopped: {status.fault}", status.fault_hint)
    return found


def _lines_per_second(options: Options) -> float:
    """Measure how fast this machine inspects a board that is in."""
    from aoi_app.boards import BoardSpec, Look, draw_board
    from aoi_app.core.settings import Settings
    from aoi_app.detectors import make_detector
    from aoi_app.station.bench import board_ms
    from aoi_app.station.engines import EngineSpec

    drawn = draw_board(BoardSpec(width=SIDE, lines=SIDE // 2, look=Look.LINE_SCAN), seed=1)
    detector = make_detector(Settings(), EngineSpec(options.model, options.runtime, options.precision, 0.05))
    try:
        return 1e3 * len(drawn.image) / board_ms(detector, drawn.image, drawn.golden)
    finally:
        detector.close()
