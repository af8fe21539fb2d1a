"""What a bare board is made of: pads, vias, tracks, buses, planes, footprints, fiducials."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aoi_app.boards.bare.canvas import Canvas
from aoi_app.boards.bare.paths import Points, parallel, random_path, with_end
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


@dataclass(frozen=True, slots=True)
class PadShape:
    """Form of a footprint's pads: a disc, or a rectangle whose corners are cut by a share of its lesser side."""

    disc: bool
    corner: float
    rounded: bool

    @staticmethod
    def random(rng: np.random.Generator, style: CopperStyle) -> PadShape:
        """Return a form at random."""
        rounded = bool(rng.random() < style.rounded)
        corner = rng.choice((0.0, 0.0, 0.15, 0.5) if rounded else (0.0, 0.0, 0.12, 0.25))
        return PadShape(bool(rng.random() < 0.35), float(corner), rounded)


def draw_pad(canvas: Canvas, shape: PadShape, centre: tuple[float, float], size: tuple[float, float]) -> None:
    """Draw one pad of `size` (width, height) pixels."""
    if shape.disc and abs(size[0] - size[1]) < 4:
        canvas.disc(centre, size[0] / 2)
    else:
        canvas.polygon(cornered(centre, size, min(size) * shape.corner, shape.rounded))


def draw_via(
    canvas: Canvas, rng: np.random.Generator, style: CopperStyle, centre: tuple[float, float], radius: float
) -> None:
    """Draw a round land, mostly with its drill hole."""
    canvas.disc(centre, radius)
    if radius > 9 * canvas.scale and rng.random() < style.drilled:
        canvas.hole(centre, radius * rng.uniform(*style.hole))


def draw_bus(canvas: Canvas, rng: np.random.Generator, style: CopperStyle, size: float) -> bool:
    """Draw some parallel tracks that bend together and end in a staircase of vias; False where there is no room.

    `size` (0 to 1) shortens them: what is drawn last fills the gaps.
    """
    scale = canvas.scale
    wide = rng.random() < style.wide
    width = rng.uniform(*(style.wide_track if wide else style.track)) * scale
    gap = rng.uniform(*style.gap) * scale
    tracks = 1 if rng.random() < 0.3 else int(rng.integers(1, 2 + round(7 * size)))
    pitch = width + gap
    total = pitch * (tracks - 1) + width
    land = max(width * rng.uniform(0.9, 1.5), rng.uniform(7, 16) * scale)
    lands = bool(rng.random() < 0.75)
    start = (rng.uniform(-0.1, 1.1) * canvas.width, rng.uniform(-0.1, 1.1) * canvas.lines)
    heading = int(rng.integers(4)) * 2 if rng.random() < 0.8 else int(rng.integers(8))
    shortest = total + 24 * scale
    longest = shortest + style.reach * size * scale
    path = random_path(rng, start, heading, int(rng.integers(0, 4)), shortest, longest)
    stairs = (2 * land + gap) * (tracks - 1) + land if lands else 0.0
    # a single track may have a land at its start as well
    reach = with_end(with_end(path[::-1], land if lands else 0.0)[::-1], stairs)
    across = max(total, pitch * (tracks - 1) + 2 * land) if lands else total
    if not canvas.line_is_free(reach, across):
        if size < 0.3:
            return False
        # no room: a smaller bus may still fit there
        return draw_bus(canvas, rng, style, size * 0.6)
    for index in range(tracks):
        track = parallel(path, (index - (tracks - 1) / 2) * pitch)
        if lands:
            track = with_end(track, index * (2 * land + gap))
        canvas.line(track, width)
        if lands:
            draw_via(canvas, rng, style, (track[-1, 0], track[-1, 1]), land)
        if lands and tracks == 1 and rng.random() < 0.6:
            draw_via(canvas, rng, style, (track[0, 0], track[0, 1]), land)
    canvas.take_line(reach, across)
    return True


def draw_arc(canvas: Canvas, rng: np.random.Generator, style: CopperStyle, size: float) -> bool:
    """Draw a round track, from a bend to a full ring; False where there is no room."""
    scale = canvas.scale
    width = rng.uniform(*style.track) * scale * rng.choice((1.0, 1.0, 2.5))
    radius = width + rng.uniform(20, 60 + 240 * size) * scale
    begin, sweep = rng.uniform(0, 2 * np.pi), rng.uniform(0.25 * np.pi, 2 * np.pi)
    turns = np.linspace(begin, begin + sweep, 8 + int(radius * sweep / 6))
    centre = rng.uniform(0, 1, 2) * (canvas.width, canvas.lines)
    track = centre + np.stack([np.cos(turns), np.sin(turns)], axis=1) * radius
    if not canvas.line_is_free(track, width):
        return False
    canvas.line(track, width)
    canvas.take_line(track, width)
    return True


