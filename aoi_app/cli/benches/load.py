"""The window at full load: event loop, view, memory, and the time to its first frame."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import typer

from aoi_app.cli.benches.options import Figures, Options, show

SIDE = 4_096
BLOCKS_PER_S = 40
FULL = 0.9
"""Share of its time that inspection is busy at full load."""


def run(options: Options) -> Figures:
    """Run the whole station with its window for a while, on a camera as fast as the inspection can follow."""
    from aoi_app.app import open_station

    if options.line_rate is None:
        # A process of its own, so that the time to the first frame is that of a start.
        rate = FULL * _lines_per_second(options)
        again = [sys.executable, "-m", "aoi_app", *sys.argv[1:], "--line-rate", f"{rate:.0f}"]
        raise typer.Exit(subprocess.run(again).returncode)
    figures: Figures = {"line_rate": options.line_rate}

    def measure(window: Any) -> None:
        from aoi_app.gui.load import LoadMeter

        LoadMeter(window, options.seconds, lambda found: figures.update(dataclasses.asdict(found)))

    board = {"width": SIDE, "lines": SIDE, "gap_lines": 100}
    # Blocks as a camera would be set: often enough for a fluid view.
    height = max(8, round(options.line_rate / BLOCKS_PER_S))
    camera = {"source": "simulated:bare", "line_rate": options.line_rate, "height": height, "options": board}
    changes = {
        "camera": camera,
        "runtime": options.runtime,
        "precision": options.precision,
        "model": options.model,
    }
    with tempfile.TemporaryDirectory() as folder:
        open_station(
            changes,
            source="",
            recipe="",
            golden=None,
            data=Path(folder),
            offscreen="DISPLAY" not in os.environ,
            quit_after=options.seconds + 2,
            screenshot=None,
            on_shown=measure,
        )
    show(options.people, "The window at full load", figures)
    return figures


def _lines_per_second(options: Options) -> float:
    """Measure how fast this machine inspects a board that is in."""
    from aoi_app.app import make_detector
    from aoi_app.boards import BoardSpec, Look, draw_board
    from aoi_app.core.settings import Settings
    from aoi_app.station.bench import board_ms
    from aoi_app.station.engines import EngineSpec

    drawn = draw_board(BoardSpec(width=SIDE, lines=SIDE // 2, look=Look.LINE_SCAN), seed=1)
    detector = make_detector(Settings(), EngineSpec(options.model, options.runtime, options.precision, 0.05))
    try:
        return 1e3 * len(drawn.image) / board_ms(detector, drawn.image, drawn.golden)
    finally:
        detector.close()
