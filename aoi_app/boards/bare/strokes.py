"""Shapes of bare-board defects: strokes of a brush, blobs and crumbled strokes.

The DeepPCB defects are of these shapes; sizes in `StrokeSizes` are measured on its training part (7 boards, 6,873
defects): the label box less its 10 px margin is the extent of the stroke.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from aoi_app.boards.bare.paths import Points
from aoi_app.boards.drawn import Image, as_image

_SHIFT = 4


@dataclass(frozen=True, slots=True)
class StrokeSizes:
    """Sizes of one class's strokes, pixels at 48 px/mm.

    Attributes
    ----------
    length
        Median extent of the stroke along its course.
    spread
        Standard deviation of the logarithm of the length.
    thickness
        Least and greatest width of the brush.
    crumbled
        Chance that the stroke is crumbled (speckled, with frayed edges).
    """

    length: float
    spread: float
    thickness: tuple[float, float]
    crumbled: float


def draw_stroke(sheet: Image, rng: np.random.Generator, path: Points, thickness: float) -> None:
    """Draw a brush stroke through the points of `path` (sheet pixels) onto `sheet` (255)."""
    points = np.round(path * (1 << _SHIFT)).astype(np.int32)
    cv2.polylines(sheet, [points], False, 255, max(1, round(thickness)), cv2.LINE_8, _SHIFT)
    if thickness > 6 and rng.random() < 0.4:
        # a brush that was set down twice: one end is a blob
        x, y = points[int(rng.integers(len(points)))]
        cv2.circle(
            sheet, (int(x), int(y)), round(thickness * rng.uniform(0.5, 0.9) * (1 << _SHIFT)), 255, -1, 8, _SHIFT
        )


def wandering(rng: np.random.Generator, start: Points, end: Points, wobble: float) -> Points:
    """Return a path from `start` to `end` (x y each) that strays by up to `wobble` of its length, (n, 2)."""
    pieces = int(rng.integers(1, 5))
    along = np.linspace(0.0, 1.0, pieces + 1)[:, None]
    path: Points = start + (end - start) * along
    length = float(np.hypot(*(end - start)))
    path[1:-1] += rng.uniform(-wobble, wobble, (pieces - 1, 2)) * length
    return path


def crumble(sheet: Image, rng: np.random.Generator, grain: float) -> Image:
    """Return `sheet` with specks and streaks missing, as dry-brushed; `grain` is the streaks' width in pixels."""
    height, width = sheet.shape
    coarse = (max(2, round(height / grain)), max(2, round(width / (grain * rng.uniform(1.0, 4.0)))))
    if rng.random() < 0.5:
        coarse = (coarse[1], coarse[0])
    noise = cv2.resize(rng.random(coarse, np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    keep = (noise > rng.uniform(0.3, 0.48)).astype(np.uint8) * 255
    return as_image(cv2.bitwise_and(sheet, keep))


def blob(sheet: Image, rng: np.random.Generator, centre: Points, length: float, thickness: float) -> None:
    """Draw a lump around `centre`: a disc, a short stroke, a hooked stroke or a small ragged polygon."""
    kind = rng.random()
    turn = rng.uniform(0, 2 * np.pi)
    step = np.array([np.cos(turn), np.sin(turn)]) * length / 2
    if kind < 0.12:
        cv2.circle(sheet, (round(float(centre[0])), round(float(centre[1]))), max(2, round(length * 0.4)), 255, -1)
    elif kind < 0.55:
        draw_stroke(sheet, rng, wandering(rng, centre - step, centre + step, 0.2), thickness)
    elif kind < 0.8:
        hook = np.array([-step[1], step[0]]) * rng.uniform(-1.2, 1.2)
        draw_stroke(sheet, rng, np.stack([centre - step, centre + step * 0.2, centre + hook]), thickness)
    else:
        corners = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(4, 9))))
        reach = length / 2 * rng.uniform(0.5, 1.1, len(corners))
        outline = centre + np.stack([np.cos(corners), np.sin(corners)], axis=1) * reach[:, None]
        cv2.fillPoly(sheet, [np.round(outline * (1 << _SHIFT)).astype(np.int32)], 255, cv2.LINE_8, _SHIFT)