def draw_plane(canvas: Canvas, rng: np.random.Generator, style: CopperStyle, size: float) -> bool:
    """Draw a copper area with slots, clearance holes and vias in it; False where there is no room."""
    scale = canvas.scale
    extent = (rng.uniform(60, 80 + 500 * size) * scale, rng.uniform(60, 80 + 500 * size) * scale)
    centre = (rng.uniform(0, canvas.width), rng.uniform(0, canvas.lines))
    if not canvas.rectangle_is_free(centre, extent):
        return False
    rounded = bool(rng.random() < style.rounded)
    corner = rng.uniform(0, 0.5 if rng.random() < 0.3 else 0.15) * min(extent)
    canvas.polygon(cornered(centre, extent, corner, rounded))
    canvas.take_rectangle(centre, extent)
    reach = np.array(extent) / 2
    for _ in range(int(rng.integers(0, 4))):
        at = np.array(centre) + rng.uniform(-0.7, 0.7, 2) * reach
        radius = rng.uniform(6, 30) * scale
        canvas.hole((at[0], at[1]), radius)
        if rng.random() < 0.4:
            draw_via(canvas, rng, style, (at[0], at[1]), radius * rng.uniform(0.4, 0.6))
    for _ in range(int(rng.integers(0, 3))):
        begin = np.array(centre) + rng.uniform(-1, 1, 2) * reach
        slot = random_path(
            rng, (begin[0], begin[1]), int(rng.integers(4)) * 2, int(rng.integers(0, 4)), 30 * scale, 300 * scale
        )
        canvas.slot(slot, min(style.gap[0], 14) * scale, centre, extent)
    return True


def draw_footprint(canvas: Canvas, rng: np.random.Generator, style: CopperStyle, size: float) -> bool:
    """Draw a part's pads: one or more rows of equal lands, drilled or not; False where there is no room."""
    scale = canvas.scale
    half = rng.uniform(*style.pad) * scale
    tall = half * rng.choice((1.0, 1.0, 1.6, 2.4))
    gap = max(rng.uniform(*style.gap), 9) * scale
    columns, rows = int(rng.integers(1, 3 + round(8 * size))), int(rng.integers(1, 4))
    row_gap = gap + rng.uniform(0, 110) * scale
    pitch = np.array([2 * half + gap, 2 * tall + row_gap])
    extent = np.array([pitch[0] * columns - gap, 2 * tall * rows + row_gap * (rows - 1)])
    stub = rng.uniform(20, 90) * scale if rng.random() < 0.6 else 0.0
    drilled = bool(rng.random() < style.drilled * 0.6)
    across = bool(rng.random() < 0.5)
    shape = PadShape.random(rng, style)
    centre = np.array([rng.uniform(0, canvas.width), rng.uniform(0, canvas.lines)])
    whole = extent + np.array([0, 2 * stub])
    turned = whole[::-1] if across else whole
    if not canvas.rectangle_is_free((centre[0], centre[1]), (turned[0], turned[1])):
        return False
    width = min(rng.uniform(*style.track) * scale, 1.6 * half)
    for row in range(rows):
        for column in range(columns):
            at = (np.array([column, row]) - np.array([columns - 1, rows - 1]) / 2) * pitch
            at_xy = centre + (at[::-1] if across else at)
            pad = (2 * tall, 2 * half) if across else (2 * half, 2 * tall)
            draw_pad(canvas, shape, (at_xy[0], at_xy[1]), pad)
            outer = row in (0, rows - 1)
            if stub and outer and rng.random() < 0.8:
                outward = np.array([0.0, 1.0 if row == rows - 1 and (rows > 1 or column % 2) else -1.0])
                end = at_xy + (outward[::-1] if across else outward) * (tall + stub)
                canvas.line(np.stack([at_xy, end]), width)
            if drilled:
                canvas.hole((at_xy[0], at_xy[1]), half * rng.uniform(*style.hole))
    canvas.take_rectangle((centre[0], centre[1]), (turned[0], turned[1]))
    return True


def draw_single(canvas: Canvas, rng: np.random.Generator, style: CopperStyle, size: float) -> bool:
    """Draw a lone via or pad; False where there is no room."""
    radius = rng.uniform(7, 12 + 26 * size) * canvas.scale
    centre = (rng.uniform(0, canvas.width), rng.uniform(0, canvas.lines))
    if not canvas.rectangle_is_free(centre, (2 * radius, 2 * radius)):
        return False
    if rng.random() < 0.7:
        draw_via(canvas, rng, style, centre, radius)
    else:
        draw_pad(canvas, PadShape.random(rng, style), centre, (2 * radius, 2 * radius))
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
