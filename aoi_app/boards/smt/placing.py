"""Where the parts of an assembled board sit, and the copper that joins them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from aoi_app.boards.bare.canvas import Canvas
from aoi_app.boards.bare.items import cornered, draw_bus, draw_fiducials, draw_single
from aoi_app.boards.bare.style import DESIGN_PX_PER_MM, CopperStyle
from aoi_app.boards.smt.packages import PACKAGES, Package

_LABEL_MM = 1.15  # strip above a part that its reference designator takes
FIDUCIAL_INSET_MM = 5.0
"""Distance of the fiducial marks from the board's edges, millimetres."""

_AROUND_MM = 0.35  # room for its shadow and for solder that runs out

_STYLE = CopperStyle(
    track=(7, 10), wide_track=(20, 44), gap=(9, 13), pad=(14, 24), hole=(0.4, 0.55), drilled=1.0, rounded=1.0,
    wide=0.06, reach=620, planes=0.0, footprints=0.0, buses=14, arcs=0.0, vias=12, pours=1.0,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the layout.

    Attributes
    ----------
    x, y
        Centre, pixels.
    rotation
        0, 90, 180 or 270 degrees, anticlockwise as seen.
    """

    reference: str
    package: Package
    value: str
    x: float
    y: float
    rotation: int

    @property
    def courtyard(self) -> tuple[float, float]:
        """Width and height that it takes on the board, millimetres."""
        w, h = self.package.courtyard
        return (h, w) if self.rotation % 180 else (w, h)


# (packages to choose from, tries per cm2, parts in a group)
_BIG = (
    (("QFP-64", "QFP-48"), 0.2, 1),
    (("SOIC-16", "SOIC-8", "TSSOP-20"), 0.7, 1),
    (("CAN-6.3", "IND4040", "CASE-B", "XTAL-5032"), 0.7, 3),
)
_SMALL = (
    (("R0603", "R0805", "R0402"), 3.5, 6),
    (("C0603", "C0805", "C0402"), 3.5, 5),
    (("SOT-23",), 2.0, 3),
    (("SOD-123", "LED0805"), 2.0, 4),
    (("R1206", "C1206"), 1.0, 3),
    (("R0402", "C0402", "C0603", "R0603"), 8.0, 2),
)


def place_parts(
    width: int, lines: int, px_per_mm: float, rng: np.random.Generator, whole: bool
) -> tuple[Canvas, list[Part]]:
    """Return the copper and the parts of one layout.

    Parameters
    ----------
    whole
        A whole board with rim and fiducials, rather than a window cut from one.
    """
    scale = px_per_mm / DESIGN_PX_PER_MM
    canvas = Canvas(width, lines, scale, 8 * scale)
    if whole:
        draw_fiducials(canvas, FIDUCIAL_INSET_MM * px_per_mm)
        rim = 3.2 * px_per_mm
        for x, y, w, h in (
            (width / 2, 0, width, 2 * rim),
            (width / 2, lines, width, 2 * rim),
            (0, lines / 2, 2 * rim, lines),
            (width, lines / 2, 2 * rim, lines),
        ):
            canvas.take_rectangle((x, y), (w, h))
    area = width * lines / (10 * px_per_mm) ** 2
    parts: list[Part] = []
    numbers: Counter[str] = Counter()
    for table in (_BIG, _SMALL):
        for names, tries, most in table:
            for _ in range(int(rng.poisson(tries * area))):
                _place_group(canvas, rng, px_per_mm, PACKAGES[str(rng.choice(names))], most, parts, numbers)
    for part in parts:
        _fan_out(canvas, rng, px_per_mm, part)
    squares = width * lines / (640 * scale) ** 2
    for index in range(count := int(_STYLE.buses * squares)):
        draw_bus(canvas, rng, _STYLE, 1.0 - 0.85 * index / count)
    for _ in range(int(_STYLE.vias * squares)):
        draw_single(canvas, rng, _STYLE, 0.1)
    inset = 2.4 * px_per_mm if whole else -2.4 * px_per_mm
    canvas.pour(cornered((width / 2, lines / 2), (width - inset, lines - inset), 2 * px_per_mm, rounded=True))
    return canvas, parts


def _place_group(
    canvas: Canvas, rng: np.random.Generator, px_per_mm: float, package: Package, most: int, parts: list[Part],
    numbers: Counter[str],
) -> None:  # fmt: skip
    """Place a row or column of equal parts where there is room."""
    rotation = int(rng.choice((0, 90, 180, 270)))
    w, h = package.courtyard
    w, h = (h, w) if rotation % 180 else (w, h)
    cell = np.array([w + 2 * _AROUND_MM, h + _LABEL_MM + 2 * _AROUND_MM]) * px_per_mm
    count = int(rng.integers(1, most + 1))
    step = np.array([1.0, 0.0] if rng.random() < 0.6 else [0.0, 1.0]) * cell
    grid = 0.5 * px_per_mm
    size = np.maximum(cell, step * count)
    low, high = size / 2 + 2, np.array([canvas.width, canvas.lines]) - size / 2 - 2
    if (high <= low).any():
        return
    centre = np.round(rng.uniform(low, high) / grid) * grid
    if not canvas.rectangle_is_free((centre[0], centre[1]), (size[0], size[1])):
        return
    canvas.take_rectangle((centre[0], centre[1]), (size[0], size[1]))
    value = str(rng.choice(package.values))
    for index in range(count):
        at = centre + step * (index - (count - 1) / 2) + (0, _LABEL_MM / 2 * px_per_mm)
        numbers[package.prefix] += 1
        name = f"{package.prefix}{numbers[package.prefix]}"
        parts.append(Part(name, package, value, float(at[0]), float(at[1]), rotation))


def _fan_out(canvas: Canvas, rng: np.random.Generator, px_per_mm: float, part: Part) -> None:
    """Draw the lands' copper and short tracks from them to vias, where there is room."""
    turn = np.deg2rad(part.rotation)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * px_per_mm
    width = min(0.2, *(min(p.width, p.height) * 0.8 for p in part.package.pads)) * px_per_mm
    for index, pad in enumerate(part.package.pads):
        centre = np.array([pad.x, pad.y]) @ matrix + (part.x, part.y)
        size = np.abs(np.array([pad.width, pad.height]) @ matrix)
        w, h = size / 2
        corners = centre + np.array([[-w, -h], [w, -h], [w, h], [-w, h]])
        canvas.polygon(corners)
        out = np.array(pad.out, np.float64) @ matrix
        reach = max(part.package.courtyard) / 2 - abs(pad.x * pad.out[0] + pad.y * pad.out[1])
        near = centre + out * (0.5 + min(reach, 0.8) + _AROUND_MM)
        far = near + out * (0.5 + 0.7 * (index % 3) + rng.uniform(0, 0.4))
        if rng.random() < 0.8 and canvas.line_is_free(np.stack([near + out * 0.5, far]), width):
            canvas.line(np.stack([centre, far]), width)
            canvas.take_line(np.stack([near, far]), width)
            if index % 2 or len(part.package.pads) < 9:
                canvas.disc((far[0], far[1]), 0.28 * px_per_mm)
                canvas.hole((far[0], far[1]), 0.13 * px_per_mm)
