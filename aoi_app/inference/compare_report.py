"""The comparison of runtimes as a page to look at: the table and the curves of latency over batch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from itertools import groupby

from aoi_app.inference.comparison import REFERENCE, Comparison, Figures, advice

COLUMNS: tuple[tuple[str, str], ...] = (
    ("Runtime", "left"),
    ("Ran", "left"),
    ("Batch", "right"),
    ("p50 ms", "right"),
    ("p95 ms", "right"),
    ("p99 ms", "right"),
    ("Tiles/s", "right"),
    ("Times", "right"),
    ("Made s", "right"),
    ("Start s", "right"),
    ("Memory MiB", "right"),
    ("Model MiB", "right"),
    ("mAP50", "right"),
    ("Lost", "right"),
    ("W", "right"),
)
_WIDTH, _HEIGHT, _EDGE, _NAMES = 720, 460, 48, 150
_LABEL_PX = 14
"""Names of lines that end close together are pushed this far apart."""
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999933")
"""Told apart by colour-blind readers too (Okabe and Ito); each line also carries its name, later ones are dashed."""
_STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem; color: #222; background: #fff; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { white-space: nowrap; padding: .25rem .6rem; border-bottom: 1px solid #ccc; }
tr.best td { font-weight: bold; background: #eef5ff; }
td.error { color: #a00; }
"""


def columns(comparison: Comparison) -> tuple[tuple[str, str], ...]:
    """Return the columns with the side that they are aligned to; watts only where they are known."""
    return COLUMNS if any(f.watts is not None for f in comparison.figures) else COLUMNS[:-1]


def rows(comparison: Comparison) -> list[tuple[Figures, tuple[str, ...]]]:
    """Return each choice with its cells in the order of `columns`; one that failed has its reason in the second."""
    usual = next((f.tiles_per_second for f in comparison.figures if f.choice == REFERENCE and not f.error), 0.0)
    count = len(columns(comparison))
    return [(f, _cells(f, usual)[:count]) for f in comparison.figures]


def report(comparison: Comparison) -> str:
    """Return the whole page as HTML, without anything from elsewhere."""
    shown = columns(comparison)
    head = "".join(f'<th style="text-align:{side}">{escape(name)}</th>' for name, side in shown)
    body = "\n".join(_row(f, cells, f.choice == comparison.best, shown) for f, cells in rows(comparison))
    truth = "labels" if comparison.labelled else "the boxes of ONNX Runtime in FP32"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"/><title>{escape(comparison.model)}: runtimes compared</title>
