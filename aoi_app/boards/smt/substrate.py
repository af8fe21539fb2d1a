"""The finished bare board under the parts: solder mask over copper, and silkscreen."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from aoi_app.boards.drawn import Image, as_image
from aoi_app.boards.smt.joints import GOLD
from aoi_app.boards.smt.pen import Colour, Pen
from aoi_app.boards.smt.placing import FIDUCIAL_INSET_MM, Part

SILK: Colour = (228, 232, 226)


@dataclass(frozen=True, slots=True)
class MaskColour:
    """A solder mask: over laminate, over copper, and where a copper edge catches the light."""

    laminate: Colour
    copper: Colour
    edge: Colour


MASKS = (
    MaskColour((13, 62, 40), (24, 98, 58), (74, 150, 104)),
    MaskColour((16, 44, 92), (28, 70, 136), (80, 124, 190)),
    MaskColour((24, 25, 28), (40, 42, 46), (84, 88, 94)),
)
"""Green, blue, black."""


def paint_substrate(copper: Image, mask: MaskColour, rng: np.random.Generator) -> Image:
    """Return what a board with `copper` ((lines, width), 255 copper) looks like under its mask, (lines, width, 3)."""
    soft = cv2.GaussianBlur(copper, (0, 0), 0.8)
    # a lamp from the upper left: edges that face it are brighter
    relief = np.array([[-0.3, 0, 0], [0, 0.62, 0], [0, 0, 0.3]], np.float32)
    level = cv2.filter2D(soft, cv2.CV_8U, relief, delta=44)
    coarse = rng.integers(0, 256, (copper.shape[0] // 24 + 2, copper.shape[1] // 24 + 2), np.uint8)
    cloud = cv2.resize(coarse, (copper.shape[1], copper.shape[0]), interpolation=cv2.INTER_CUBIC)
    level = cv2.addWeighted(level, 1.0, cloud, 0.06, -8.0)
    planes = [cv2.LUT(level, _curve(mask, channel)) for channel in range(3)]
    return as_image(cv2.merge(planes))


def _curve(mask: MaskColour, channel: int) -> NDArray[np.uint8]:
    stops = [0.0, 44.0, 44 + 0.62 * 255, 255.0]
    dark = mask.laminate[channel] * 0.6
    colours = [dark, mask.laminate[channel], mask.copper[channel], mask.edge[channel]]
    return np.interp(np.arange(256), stops, colours).astype(np.uint8)


def draw_fiducial_marks(picture: Image, px_per_mm: float) -> None:
    """Draw the three fiducial marks of a whole board: bare metal in a field that is free of mask."""
    lines, width = picture.shape[:2]
    inset = FIDUCIAL_INSET_MM * px_per_mm
    for centre in ((inset, inset), (width - inset, inset), (inset, lines - inset)):
        pen = Pen(picture, centre, px_per_mm)
        pen.disc(0, 0, 1.0, (92, 88, 58))
        pen.disc(0, 0, 0.5, GOLD)
        pen.disc(-0.08, -0.08, 0.34, (226, 198, 128))


def draw_silkscreen(picture: Image, part: Part, px_per_mm: float) -> None:
    """Draw a part's outline marks and its reference designator."""
    pen = Pen(picture, (part.x, part.y), px_per_mm, part.rotation)
    w, h = part.package.courtyard
    thin = 0.1
    body_w, body_h = part.package.body
    if len(part.package.pads) > 4 or part.package.family in ("can", "crystal"):
        reach_x, reach_y = max(w - 0.1, body_w), max(h - 0.1, body_h)
        for sx in (-1, 1):
            for sy in (-1, 1):
                x, y = sx * reach_x / 2, sy * reach_y / 2
                pen.line([[x - sx * 0.8, y], [x, y], [x, y - sy * 0.8]], thin, SILK)
        pen.disc(-reach_x / 2 + 0.2, -reach_y / 2 + 0.5 - 0.9, 0.16, SILK)
    elif part.package.family in ("diode", "tantalum", "led"):
        x = -w / 2 + 0.05
        pen.line([[x, -h / 2], [x, h / 2]], thin * 1.4, SILK)
        pen.line([[x, -h / 2], [w / 2, -h / 2]], thin, SILK)
        pen.line([[x, h / 2], [w / 2, h / 2]], thin, SILK)
    else:
        for side in (-1, 1):
            pen.line([[-w * 0.32, side * h * 0.49], [w * 0.32, side * h * 0.49]], thin, SILK)
    upright = Pen(picture, (part.x, part.y), px_per_mm)
    _, tall = part.courtyard
    # letters are about 0.8 of their height wide: the name must not run into the neighbour's
    height = min(0.8, (part.courtyard[0] + 0.6) / (0.8 * len(part.reference)))
    upright.text(0, -tall / 2 - 0.62, height, part.reference, SILK, 0.95)
