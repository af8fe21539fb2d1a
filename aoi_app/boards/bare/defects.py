"""Defects of bare copper: which, how many, and their labels."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from aoi_app.boards.bare.places import PLACERS
from aoi_app.boards.bare.style import DESIGN_PX_PER_MM
from aoi_app.boards.drawn import BARE_CODES, Box, Image, Label

MARGIN_PX = 10
"""Space between a stroke and its label box at 48 px/mm: exactly this in DeepPCB, measured on floating copper."""

CLASS_MIX = dict(zip(BARE_CODES, (0.19, 0.15, 0.20, 0.165, 0.147, 0.148), strict=True))
"""Share of each class among the defects of DeepPCB's training part."""

_PATCH = 224  # side of the patch that a defect is tried on, pixels at 48 px/mm
_TRIES = 40


def add_defects(
    copper: Image, rng: np.random.Generator, codes: Sequence[str], px_per_mm: float, taken: Sequence[Label] = ()
) -> list[Label]:
    """Draw one defect of each code into `copper` (in place) and return their labels; see `find_defects`."""
    found = find_defects(copper, rng, codes, px_per_mm, taken)
    for label, pixels in found:
        x1, y1, x2, y2 = label.box
        copper[y1:y2, x1:x2] = pixels
    return [label for label, _ in found]


def find_defects(
    copper: Image, rng: np.random.Generator, codes: Sequence[str], px_per_mm: float, taken: Sequence[Label] = ()
) -> list[tuple[Label, Image]]:
    """Return one defect of each code: its label, and the copper within the label's box once it is there.

    A defect for which no place is found is left out: fewer come back than were asked for.

    Parameters
    ----------
    copper
        (lines, width) uint8, 255 copper, 0 laminate; not changed.
    codes
        Names out of BARE_CODES.
    taken
        Defects that are there already: the new ones keep clear of them.
    """
    scale = px_per_mm / DESIGN_PX_PER_MM
    found: list[tuple[Label, Image]] = []
    boxes = [label.box for label in taken]
    for code in codes:
        for _ in range(_TRIES):
            defect = _try(copper, rng, code, scale, boxes)
            if defect is not None:
                found.append(defect)
                boxes.append(defect[0].box)
                break
    return found


def _try(
    copper: Image, rng: np.random.Generator, code: str, scale: float, boxes: Sequence[Box]
) -> tuple[Label, Image] | None:
    lines, width = copper.shape
    side = min(round(_PATCH * scale), lines, width)
    left, top = int(rng.integers(0, width - side + 1)), int(rng.integers(0, lines - side + 1))
    patch = copper[top : top + side, left : left + side]
    stroke = PLACERS[code](patch, rng, scale)
    if stroke is None:
        return None
    x, y, w, h = cv2.boundingRect(stroke)
    if w == 0 or x < 1 or y < 1 or x + w >= side or y + h >= side:
        return None
    margin = round(MARGIN_PX * scale)
    x1, y1 = max(0, left + x - margin), max(0, top + y - margin)
    x2, y2 = min(width, left + x + w + margin), min(lines, top + y + h + margin)
    if any(x1 < b[2] and b[0] < x2 and y1 < b[3] and b[1] < y2 for b in boxes):
        return None
    pixels = copper[y1:y2, x1:x2].copy()
    inner = pixels[top + y - y1 : top + y + h - y1, left + x - x1 : left + x + w - x1]
    inner[stroke[y : y + h, x : x + w] > 0] = 255 if code in ("short", "spur", "copper") else 0
    return Label(code, (x1, y1, x2, y2)), pixels