<style>{_STYLE}</style></head><body>
<h1>{escape(comparison.model)}: runtimes compared</h1>
<p>{escape(comparison.machine)}. {comparison.boards} boards, {comparison.rounds} rounds, in turns.
mAP50 against {truth}. Milliseconds are of one tile, cutting and decoding included. Times: tiles per second
beside ONNX Runtime in FP32. Made: what the first start makes
and keeps; memory: by which the program grew, its libraries with the first choice that needs them.</p>
<p><b>{escape(advice(comparison))}</b></p>
<table><thead><tr>{head}</tr></thead><tbody>
{body}
</tbody></table>
<h2>Latency of a tile over the batch</h2>
{_curves([f for f in comparison.figures if not f.error])}
</body></html>
"""


def _cells(figures: Figures, usual: float) -> tuple[str, ...]:
    choice = figures.choice
    if figures.error:
        return (choice.name, figures.error)
    return (
        choice.name,
        figures.ran,
        str(choice.batch),
        f"{figures.p50_ms:.2f}",
        f"{figures.p95_ms:.2f}",
        f"{figures.p99_ms:.2f}",
        f"{figures.tiles_per_second:.1f}",
        f"{figures.tiles_per_second / usual:.2f}" if usual else "",
        f"{figures.made_s:.1f}",
        f"{figures.start_s:.2f}",
        f"{figures.memory_mib:.0f}",
        f"{figures.model_mib:.1f}",
        f"{figures.map50:.2f}",
        f"{figures.lost_boxes} of {figures.reference_boxes}",
        "" if figures.watts is None else f"{figures.watts:.0f}",
    )


def _row(figures: Figures, cells: tuple[str, ...], best: bool, shown: Sequence[tuple[str, str]]) -> str:
    if figures.error:
        reason = f'<td class="error" colspan="{len(shown) - 1}">{escape(cells[1])}</td>'
        return f"<tr><td>{escape(cells[0])}</td>{reason}</tr>"
    made = "".join(
        f'<td style="text-align:{side}">{escape(cell)}</td>' for cell, (_, side) in zip(cells, shown, strict=True)
    )
    marked = ' class="best"' if best else ""
    return f"<tr{marked}>{made}</tr>"


def _curves(figures: Sequence[Figures]) -> str:
    """Return one line a runtime and precision: batch across, p50 upwards, in equal steps for equal ratios.

    One choice may take ten times as long as the others, which should not become one line for it.
    """
    if not figures:
        return "<p>Nothing was measured.</p>"
    bottom, top = min(f.p50_ms for f in figures) * 0.8, max(f.p50_ms for f in figures) * 1.25

    def height(ms: float) -> float:
        return _HEIGHT - _EDGE - (_HEIGHT - 2 * _EDGE) * math.log(ms / bottom) / math.log(top / bottom)

    batches = sorted({f.choice.batch for f in figures})
    right = _WIDTH - _NAMES
    places = {batch: _EDGE + (right - _EDGE) * i / max(len(batches) - 1, 1) for i, batch in enumerate(batches)}
    parts = [f'<line x1="{_EDGE}" y1="{_HEIGHT - _EDGE}" x2="{right}" y2="{_HEIGHT - _EDGE}" stroke="#888"/>']
    for batch, x in places.items():
        parts.append(f'<text x="{x:.0f}" y="{_HEIGHT - _EDGE + 18}" text-anchor="middle">{batch}</text>')
    parts.append(f'<text x="{(_EDGE + right) / 2:.0f}" y="{_HEIGHT - 10}" text-anchor="middle">tiles in a run</text>')
    parts.append(f'<text x="6" y="{_EDGE - 22}">p50 of a tile, ms</text>')
    for value in _steps(bottom, top):
        y = height(value)
        parts.append(f'<text x="{_EDGE - 6}" y="{y + 4:.0f}" text-anchor="end">{value:g}</text>')
        parts.append(f'<line x1="{_EDGE}" y1="{y:.0f}" x2="{right}" y2="{y:.0f}" stroke="#eee"/>')
    by_name = sorted(figures, key=lambda f: (f.choice.name, f.choice.batch))
    ends: list[tuple[float, float, str, str]] = []
    for number, (name, group) in enumerate(groupby(by_name, key=lambda f: f.choice.name)):
        colour = _COLOURS[number % len(_COLOURS)]
        dashes = "" if number < len(_COLOURS) else ' stroke-dasharray="6 4"'
        points = [(places[f.choice.batch], height(f.p50_ms)) for f in group]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        ends.append((points[-1][1], points[-1][0], name, colour))
    parts += _labels(ends)
    drawing = "\n".join(parts)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" '
        f'font-size="12" role="img" aria-label="p50 of a tile in milliseconds over the batch">\n{drawing}\n</svg>'
    )


def _steps(bottom: float, top: float) -> list[float]:
    """Return 1, 2, 5, 10, 20, ... from `bottom` to `top`."""
    tens = range(math.floor(math.log10(bottom)), math.ceil(math.log10(top)))
    return [value for ten in tens for value in (10.0**ten, 2 * 10.0**ten, 5 * 10.0**ten) if bottom <= value <= top]


def _labels(ends: Sequence[tuple[float, float, str, str]]) -> list[str]:
    """Return the names of lines beside their ends (y, x, name, colour), pushed apart, with a hair line to each."""
    parts: list[str] = []
    low = -float(_LABEL_PX)
    shifted = []
    for y, x, name, colour in sorted(ends):
        low = max(y, low + _LABEL_PX)
        shifted.append((low, y, x, name, colour))
    # What was pushed out at the bottom moves everything above it up again.
    high = float(_HEIGHT - 6)
    for place, y, x, name, colour in reversed(shifted):
        high = min(place, high)
        at = _WIDTH - _NAMES + 26
        parts.append(f'<line x1="{x + 4:.0f}" y1="{y:.1f}" x2="{at - 4}" y2="{high:.1f}" stroke="{colour}"/>')
        parts.append(f'<text x="{at}" y="{high + 4:.0f}" fill="{colour}">{escape(name)}</text>')
        high -= _LABEL_PX
    return parts
