"""Where defects of bare copper may be, and the strokes that make them.

Each is tried on a small patch of the copper. What it does to the copper is checked there by counting connected pieces:
a short joins two, an open parts one, spurs and mousebites leave the count as it is, islands and pin-holes touch
nothing. So a label never lies about its class.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from aoi_app.boards.bare.paths import Points
from aoi_app.boards.bare.strokes import StrokeSizes, blob, crumble, draw_stroke, wandering
from aoi_app.boards.drawn import Image, as_image

SIZES = {
    "open": StrokeSizes(6, 0.5, (3, 8), 0.3),
    "short": StrokeSizes(6, 0.4, (3, 10), 0.12),
    "mousebite": StrokeSizes(15, 0.30, (3, 9), 0.5),
    "spur": StrokeSizes(14, 0.30, (3, 9), 0.05),
    "copper": StrokeSizes(17, 0.42, (4, 13), 0.1),
    "pin-hole": StrokeSizes(15, 0.38, (4, 10), 0.2),
}

_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_LONGEST = 104  # widest gap that is bridged and widest track that is cut, pixels at 48 px/mm

Placer = Callable[[Image, np.random.Generator, float], "Image | None"]
"""(copper patch, generator, scale) -> stroke (255) or None where the patch has no place for it."""


def _length(rng: np.random.Generator, sizes: StrokeSizes, scale: float) -> float:
    return float(np.clip(rng.lognormal(np.log(sizes.length), sizes.spread), 5, 70)) * scale


def _thickness(rng: np.random.Generator, sizes: StrokeSizes, scale: float) -> float:
    return max(2.0, float(rng.uniform(*sizes.thickness)) * scale)


def _edge(patch: Image, rng: np.random.Generator, scale: float) -> tuple[Points, Points] | None:
    """Return a point on the copper's edge and the unit vector from the copper to the laminate there."""
    rows, columns = (
        np.nonzero(patch[:, 1:] != patch[:, :-1]) if rng.random() < 0.5 else np.nonzero(patch[1:] != patch[:-1])
    )
    if rows.size == 0:
        return None
    pick = int(rng.integers(rows.size))
    x, y = int(columns[pick]), int(rows[pick])
    reach = max(3, round(6 * scale))
    if not (reach < x < patch.shape[1] - reach - 1 and reach < y < patch.shape[0] - reach - 1):
        return None
    near = patch[y - reach : y + reach + 1, x - reach : x + reach + 1] > 0
    ys, xs = np.nonzero(near)
    out = np.array([reach - xs.mean(), reach - ys.mean()])
    size = float(np.hypot(*out))
    if size < 0.5:
        return None
    return np.array([x, y], np.float64), out / size


def _run(patch: Image, start: Points, direction: Points, longest: float) -> float | None:
    """Return how far it is from `start` along `direction` to the next change; None beyond `longest`."""
    steps = np.arange(2.0, longest)
    at = np.round(start + direction * steps[:, None]).astype(int)
    inside = (at >= 0).all(axis=1) & (at[:, 0] < patch.shape[1]) & (at[:, 1] < patch.shape[0])
    values = patch[at[inside, 1], at[inside, 0]]
    if values.size < 4:
        return None
    changes = np.flatnonzero(values[1:] != values[0])
    return float(steps[changes[0] + 1]) if changes.size else None


def _pieces(patch: Image) -> int:
    return int(cv2.connectedComponents(patch, connectivity=4)[0])


def _around(stroke: Image, more: int) -> tuple[slice, slice]:
    x, y, w, h = cv2.boundingRect(stroke)
    return np.s_[max(0, y - more) : y + h + more, max(0, x - more) : x + w + more]


def _bridge(patch: Image, rng: np.random.Generator, scale: float, sizes: StrokeSizes, outward: bool) -> Image | None:
    """Return a stroke across a gap (`outward`) or across a track, or None where there is neither."""
    edge = _edge(patch, rng, scale)
    if edge is None:
        return None
    start, normal = edge
    direction = normal if outward else -normal
    turn = rng.normal(0, 0.2)
    direction = np.array(
        [
            direction[0] * np.cos(turn) - direction[1] * np.sin(turn),
            direction[0] * np.sin(turn) + direction[1] * np.cos(turn),
        ]
    )
    far = _run(patch, start, direction, _LONGEST * scale)
    # most defects of the real boards are short ones: a wide gap is taken less often
    if far is None or rng.random() > np.exp(-far / (30 * scale)) + 0.1:
        return None
    over = rng.uniform(0.5, 4.0, 2) * scale
    stroke = np.zeros_like(patch)
    path = wandering(
        rng, start - direction * over[0], start + direction * (far + over[1]), 0.2 if far > 8 * scale else 0.0
    )
    thickness = _thickness(rng, sizes, scale)
    draw_stroke(stroke, rng, path, thickness)
    if rng.random() < sizes.crumbled:
        wide = np.zeros_like(patch)
        draw_stroke(wide, rng, path, thickness * 2)
        core = np.zeros_like(patch)
        draw_stroke(core, rng, path, max(2.0, 3 * scale))
        stroke = as_image(cv2.bitwise_or(crumble(wide, rng, max(1.5, 2.5 * scale)), core))
    return stroke


def _place_short(patch: Image, rng: np.random.Generator, scale: float) -> Image | None:
    stroke = _bridge(patch, rng, scale, SIZES["short"], outward=True)
    if stroke is None:
        return None
    part = _around(stroke, round(8 * scale))
    joined = as_image(cv2.bitwise_or(patch[part], stroke[part]))
    return stroke if _pieces(joined) < _pieces(patch[part]) else None


