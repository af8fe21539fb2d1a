"""Lays a golden picture onto a scan by whole pixels: for pictures that were cut from a board by hand.

Where a board lies askew or is stretched, `registration` is the tool; it wants structure to hold on to and refuses
what it does not recognise. This here never refuses: it moves the picture where that plainly helps, and else leaves it.
"""

from __future__ import annotations

import cv2
import numpy as np

from aoi_app.core.scan import Pixels

REACH_PX = 16
"""How far a golden picture may lie off."""
MOST_SIDE = 1_280
"""Of the part that is compared, pixels: more tells nothing new."""
CLEARLY = 0.9
"""A move must bring the pictures' difference down to this share of what it was."""


def find_nudge(golden: Pixels, scan: Pixels, reach: int = REACH_PX) -> tuple[int, int]:
    """Return by how much the golden picture must be moved (x, y; pixels) to lie on the scan.

    Parameters
    ----------
    golden, scan
        (lines, width[, 3]) uint8; the rows and columns that both have are compared.

    Returns
    -------
    (0, 0) where nothing is gained by moving, and for pictures too small to tell.
    """
    lines, width = (min(a, b) for a, b in zip(golden.shape[:2], scan.shape[:2], strict=True))
    top, left = max(0, lines - MOST_SIDE) // 2, max(0, width - MOST_SIDE) // 2
    part = np.s_[top : top + min(lines, MOST_SIDE), left : left + min(width, MOST_SIDE)]
    reference, seen = _grey(golden[part]), _grey(scan[part])
    if min(reference.shape) < 4 * reach:
        return 0, 0
    inner = reference[reach:-reach, reach:-reach]
    if np.ptp(inner) == 0:
        return 0, 0
    likeness = cv2.matchTemplate(seen, inner, cv2.TM_CCOEFF_NORMED)
    _, _, _, (x, y) = cv2.minMaxLoc(likeness)
    if (x, y) == (reach, reach):
        return 0, 0
    height, across = inner.shape
    before = cv2.norm(seen[reach : reach + height, reach : reach + across], inner, cv2.NORM_L1)
    after = cv2.norm(seen[y : y + height, x : x + across], inner, cv2.NORM_L1)
    return (x - reach, y - reach) if after < CLEARLY * before else (0, 0)


def moved(picture: Pixels, x: int, y: int) -> Pixels:
    """Return the picture moved by whole pixels; its own edge fills what comes in."""
    if x == 0 and y == 0:
        return picture
    rows = np.clip(np.arange(picture.shape[0]) - y, 0, picture.shape[0] - 1)
    columns = np.clip(np.arange(picture.shape[1]) - x, 0, picture.shape[1] - 1)
    return np.ascontiguousarray(picture[rows[:, None], columns])


def _grey(image: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8) if image.ndim == 3 else image
