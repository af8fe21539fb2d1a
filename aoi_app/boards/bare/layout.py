"""The copper of a bare board."""

from __future__ import annotations

import cv2
import numpy as np

from aoi_app.boards.bare.canvas import Canvas
from aoi_app.boards.bare.items import (
    cornered,
    draw_arc,
    draw_bus,
    draw_fiducials,
    draw_footprint,
    draw_plane,
    draw_single,
)
from aoi_app.boards.bare.style import DESIGN_PX_PER_MM, CopperStyle, random_style, tidy_style
from aoi_app.boards.drawn import Image

_TRIES = 8
_BLEED = 96  # a window shows items that are cut by its edges: drawn this much larger, at 48 px/mm


def draw_copper(
    width: int, lines: int, px_per_mm: float, rng: np.random.Generator, style: CopperStyle | None = None
) -> Image:
    """Return the copper of a window cut from a larger board, (lines, width) uint8: 255 copper, 0 laminate."""
    scale = px_per_mm / DESIGN_PX_PER_MM
    bleed = round(_BLEED * scale)
    copper: Image = np.zeros((lines, width), np.uint8)
    for _ in range(_TRIES):
        canvas = _drawn(width + 2 * bleed, lines + 2 * bleed, scale, rng, style or random_style(rng), outlined=False)
        copper = np.ascontiguousarray(canvas.copper[bleed : bleed + lines, bleed : bleed + width])
        # a small window may show nothing but laminate or a plane: look elsewhere
        if 0.02 < cv2.countNonZero(copper) / copper.size < 0.98:
            break
    return copper


def draw_whole_copper(
    width: int, lines: int, px_per_mm: float, rng: np.random.Generator, style: CopperStyle | None = None
) -> Image:
    """Return the copper of a whole board with fiducials and an empty rim, (lines, width) uint8."""
    scale = px_per_mm / DESIGN_PX_PER_MM
    return _drawn(width, lines, scale, rng, style or tidy_style(rng), outlined=True).copper


def _drawn(
    width: int, lines: int, scale: float, rng: np.random.Generator, style: CopperStyle, outlined: bool
) -> Canvas:
    canvas = Canvas(width, lines, scale, style.gap[0] * scale)
    rim = 40 * scale
    if outlined:
        draw_fiducials(canvas, 170 * scale)
        for x, y, w, h in (
            (width / 2, 0, width, 2 * rim),
            (width / 2, lines, width, 2 * rim),
            (0, lines / 2, 2 * rim, lines),
            (width, lines / 2, 2 * rim, lines),
        ):
            canvas.take_rectangle((x, y), (w, h))
    area = width * lines / (640 * scale) ** 2
    steps = [(draw_footprint, style.footprints), (draw_bus, style.buses), (draw_plane, style.planes)]
    if not outlined and rng.random() < 0.35:
        steps.reverse()
    for draw, tries in (*steps, (draw_arc, style.arcs), (draw_single, style.vias)):
        count = int(rng.poisson(tries * area))
        for index in range(count):
            # large items first: the small ones fill what is left
            draw(canvas, rng, style, 1.0 - 0.85 * index / count)
    pour_areas(canvas, rng, style, rim if outlined else 0.0)
    return canvas


def pour_areas(canvas: Canvas, rng: np.random.Generator, style: CopperStyle, rim: float) -> None:
    """Fill some areas with copper that keeps away from what is there."""
    side = 700 * canvas.scale
    for top in np.arange(rim, canvas.lines - rim, side):
        for left in np.arange(rim, canvas.width - rim, side):
            if rng.random() >= style.pours:
                continue
            size = np.minimum([side, side], [canvas.width - rim - left, canvas.lines - rim - top])
            size = size - rng.uniform(0, 60, 2) * canvas.scale
            if min(size) < 40 * canvas.scale:
                continue
            corners = cornered((left + size[0] / 2, top + size[1] / 2), (size[0], size[1]), 30 * canvas.scale, False)
            canvas.pour(corners)
