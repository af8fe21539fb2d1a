"""`aoi camera watch`: light, focus and losses of a running camera, as text that changes in place."""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from aoi_app.camera.figures import LineFigures, line_figures
from aoi_app.camera.introspection import stream_counters
from aoi_app.camera.meter import LineMeter
from aoi_app.core.protocols import AcquisitionConfig, LineScanCamera

BARS = " ▁▂▃▄▅▆▇█"
PERIOD_S = 0.2
COLUMNS = 96
SATURATION_LIMIT = 0.001


def watch(camera: LineScanCamera, config: AcquisitionConfig, seconds: float) -> LineMeter:
    """Show the figures of a camera until `seconds` are over (0: until Ctrl-C); opens it and closes it."""
    camera.open()
    try:
        applied = camera.configure(config)
        meter = LineMeter(applied.height)
        camera.start_acquisition()
        end = time.monotonic() + seconds if seconds else float("inf")
        with Live(Text("Waiting for lines"), refresh_per_second=1 / PERIOD_S) as live:
            shown = 0.0
            while time.monotonic() < end:
                block = camera.fetch(PERIOD_S)
                if block is None or block.is_incomplete:
                    continue
                meter.feed(block)
                if time.monotonic() - shown >= PERIOD_S and block.lines:
                    shown = time.monotonic()
                    counters = stream_counters(camera)
                    live.update(render(line_figures(block.pixels), meter, applied, counters))
        return meter
    finally:
        camera.close()


def render(
    figures: LineFigures, meter: LineMeter, applied: AcquisitionConfig, counters: Mapping[str, int]
) -> RenderableType:
    """Return profile, histogram and figures as text."""
    table = Table.grid(padding=(0, 2))
    profile = figures.profile
    rate = f"{meter.line_rate:,.0f}" if meter.line_rate else "-"
    wanted = f"{applied.acquisition_line_rate:,.0f}" if applied.acquisition_line_rate else "not set"
    rows = {
        "line rate, lines/s": f"{rate} (set: {wanted})",
        "grey level, mean": f"{profile.mean():.0f} ({profile.min():.0f} to {profile.max():.0f})",
        "saturated": f"{100 * figures.saturated:.2f} %",
        "focus": f"{figures.focus:.4f}",
        "boards, blocks, lines": f"{meter.boards}, {meter.blocks}, {meter.lines}",
        "lost lines": str(meter.lost_lines),
        **{name.removeprefix("n_").replace("_", " "): str(count) for name, count in counters.items()},
    }
    alarming = {
        "saturated": figures.saturated > SATURATION_LIMIT,
        "lost lines": meter.lost_lines > 0,
    }
    for name, text in rows.items():
        table.add_row(name, f"[red]{text}[/]" if alarming.get(name) else text)
    return Group(
        "line profile, left to right",
        Text(bars(profile, 255.0)),
        "histogram, 0 to 255",
        Text(bars(figures.histogram.astype(np.float32), float(figures.histogram.max() or 1))),
        table,
    )


def bars(values: NDArray[np.float32], top: float) -> str:
    """Return values as a row of at most `COLUMNS` bars, each the mean of its share, full at `top`."""
    shares = np.array_split(values, min(COLUMNS, values.shape[0]))
    heights = (min(len(BARS) - 1, round(float(share.mean()) / top * (len(BARS) - 1))) for share in shares)
    return "".join(BARS[height] for height in heights)
