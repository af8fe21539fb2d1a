"""Lays the golden board onto a scan: shift, rotation and stretch, to a fraction of a pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from aoi_app.core.errors import RecipeError
from aoi_app.core.scan import Pixels
from aoi_app.inference.dense_fit import BLOCK, Fit, Matrix, dense_fit, places_of
from aoi_app.inference.repeats import better_step, steps_of

COARSE_SIDE = 320
"""The search begins at the halving whose longer side is no longer than this."""
SHIFTS, APART, COARSE_STEPS = 5, 3, 5
"""So many shifts are tried at the coarsest scale, so many pixels apart, and fitted in so many steps."""
AGAIN_SCALES = 3
"""Scales that are fitted again when more lines of the same scan are in."""
LEAST_SIDE = 2 * BLOCK
LEAST_BLOCKS = 6
ALIKE = 0.6
"""Correlation from which a block shows what the golden board shows."""
LEAST_ALIKE = 0.65
"""Share of the blocks that must; defects and dirt are on the others."""
MOST_DOUBT_PX = 1.2
"""A board whose corners could lie so far off although every block is found to a pixel has too little structure."""
REPEATS_SCALE = 1
"""Halvings of the scale at which a board is compared with itself."""
MOST_REPEATS = 8
"""So many steps is a map followed to the right one."""
NEAR_PX = 5.0
"""Blocks that look alike lie no farther from where the map puts them, but for one in twenty."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a scan may differ from its golden board; more is another board, or one that lies wrongly."""

    shift_px: float = 80.0
    rotation_deg: float = 1.5
    stretch: float = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """Where the golden board lies in a scan.

    Attributes
    ----------
    matrix
        Golden (x, y, 1) -> scan (x, y).
    residual_px
        95th percentile of how far the places that look alike lie from where the matrix puts them.
    likeness
        Median correlation of the places that look alike, 0 to 1.
    matches
        Number of these places.
    """

    matrix: Matrix
    residual_px: float
    likeness: float
    matches: int

    def to_scan(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Move (n, 2) points of the golden board to the scan."""
        return np.asarray(points @ self.matrix[:, :2].T + self.matrix[:, 2], np.float64)

    def to_golden(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Move (n, 2) points of the scan to the golden board."""
        return np.asarray((points - self.matrix[:, 2]) @ np.linalg.inv(self.matrix[:, :2]).T, np.float64)

    def warped(self, golden: Pixels, first: int, last: int, width: int, beyond: int) -> Pixels:
        """Return rows `first` to `last` of the golden board in the scan's geometry; `beyond` fills what it lacks."""
        moved = self.matrix.copy()
        moved[1, 2] -= first
        fill = (beyond,) * 3
        return np.asarray(
            cv2.warpAffine(golden, moved, (width, last - first), flags=cv2.INTER_LINEAR, borderValue=fill), np.uint8
        )


IDENTITY: Matrix = np.array([[1.0, 0, 0], [0, 1, 0]])


def register(
    golden: Pixels,
    scan: Pixels,
    limits: Limits = Limits(),
    start: Registration | None = None,
) -> Registration:
    """Find the golden board in a scan, or in as much of it as is in.

    From coarse to fine: where the edges fit best, then `dense_fit` at each scale.

    Parameters
    ----------
    golden, scan
        (lines, width[, 3]) uint8; of different sizes where they must.
    start
        A registration of fewer lines of the same scan: only the finest scales are done again.

    Raises
    ------
    RecipeError
        The scan does not show this board, or not within the limits.
    """
    scales = _pyramids(_grey(golden), _grey(scan[: golden.shape[0] + round(limits.shift_px)]))
    if start is not None:
        scales, matrix = scales[:AGAIN_SCALES], start.matrix
    else:
        coarse = len(scales) - 1
        matrix = _scaled(_coarse(*scales[-1], limits.shift_px / 2**coarse), 2.0**coarse)
    fit = _refined(scales, matrix)
    doubtful_px = 0.0
    if start is None:
        fit, doubtful_px = _told_from_repeats(scales, fit, limits)
    found = _checked(fit, limits)
    if doubtful_px:
        raise _wrong_board(f"it repeats itself and may as well lie {doubtful_px:.0f} px further")
    return found


def _refined(scales: Sequence[tuple[Pixels, Pixels]], matrix: Matrix) -> Fit:
    """Fit a map at each scale, the coarsest first."""
    for level in range(len(scales) - 1, -1, -1):
        small, seen = scales[level]
        fit = dense_fit(small, seen, _scaled(matrix, 2.0**-level), seen.shape[0])
        matrix = _scaled(fit.matrix, 2.0**level)
    return fit


def _told_from_repeats(scales: Sequence[tuple[Pixels, Pixels]], fit: Fit, limits: Limits) -> tuple[Fit, float]:
    """Return the fit, or that at the right step where a board repeats itself; and how far off it may be, or 0."""
    level = min(REPEATS_SCALE, len(scales) - 1)
    golden, scan = scales[level]
    steps = steps_of(golden, round(2 * limits.shift_px / 2**level), scan.shape[0])
    for _ in range(MOST_REPEATS if steps else 0):
        better, doubtful = better_step(golden, scan, _scaled(fit.matrix, 2.0**-level), steps)
        if doubtful is not None:
            return fit, float(np.hypot(*doubtful)) * 2**level
        if better is None:
            break
        fit = _refined(scales[: level + 1], _scaled(better, 2.0**level))
    return fit, 0.0


def _scaled(matrix: Matrix, factor: float) -> Matrix:
    """Return a map between pictures that are `factor` times as large."""
    return np.column_stack([matrix[:, :2], matrix[:, 2] * factor])


def _grey(image: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8) if image.ndim == 3 else image


def _pyramids(golden: Pixels, scan: Pixels) -> list[tuple[Pixels, Pixels]]:
    scales = [(golden, scan)]
    while max(scales[-1][0].shape) > COARSE_SIDE and min(scales[-1][1].shape) > 2 * LEAST_SIDE:
        golden, scan = (np.asarray(cv2.pyrDown(image), np.uint8) for image in scales[-1])
        scales.append((golden, scan))
    return scales


def _coarse(golden: Pixels, scan: Pixels, reach: float) -> Matrix:
    """Return where the golden board lies at the coarsest scale: the best of several shifts, each fitted.

    Pads and tracks in equal steps look alike one step further, too; only the fit tells which shift is right.
    """
    best, merit, places = IDENTITY, -1.0, places_of(golden)
    for dx, dy in _shifts(golden, scan, reach):
        start = IDENTITY + np.array([[0, 0, dx], [0, 0, dy]])
        fit = dense_fit(golden, scan, start, scan.shape[0], COARSE_STEPS, places)
        if fit.merit > merit:
            best, merit = fit.matrix, fit.merit
    return best


def _shifts(golden: Pixels, scan: Pixels, reach: float) -> list[tuple[float, float]]:
    """Return the shifts at which the edges of the golden board meet those of the scan, the best first."""
    pad = int(np.ceil(reach)) + 2
    rows, columns = (min(a, b) for a, b in zip(golden.shape, scan.shape, strict=True))
    margin_y, margin_x = min(pad, rows // 4), min(pad, columns // 4)
    template = _edges(golden[margin_y : rows - margin_y, margin_x : columns - margin_x])
    field = cv2.copyMakeBorder(_edges(scan), pad, pad, pad, pad, cv2.BORDER_CONSTANT)
    y, x = margin_y, margin_x
    window = field[y : y + template.shape[0] + 2 * pad, x : x + template.shape[1] + 2 * pad]
    score = cv2.matchTemplate(window, template, cv2.TM_CCORR_NORMED)
    found = []
    for _ in range(SHIFTS):
        _, _, _, (best_x, best_y) = cv2.minMaxLoc(score)
        found.append((float(best_x - pad), float(best_y - pad)))
        around = np.s_[max(0, best_y - APART) : best_y + APART + 1, max(0, best_x - APART) : best_x + APART + 1]
        score[around] = -1.0
    return found


def _edges(image: Pixels) -> NDArray[np.float32]:
    smooth = cv2.GaussianBlur(image, (0, 0), 1.5)
    gx, gy = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    return np.asarray(cv2.magnitude(gx, gy), np.float32)


def _checked(fit: Fit, limits: Limits) -> Registration:
    """Return the registration, unless the scan shows something else or lies too far off."""
    blocks, alike = len(fit.likeness), fit.likeness >= ALIKE
    if blocks < LEAST_BLOCKS:
        raise _wrong_board(f"only {blocks} places of it are in the scan")
    if alike.sum() < max(LEAST_BLOCKS, LEAST_ALIKE * blocks):
        raise _wrong_board(f"only {int(alike.sum())} of {blocks} places of it look alike")
    if fit.doubt_px > MOST_DOUBT_PX:
        raise _wrong_board("it has too little structure to tell where it lies")
    distance = fit.distance[alike & np.isfinite(fit.distance)]
    residual = float(np.percentile(distance, 95)) if len(distance) else 0.0
    if residual > NEAR_PX:
        raise _wrong_board(f"its places lie up to {residual:.1f} px from where they should")
    (a, b, dx), (c, d, dy) = fit.matrix
    rotation = float(np.degrees(np.arctan2(c - b, a + d)))
    across, along = float(np.hypot(a, c)) - 1, float(np.hypot(b, d)) - 1
    shift = float(np.hypot(dx, dy))
    for value, most, what in (
        (abs(rotation), limits.rotation_deg, f"it is rotated by {rotation:.2f} degrees"),
        (max(abs(across), abs(along)), limits.stretch, f"it is stretched by {100 * along:.1f} %"),
        (shift, limits.shift_px * 2, f"it is shifted by {shift:.0f} px"),
    ):
        if value > most:
            raise _wrong_board(what)
    return Registration(fit.matrix, residual, float(np.median(fit.likeness[alike])), int(alike.sum()))


def _wrong_board(why: str) -> RecipeError:
    return RecipeError(
        f"The scan does not show the recipe's golden board: {why}.",
        "Check that the recipe belongs to this product and that the board lies straight.",
    )
