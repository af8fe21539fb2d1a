"""`aoi engine capacity`: how many lines one server carries, and what limits it."""

from __future__ import annotations

import json
import sys
from itertools import groupby
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from aoi_app.inference.capacity import LINKS, Line, carried, ways
from aoi_app.inference.catalog import find_model
from aoi_app.inference.model import read_model

H200_TILES = 15_107.0
"""Tiles a second of one NVIDIA H200 at batch 16, FP32 plan, all included: docs/tensorrt.md."""


def capacity(
    model: Annotated[str, typer.Option(help="ONNX file, or a name from the engines folder.")] = "",
    width: Annotated[int, typer.Option(min=32, help="Pixels across the board.")] = 16_384,
    lines: Annotated[int, typer.Option(min=32, help="Lines of a board.")] = 16_384,
    line_rate: Annotated[float, typer.Option(min=1, help="Lines a second while a board passes.")] = 10_000.0,
    gap: Annotated[float, typer.Option(min=0, max=0.99, help="Share of the time in which no board passes.")] = 0.0,
    tiles_per_second: Annotated[
        float,
        typer.Option(
            min=0.1,
            help="Of one GPU; `aoi bench --compare` or `--tensorrt` measures it. The default "
            "is one H200 with pcb-bare.",
        ),
    ] = H200_TILES,
    gpus: Annotated[int, typer.Option(min=1, max=64, help="GPUs of the server.")] = 1,
    load: Annotated[float, typer.Option(min=0.05, max=1, help="Share of GPU and network that is planned with.")] = 0.7,
    overlap: Annotated[int, typer.Option(min=0, max=512, help="Pixels that neighbouring tiles share.")] = 128,
    json_out: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compute how many lines one server carries, and whether its GPUs or the network are the limit."""
    network, line = read_model(find_model(model)), Line(width, lines, line_rate, gap)
    found = carried(network, line, overlap=overlap, tiles_per_second=tiles_per_second, gpus=gpus, load=load)
    tiles = line.tiles_per_board(network, overlap)
    # A log has no width of its own; the table must not be squeezed into 80 columns there.
    out = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    if json_out:
        rows = [{"way": c.way.name, "link": c.link, "lines": c.lines, "limit": c.limit} for c in found]
        out.print_json(
            json.dumps({"tiles_per_board": tiles, "boards_per_second": line.boards_per_second, "rows": rows})
        )
        return
    out.print(
        f"A line: boards of {width:,} x {lines:,} px ({width * lines / 1e6:,.0f} MB) at {line_rate:,.0f} lines/s: "
        f"{tiles:,} tiles a board, {tiles * line.boards_per_second:,.0f} tiles/s, "
        f"{line.bytes_per_second / 1e6:,.0f} MB/s from the camera."
    )
    out.print(f"The server: {gpus} GPU of {tiles_per_second:,.0f} tiles/s each, planned with {load:.0%} of all.")
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("lines carried, by what is sent")
    table.add_column("MB a tile, there and back", justify="right")
    for link in LINKS:
        table.add_column(link, justify="right")
    known = {way.name: way for way in ways(network, line, overlap)}
    for name, group in groupby(found, key=lambda c: c.way.name):
        way = known[name]
        cells = [f"{c.lines}{' GPU' if c.limit == 'GPU' else ''}" for c in group]
        there = "today: " if way.there else ""
        table.add_row(f"{there}{name}", f"{way.up / 1e6:.2f} + {way.down / 1e6:.2f}", *cells)
    out.print(table)
    out.print("GPU: the GPUs are the limit there; elsewhere the link is. Both ways of a link carry at once.")
