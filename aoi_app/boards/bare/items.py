"""What a bare board is made of: pads, vias, tracks, buses, planes, footprints, fiducials."""

from __future__ import annotations

import numpy as np

from aoi_app.boards.bare.canvas import Canvas
from aoi_app.boards.bare.paths import STEPS, Points, parallel, random_path, with_end
from aoi_app.boards.bare.style import CopperStyle

_ARC = np.linspace(0, np.pi / 2, 6)


def cornered(centre: tuple[float, float], size: tuple[float, float], corner: float, rounded: bool) -> Points:
    """Return a rectangle's outline with its corners cut by `corner` pixels, straight or round, (n, 2)."""
    w, h = size[0] / 2, size[1] / 2
    corner = min(corner, w, h)
    steps = _ARC if rounded else _ARC[[0, -1]]
    outline = [
        (
            centre[0] + sx * (w - corner) + corner * np.cos(steps + turn),
            centre[1] + sy * (h - corner) + corner * np.sin(steps + turn),
        )
        for turn, sx, sy in ((0, 1, 1), (np.pi / 2, -1, 1), (np.pi, -1, -1), (3 * np.pi / 2, 1, -1))
    ]
    return np.concatenate([np.stack(part, axis=1) for part in outline])


def draw_pad(
    canvas: Canvas, rng: np.random.Generator, style: CopperStyle, centre: tuple[float, float], size: tuple[float, float]
) -> None:
    """Draw one pad: round, or a rectangle with plain, chamfered or rounded corners."""
    shape = rng.random()
    if shape < 0.35 and abs(size[0] - size[1]) < 4:
        canvas.disc(centre, size[0] / 2)
        return
    corner = min(size) * rng.choice((0.0, 0.15, 0.3, 0.5))
    canvas.polygon(cornered(centre, size, corner, bool(rng.random() < style.rounded)))


def draw_via(
    canvas: Canvas, rng: np.random.Generator, style: CopperStyle, centre: tuple[float, float], radius: float
) -> None:
    """Draw a round land with its drill hole."""
    canvas.disc(centre, radius)
    if radius > 9 * canvas.scale:
        canvas.hole(centre, radius * rng.uniform(*style.hole))


def draw_bus(canvas: Canvas, rng: np.random.Generator, style: CopperStyle) -> bool:
    """Draw some parallel tracks that bend together and end in a staircase of vias; False where there is no room."""
    scale = canvas.scale
    wide = rng.random() < style.wide
    width = rng.uniform(*(style.wide_track if wide else style.track)) * scale
    gap = rng.uniform(*style.gap) * scale
    tracks = 1 if wide and rng.random() < 0.6 else int(rng.integers(1, 7))
    pitch = width + gap
    total = pitch * (tracks - 1) + width
    land = max(width * rng.uniform(0.9, 1.5), rng.uniform(8, 22) * scale)
    start = (rng.uniform(-0.05, 1.05) * canvas.width, rng.uniform(-0.05, 1.05) * canvas.lines)
    heading = int(rng.integers(4)) * 2 if rng.random() < 0.75 else int(rng.integers(8))
    path = random_path(rng, start, heading, int(rng.integers(0, 4)), total + 40 * scale, total + 300 * scale)
    stairs = (2 * land + gap) * (tracks - 1) + land
    reach = with_end(path, stairs)
    if not canvas.line_is_free(reach, max(total, 2 * land)):
        return False
    ends = rng.random()
    for index in range(tracks):
        track = parallel(path, (index - (tracks - 1) / 2) * pitch)
        if ends < 0.7:
            track = with_end(track, index * (2 * land + gap))
        canvas.line(track, width)
        if ends < 0.7:
            draw_via(canvas, rng, style, (track[-1, 0], track[-1, 1]), land)
        if tracks == 1 and rng.random() < 0.6:
            draw_via(canvas, rng, style, (track[0, 0], track[0, 1]), land)
    canvas.take_line(reach, max(total, 2 * land))
    return True


