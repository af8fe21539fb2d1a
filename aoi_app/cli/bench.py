"""`aoi bench`: figures of this machine, as a table for people and JSON for programs."""

from __future__ import annotations

import dataclasses
import json
import platform
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table


def bench(
    width: Annotated[int, typer.Option(min=640, max=16_384, help="Pixels across the board.")] = 4096,
    lines: Annotated[int, typer.Option(min=640, max=65_536, help="Lines of the board.")] = 4096,
    boards: Annotated[int, typer.Option(min=1, help="Boards of each kind.")] = 3,
    model: Annotated[str, typer.Option(help="ONNX file, or a name from the engines folder.")] = "",
    runtime: Annotated[str, typer.Option(help="What runs the network.")] = "onnxruntime",
    precision: Annotated[str, typer.Option(help="fp32, fp16 or int8.")] = "fp32",
    json_out: Annotated[str, typer.Option("--json", metavar="FILE|-", help="Also write the figures as JSON.")] = "",
) -> None:
    """Measure latency and throughput of the whole path of a board, and of each stage.

    One board is inspected while its lines come in, the next one when it is whole, in turns and in one run.
    """
    from aoi_app.app import bench_line, make_detector
    from aoi_app.boards import BoardSpec, Look, draw_board
    from aoi_app.core.settings import Settings
    from aoi_app.station.bench import bench_path
    from aoi_app.station.engines import EngineSpec

    people = Console(stderr=True, highlight=False)
    with people.status("drawing a board") as status:
        drawn = draw_board(BoardSpec(width=width, lines=lines, defects=(20, 20), look=Look.LINE_SCAN), seed=1)
        detector = make_detector(Settings(), EngineSpec(model, runtime, precision, 0.25))
        try:
            figures = bench_path(
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
    people.print(_table(figures))
    _write(json_out, {"engine": dataclasses.asdict(engine), **dataclasses.asdict(figures)})


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