def _place_open(patch: Image, rng: np.random.Generator, scale: float) -> Image | None:
    stroke = _bridge(patch, rng, scale, SIZES["open"], outward=False)
    if stroke is None:
        return None
    part = _around(stroke, round(8 * scale))
    left = as_image(cv2.bitwise_and(patch[part], cv2.bitwise_not(stroke[part])))
    least = round(120 * scale * scale)
    return stroke if _big_pieces(left, least) > _big_pieces(patch[part], least) else None


def _big_pieces(patch: Image, least: int) -> int:
    sizes = cv2.connectedComponentsWithStats(patch, connectivity=4)[2][1:, cv2.CC_STAT_AREA]
    return int((sizes >= least).sum())


def _at_edge(patch: Image, rng: np.random.Generator, scale: float, code: str) -> Image | None:
    """Return a stroke that starts at an edge and goes to one side of it without reaching the next edge.

    A spur is to the laminate what a mousebite is to the copper: `sheet` is what is bitten.
    """
    edge = _edge(patch, rng, scale)
    if edge is None:
        return None
    start, normal = edge
    sheet = patch if code == "mousebite" else as_image(cv2.bitwise_not(patch))
    direction = -normal if code == "mousebite" else normal
    sizes = SIZES[code]
    room = _run(patch, start, direction, 60 * scale) or 60 * scale
    thickness = _thickness(rng, sizes, scale)
    depth = min(rng.uniform(4, 15) * scale, room - 3 * scale - thickness / 2)
    if depth < 3 * scale:
        return None
    tangent = np.array([-direction[1], direction[0]])
    along = tangent * rng.uniform(-0.5, 0.5) * _length(rng, sizes, scale)
    back = direction * rng.uniform(0, 4) * scale
    crumbled = rng.random() < sizes.crumbled
    stroke = np.zeros_like(patch)
    path = wandering(rng, start - back - along, start + direction * depth + along, 0.15)
    draw_stroke(stroke, rng, path, thickness * (1.4 if crumbled else 1.0))
    if crumbled:
        stroke = crumble(stroke, rng, max(1.5, 2.5 * scale))
    part = _around(stroke, round(8 * scale))
    bitten = as_image(cv2.bitwise_and(stroke[part], sheet[part]))
    if not _is_bite(sheet[part], bitten, scale):
        return None
    # at the very end of a track a bite only makes it shorter: that is none
    inner = start + direction * 2.5 * scale
    runs = [_run(patch, inner, side, 60 * scale) or 60 * scale for side in (tangent, -tangent)]
    ys, xs = np.nonzero(bitten)
    spread = float(np.ptp(xs * tangent[0] + ys * tangent[1]))
    return stroke if spread < 0.7 * sum(runs) else None


def _is_bite(sheet: Image, bitten: Image, scale: float) -> bool:
    """Tell whether taking `bitten` from `sheet` leaves it whole, with some width, and is large enough to be seen."""
    main = _largest(bitten)
    if cv2.countNonZero(main) < 24 * scale * scale:
        return False
    beyond = cv2.bitwise_and(cv2.dilate(main, _CROSS), cv2.bitwise_not(sheet))
    if cv2.countNonZero(beyond) < 5 * scale:
        return False
    least = round(40 * scale * scale)
    left = as_image(cv2.bitwise_and(sheet, cv2.bitwise_not(bitten)))
    thin = np.ones((max(2, round(4 * scale)),) * 2, np.uint8)
    pairs = ((sheet, left), (as_image(cv2.erode(sheet, thin)), as_image(cv2.erode(left, thin))))
    return all(_big_pieces(a, least) == _big_pieces(b, least) for a, b in pairs)


def _largest(patch: Image) -> Image:
    """Return the largest connected piece of `patch` alone; nothing where there is none."""
    count, pieces, figures, _ = cv2.connectedComponentsWithStats(patch, connectivity=8)
    best = 1 + int(figures[1:, cv2.CC_STAT_AREA].argmax()) if count > 1 else -1
    alone: Image = np.zeros_like(patch)
    alone[pieces == best] = 255
    return alone


def _inside(patch: Image, rng: np.random.Generator, scale: float, code: str) -> Image | None:
    """Return a stroke that lies wholly in laminate (copper) or wholly in copper (pin-hole)."""
    sheet = patch if code == "pin-hole" else cv2.bitwise_not(patch)
    sizes = SIZES[code]
    far = cv2.distanceTransform(sheet, cv2.DIST_L2, 3)
    rows, columns = np.nonzero(far > (12 if rng.random() < 0.6 else 6) * scale)
    if rows.size == 0:
        return None
    pick = int(rng.integers(rows.size))
    centre = np.array([columns[pick], rows[pick]], np.float64)
    stroke = np.zeros_like(patch)
    length = min(_length(rng, sizes, scale), 2 * float(far[rows[pick], columns[pick]]))
    blob(stroke, rng, centre, length, _thickness(rng, sizes, scale))
    if rng.random() < sizes.crumbled:
        stroke = crumble(stroke, rng, max(1.5, 2.5 * scale))
    if cv2.countNonZero(_largest(stroke)) < 24 * scale * scale or (far[stroke > 0] < 3.5 * scale + 1).any():
        return None
    return stroke


PLACERS: dict[str, Placer] = {
    "open": _place_open,
    "short": _place_short,
    "mousebite": lambda patch, rng, scale: _at_edge(patch, rng, scale, "mousebite"),
    "spur": lambda patch, rng, scale: _at_edge(patch, rng, scale, "spur"),
    "copper": lambda patch, rng, scale: _inside(patch, rng, scale, "copper"),
    "pin-hole": lambda patch, rng, scale: _inside(patch, rng, scale, "pin-hole"),
}
"""How each class is placed."""