def draw_plane(canvas: Canvas, rng: np.random.Generator, style: CopperStyle) -> bool:
    """Draw a copper area with slots, clearance holes and vias in it; False where there is no room."""
    scale = canvas.scale
    size = (rng.uniform(80, 420) * scale, rng.uniform(80, 420) * scale)
    centre = (rng.uniform(0, canvas.width), rng.uniform(0, canvas.lines))
    if not canvas.rectangle_is_free(centre, size):
        return False
    rounded = bool(rng.random() < style.rounded)
    canvas.polygon(cornered(centre, size, rng.uniform(0, 0.5) * min(size), rounded))
    canvas.take_rectangle(centre, size)
    reach = np.array(size) / 2
    for _ in range(int(rng.integers(0, 4))):
        at = np.array(centre) + rng.uniform(-0.7, 0.7, 2) * reach
        radius = rng.uniform(8, 30) * scale
        canvas.hole((at[0], at[1]), radius)
        if rng.random() < 0.4:
            draw_via(canvas, rng, style, (at[0], at[1]), radius * rng.uniform(0.4, 0.6))
    if rng.random() < 0.3:
        step = STEPS[int(rng.integers(8))]
        slot = np.stack([centre - step * reach * 3, centre + step * reach * 3]) + rng.uniform(-0.5, 0.5, 2) * reach
        inside = np.clip(slot, np.array(centre) - reach * 1.2, np.array(centre) + reach * 1.2)
        canvas.bare_line(inside, rng.uniform(*style.gap) * scale)
    return True


def draw_footprint(canvas: Canvas, rng: np.random.Generator, style: CopperStyle) -> bool:
    """Draw a part's pads: one or more rows of equal lands, drilled or not; False where there is no room."""
    scale = canvas.scale
    half = rng.uniform(*style.pad) * scale
    tall = half * rng.choice((1.0, 1.0, 1.6, 2.4))
    gap = max(rng.uniform(*style.gap), 10) * scale
    columns, rows = int(rng.integers(1, 9)), int(rng.integers(1, 3))
    row_gap = gap + rng.uniform(0, 120) * scale
    pitch = np.array([2 * half + gap, 2 * tall + row_gap])
    size = np.array([pitch[0] * columns, 2 * tall * rows + row_gap * (rows - 1)])
    stub = rng.uniform(20, 90) * scale if rng.random() < 0.6 else 0.0
    drilled = bool(rng.random() < 0.4)
    across = bool(rng.random() < 0.5)
    centre = np.array([rng.uniform(0, canvas.width), rng.uniform(0, canvas.lines)])
    extent = size + np.array([0, 2 * stub])
    turned = extent[::-1] if across else extent
    if not canvas.rectangle_is_free((centre[0], centre[1]), (turned[0], turned[1])):
        return False
    width = min(rng.uniform(*style.track) * scale, 1.6 * half)
    for row in range(rows):
        for column in range(columns):
            at = (np.array([column, row]) - np.array([columns - 1, rows - 1]) / 2) * pitch
            at_xy = centre + (at[::-1] if across else at)
            pad = (2 * tall, 2 * half) if across else (2 * half, 2 * tall)
            draw_pad(canvas, rng, style, (at_xy[0], at_xy[1]), pad)
            if stub and rng.random() < 0.8:
                outward = np.array([0.0, 1.0 if row == rows - 1 and (rows > 1 or column % 2) else -1.0])
                end = at_xy + (outward[::-1] if across else outward) * (tall + stub)
                canvas.line(np.stack([at_xy, end]), width)
            if drilled:
                canvas.hole((at_xy[0], at_xy[1]), half * rng.uniform(*style.hole))
    canvas.take_rectangle((centre[0], centre[1]), (turned[0], turned[1]))
    return True


def draw_single(canvas: Canvas, rng: np.random.Generator, style: CopperStyle) -> bool:
    """Draw a lone via or pad; False where there is no room."""
    radius = rng.uniform(8, 34) * canvas.scale
    centre = (rng.uniform(0, canvas.width), rng.uniform(0, canvas.lines))
    if not canvas.rectangle_is_free(centre, (2 * radius, 2 * radius)):
        return False
    if rng.random() < 0.7:
        draw_via(canvas, rng, style, centre, radius)
    else:
        draw_pad(canvas, rng, style, centre, (2 * radius, 2 * radius))
    canvas.take_rectangle(centre, (2 * radius, 2 * radius))
    return True


def draw_fiducials(canvas: Canvas, inset: float) -> None:
    """Draw the three fiducial marks (1 mm copper in a 3 mm clear field) at `inset` pixels from three corners."""
    radius = 24 * canvas.scale
    far = (canvas.width - inset, canvas.lines - inset)
    for centre in ((inset, inset), (far[0], inset), (inset, far[1])):
        canvas.take_rectangle(centre, (6 * radius, 6 * radius))
        clear = canvas.clearance
        canvas.clearance = 2 * radius
        canvas.disc(centre, radius)
        canvas.clearance = clear
