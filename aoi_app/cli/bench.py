"""`aoi bench`: figures of this machine, as a table for people and JSON for programs."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

LOAD_SIDE = 4_096
FULL_LOAD = 0.9
"""Share of its time that inspection is busy at full load."""


def bench(
    width: Annotated[int, typer.Option(min=640, max=16_384, help="Pixels across the board.")] = 4096,
    lines: Annotated[int, typer.Option(min=640, max=65_536, help="Lines of the board.")] = 4096,
    boards: Annotated[int, typer.Option(min=1, help="Boards of each kind.")] = 3,
    model: Annotated[str, typer.Option(help="ONNX file, or a name from the engines folder.")] = "",
    runtime: Annotated[str, typer.Option(help="What runs the network.")] = "onnxruntime",
    precision: Annotated[str, typer.Option(help="fp32, fp16 or int8.")] = "fp32",
    load: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="Run the window at full load instead: event loop, view, memory."),
    ] = None,
    line_rate: Annotated[
        float | None, typer.Option(min=1, help="With --load: lines per second; just what this machine can inspect.")
    ] = None,
    history: Annotated[bool, typer.Option("--history", help="Measure searches in 1,000,000 defects instead.")] = False,
    json_out: Annotated[str, typer.Option("--json", metavar="FILE|-", help="Also write the figures as JSON.")] = "",
) -> None:
    """Measure latency and throughput of the whole path of a board, and of each stage.

    One board is inspected while its lines come in, the next one when it is whole, in turns and in one run.
    """
    people = Console(stderr=True, highlight=False)
    if load is not None:
        if line_rate is None:
            # A process of its own, so that the time to the first frame is that of a start.
            rate = FULL_LOAD * _lines_per_second(model, runtime, precision)
            raise typer.Exit(_again("--line-rate", f"{rate:.0f}"))
        figures = _load(load, line_rate, model, runtime, precision)
        people.print(_rows("The window at full load", figures))
        _write(json_out, figures)
        return
    if history:
        figures = _history(people)
        people.print(_rows("History of 1,000,000 defects", figures))
        _write(json_out, figures)
        return
    from aoi_app.app import bench_line, make_detector
    from aoi_app.boards import BoardSpec, Look, draw_board
    from aoi_app.core.settings import Settings
    from aoi_app.station.bench import bench_path
    from aoi_app.station.engines import EngineSpec

    with people.status("drawing a board") as status:
        drawn = draw_board(BoardSpec(width=width, lines=lines, defects=(20, 20), look=Look.LINE_SCAN), seed=1)
        detector = make_detector(Settings(), EngineSpec(model, runtime, precision, 0.25))
        try:
            path = bench_path(
                drawn.image,
                drawn.golden,
                detector,
                lambda rate: bench_line(drawn.image, rate),
                boards,
                status.update,
            )
            engine = detector.info
        finally:
            detector.close()
    people.print(f"{engine.model}, {engine.runtime}, {engine.precision}, {engine.device}; {platform.machine()}")
    people.print(_table(path))
    _write(json_out, {"engine": dataclasses.asdict(engine), **dataclasses.asdict(path)})


def _load(seconds: float, rate: float, model: str, runtime: str, precision: str) -> dict[str, Any]:
    """Run the whole station with its window for a while, on a camera that outruns the inspection."""
    from aoi_app.app import open_station

    figures: dict[str, Any] = {}

    def measure(window: Any) -> None:
        from aoi_app.gui.load import LoadMeter

        LoadMeter(window, seconds, lambda found: figures.update(dataclasses.asdict(found)))

    options = {"width": LOAD_SIDE, "lines": LOAD_SIDE, "gap_lines": 100}
    camera = {"source": "simulated:bare", "line_rate": rate, "options": options}
    changes = {"camera": camera, "runtime": runtime, "precision": precision, "model": model}
    with tempfile.TemporaryDirectory() as folder:
        open_station(
            changes,
            source="",
            recipe="",
            golden=None,
            data=Path(folder),
            offscreen="DISPLAY" not in os.environ,
            quit_after=seconds + 2,
            screenshot=None,
            on_shown=measure,
        )
    return {"line_rate": rate, **figures}


def _again(*more: str) -> int:
    """Run this very command once more, with more options."""
    return subprocess.run([sys.executable, "-m", "aoi_app", *sys.argv[1:], *more]).returncode


def _lines_per_second(model: str, runtime: str, precision: str) -> float:
    """Measure how fast this machine inspects a board that is in."""
    from aoi_app.app import make_detector
    from aoi_app.boards import BoardSpec, Look, draw_board
    from aoi_app.core.settings import Settings
    from aoi_app.station.bench import board_ms
    from aoi_app.station.engines import EngineSpec

    drawn = draw_board(BoardSpec(width=LOAD_SIDE, lines=LOAD_SIDE // 2, look=Look.LINE_SCAN), seed=1)
    detector = make_detector(Settings(), EngineSpec(model, runtime, precision, 0.05))
    try:
        return 1e3 * len(drawn.image) / board_ms(detector, drawn.image, drawn.golden)
    finally:
        detector.close()


def _history(people: Console) -> dict[str, Any]:
    from aoi_app.storage.bench import bench_history

    with tempfile.TemporaryDirectory() as folder, Progress(console=people, transient=True) as progress:
        task = progress.add_task("filling a record")
        timings = bench_history(
            Path(folder), progress=lambda done, total: progress.update(task, completed=done, total=total)
        )
    return {t.question: {k: v for k, v in dataclasses.asdict(t).items() if k != "question"} for t in timings}


def _rows(title: str, figures: dict[str, Any]) -> Table:
    table = Table("figure", "value", title=title, title_justify="left")
    for name, value in figures.items():
        shown = ", ".join(f"{k} {_number(v)}" for k, v in value.items()) if isinstance(value, dict) else _number(value)
        table.add_row(name, shown)
    return table


def _number(value: Any) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else str(value)


def _table(figures: Any) -> Table:
    table = Table(title=f"{figures.width} x {figures.lines} board, {figures.tiles} tiles", title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    row_share = figures.streaming_ms / figures.tile_row_ms
    for name, value in (
        *((f"{stage}, ms a tile", f"{ms:.2f}") for stage, ms in figures.tile.items()),
        ("pre- and postprocessing / inference", f"{100 * figures.overhead:.1f} %"),
        ("tiles per second", f"{figures.tiles_per_s:.1f}"),
        ("one row of tiles, ms", f"{figures.tile_row_ms:.0f}"),
        ("camera's line rate in this run, lines/s", f"{figures.line_rate:.0f}"),
        ("verdict after the last line, streaming, ms", f"{figures.streaming_ms:.0f}"),
        ("  in rows of tiles", f"{row_share:.2f}"),
        ("verdict after the last line, finished board, ms", f"{figures.finished_ms:.0f}"),
        ("streaming is so many times shorter", f"{figures.ratio:.1f}"),
    ):
        table.add_row(name, value)
    return table


def _write(target: str, values: dict[str, Any]) -> None:
    if not target:
        return
    text = json.dumps(values, indent=2) + "\n"
    if target == "-":
        sys.stdout.write(text)
    else:
        Path(target).write_text(text, encoding="utf-8")
