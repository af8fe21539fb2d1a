"""The whole path of a board, and each stage of it."""

from __future__ import annotations

import dataclasses
import platform

from rich.table import Table

from aoi_app.cli.benches.options import Figures, Options
from aoi_app.station.bench import PathFigures


def run(options: Options) -> Figures:
    """Inspect one board while its lines come in, the next one when it is whole, in turns."""
    from aoi_app.boards import BoardSpec, Look, draw_board
    from aoi_app.core.settings import Settings
    from aoi_app.detectors import make_detector
    from aoi_app.lines import bench_line
    from aoi_app.station.bench import bench_path
    from aoi_app.station.engines import EngineSpec

    people = options.people
    with people.status("drawing a board") as status:
        spec = BoardSpec(width=options.width, lines=options.lines, defects=(20, 20), look=Look.LINE_SCAN)
        drawn = draw_board(spec, seed=1)
        detector = make_detector(Settings(), EngineSpec(options.model, options.runtime, options.precision, 0.25))
        try:
            figures = bench_path(
                drawn.image,
                drawn.golden,
                detector,
                lambda rate: bench_line(drawn.image, rate),
                options.boards,
                status.update,
            )
            engine = detector.info
        finally:
            detector.close()
    people.print(f"{engine.model}, {engine.runtime}, {engine.precision}, {engine.device}; {platform.machine()}")
    people.print(_table(figures))
    return {"engine": dataclasses.asdict(engine), **dataclasses.asdict(figures)}


def _table(figures: PathFigures) -> Table:
    table = Table(title=f"{figures.width} x {figures.lines} board, {figures.tiles} tiles", title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in (
        *((f"{stage}, ms a tile", f"{ms:.2f}") for stage, ms in figures.tile.items()),
        ("pre- and postprocessing / inference", f"{100 * figures.overhead:.1f} %"),
        ("tiles per second", f"{figures.tiles_per_s:.1f}"),
        ("one row of tiles, ms", f"{figures.tile_row_ms:.0f}"),
        ("camera's line rate in this run, lines/s", f"{figures.line_rate:.0f}"),
        ("verdict after the last line, streaming, ms", f"{figures.streaming_ms:.0f}"),
        ("  in rows of tiles", f"{figures.streaming_ms / figures.tile_row_ms:.2f}"),
        ("verdict after the last line, finished board, ms", f"{figures.finished_ms:.0f}"),
        ("streaming is so many times shorter", f"{figures.ratio:.1f}"),
    ):
        table.add_row(name, value)
    return table
