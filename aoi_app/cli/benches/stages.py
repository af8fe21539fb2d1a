"""Share of a core that the stages between a camera's buffer and the board take, by pixel format."""

from __future__ import annotations

import dataclasses

from rich.progress import track
from rich.table import Table

from aoi_app.cli.benches.options import Figures, Options

LINE_RATE = 20_000.0


def run(options: Options) -> Figures:
    """Measure each pixel format without and with a flat field."""
    from aoi_app.camera.stage_bench import FORMATS, bench_stages

    rate = options.line_rate or LINE_RATE
    table = Table(
        "pixel format", "flat field", "stages ms", "board ms", "share of a core",
        title=f"{options.width:,} px, {rate:,.0f} lines/s, blocks of 256 lines", title_justify="left",
    )  # fmt: skip
    figures: Figures = {}
    costs = bench_stages(options.width, rate)
    for cost in track(costs, "Stages", 2 * len(FORMATS), console=options.people, transient=True):
        name = f"{cost.pixel_format}{' with flat field' if cost.flat_field else ''}"
        figures[name] = dataclasses.asdict(cost)
        table.add_row(
            cost.pixel_format,
            "yes" if cost.flat_field else "",
            f"{cost.block_ms:.2f}",
            f"{cost.board_ms:.2f}",
            f"{cost.core_share:.1%}",
        )
    options.people.print(table)
    return figures
