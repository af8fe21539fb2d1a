"""Curves of runs and evaluations as SVG pictures. No plotting library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 640, 260, 56, 28, 150, 34
_COLOURS = ("#1f6fb4", "#c4501b", "#2d8a4e", "#7a4fa3", "#8a6d1f", "#5b6670")


Panel = tuple[str, Mapping[str, Sequence[float]], str]
"""Title, the values of each named curve (all of them share the axes), and what the horizontal axis is."""


def write_curves(path: Path, panels: Sequence[tuple[str, Mapping[str, Sequence[float]]]], across: str) -> None:
    """Write one panel below the other, all over the same count, from 1 on; `across` says of what."""
    counted: list[Panel] = [
        (title, curves, f"{across} (1 to {max((len(c) for c in curves.values()), default=0)})")
        for title, curves in panels
    ]
    path.write_text(drawn_curves(counted), encoding="utf-8")


def drawn_curves(panels: Sequence[Panel]) -> str:
    """Return an SVG picture of the panels, one below the other."""
    total = _HEIGHT * len(panels)
    body = "".join(_panel(*panel, index * _HEIGHT) for index, panel in enumerate(panels))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {total}" width="{_WIDTH}" height="{total}" '
        f'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>{body}</svg>\n'
    )


def _panel(title: str, curves: Mapping[str, Sequence[float]], across: str, top: int) -> str:
    values = [v for curve in curves.values() for v in curve]
    if not values:
        return ""
    low, high = min(values), max(values)
    span = (high - low) or max(abs(high), 1.0)
    longest = max(len(curve) for curve in curves.values())
    inner = (_WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM)

    def x(index: int) -> float:
        return _LEFT + inner[0] * (index / max(1, longest - 1))

    def y(value: float) -> float:
        return top + _TOP + inner[1] * (1 - (value - low) / span)

    parts = [f'<text x="{_LEFT}" y="{top + 18}" font-weight="bold">{escape(title)}</text>']
    for share in (0.0, 0.5, 1.0):
        value = low + span * share
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#d8dce0"/>'
            f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.4g}</text>'
        )
    for number, (name, curve) in enumerate(curves.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        points = " ".join(f"{x(i):.1f},{y(v):.1f}" for i, v in enumerate(curve))
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"/>'
            f'<text x="{_WIDTH - _RIGHT + 8}" y="{top + _TOP + 12 + 15 * number}" fill="{colour}">{escape(name)}</text>'
        )
    parts.append(
        f'<text x="{_LEFT + inner[0] / 2:.0f}" y="{top + _HEIGHT - 8}" text-anchor="middle">{escape(across)}</text>'
    )
    return "".join(parts)
