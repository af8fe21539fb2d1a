"""Whether a board looks the same one step further: pads and components in equal rows.

A map that is wrong by such a step fits nearly everywhere. Then those few places decide that are not repeated, such as
the last row, a mark, a hole; where there are none, nobody knows where the board lies.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from aoi_app.core.scan import Pixels
from aoi_app.inference.dense_fit import HALF, Matrix, dense_fit, places_of

SAMPLES = 20
"""Blocks that are compared with their surroundings, spread over the board."""
ALIKE = 0.5
"""Mean correlation of the samples with what lies a step further, from which the board repeats itself: with half of it
unlike a map would be refused anyway."""
NEAREST, APART, MOST = 4, 3, 8
"""Pixels: a shorter step is the same place, steps closer to each other are one; and the most steps that are tried."""
CELL = 16
"""Pixels of a place that votes, across and along."""
BLUR = 1.5
CLEARLY = 0.5
"""A place votes for the map with which it differs less from the golden board by so much of the board's contrast."""
LEAST_VOTES = 2
REFINING_STEPS = 3

Floats = NDArray[np.float32]
Step = tuple[float, float]


def steps_of(golden: Pixels, reach: int, lines: int) -> list[Step]:
    """Return the steps (x, y) within `reach` pixels after which a board looks the same, the likest first.

    Parameters
    ----------
    lines
        So many of the board are in: what is below them tells nothing yet.
    """
    places = places_of(golden)
    places = places[places[:, 1] < lines]
    chosen = places[:: max(1, len(places) // SAMPLES)]
    padded = cv2.copyMakeBorder(golden, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    total, seen = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32), 0
    for x, y in chosen:
        block = golden[y - HALF : y + HALF, x - HALF : x + HALF]
        around = padded[y - HALF : y + HALF + 2 * reach, x - HALF : x + HALF + 2 * reach]
        total += cv2.matchTemplate(around, block, cv2.TM_CCOEFF_NORMED)
        seen += 1
    score = np.asarray(total / max(1, seen), np.float32)
    # Only what is better than its surroundings is a step: near the place itself everything still looks alike.
    score[score < cv2.dilate(score, np.ones((2 * APART + 1, 2 * APART + 1), np.uint8))] = -1.0
    found: list[Step] = []
    _forget(score, reach, reach, NEAREST)
    while len(found) < MOST:
        _, best, _, (column, row) = cv2.minMaxLoc(score)
        if best < ALIKE:
            break
        found.append((float(column - reach), float(row - reach)))
        _forget(score, column, row, APART)
    return found


def better_step(golden: Pixels, scan: Pixels, matrix: Matrix, steps: list[Step]) -> tuple[Matrix | None, Step | None]:
    """Compare a map with those that are a step off.

    Returns
    -------
    better
        A map that fits clearly better; None where there is none.
    doubtful
        A step that fits as well as the map does; None where there is none.
    """
    places, lines = places_of(golden), scan.shape[0]
    doubtful = None
    for step in steps:
        start = np.column_stack([matrix[:, :2], matrix[:, 2] + matrix[:, :2] @ np.array(step)])
        moved = dense_fit(golden, scan, start, lines, REFINING_STEPS, places).matrix
        if np.linalg.norm(moved[:, 2] - matrix[:, 2]) < NEAREST:
            continue
        lead = _votes(golden, scan, matrix, moved)
        if lead <= -LEAST_VOTES:
            return moved, None
        if lead < LEAST_VOTES:
            doubtful = doubtful or step
    return None, doubtful


def _votes(golden: Pixels, scan: Pixels, one: Matrix, other: Matrix) -> int:
    """Return how many more places vote for the one map than for the other, where both lay the board onto the scan."""
    size = scan.shape[1], scan.shape[0]
    seen = cv2.GaussianBlur(scan, (0, 0), BLUR).astype(np.float32)
    soft = cv2.GaussianBlur(golden, (0, 0), BLUR)
    within = np.full(golden.shape, 255, np.uint8)
    covered = np.all([cv2.warpAffine(within, m, size, flags=cv2.INTER_NEAREST) for m in (one, other)], axis=0)
    if np.count_nonzero(covered) < CELL * CELL:
        return 0
    contrast = max(1.0, float(seen[covered].std()))
    far = []
    for matrix in (one, other):
        wanted = cv2.warpAffine(soft, matrix, size, flags=cv2.INTER_LINEAR).astype(np.float32)
        # The light of a scan is not that of the golden board.
        gain, offset = np.polyfit(wanted[covered], seen[covered], 1)
        far.append(_cells(np.where(covered, np.abs(seen - gain * wanted - offset), 0)))
    nearer = (far[1] - far[0]) / contrast
    return int(np.sum(nearer > CLEARLY)) - int(np.sum(nearer < -CLEARLY))


def _cells(difference: Floats) -> Floats:
    rows, columns = (side // CELL for side in difference.shape)
    return np.asarray(
        difference[: rows * CELL, : columns * CELL].reshape(rows, CELL, columns, CELL).mean((1, 3)), np.float32
    )


def _forget(score: Floats, x: int, y: int, around: int) -> None:
    score[max(0, y - around) : y + around + 1, max(0, x - around) : x + around + 1] = -1.0
