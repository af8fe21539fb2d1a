"""Lays the golden board onto a scan: shift, rotation and stretch, to a fraction of a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from aoi_app.core.errors import RecipeError
from aoi_app.core.scan import Pixels

Matrix = NDArray[np.float64]
"""(2, 3): golden (x, y, 1) -> scan (x, y)."""

COARSE_SIDE = 320
"""The search begins at the halving whose longer side is no longer than this."""
GRID = 10
PATCH = 48
HALF = PATCH // 2
ROUNDS = 12
INLIER_PX = 2.5
"""Pixels of a scale within which a place agrees with the others."""
RADIUS = 7
"""Pixels around the expected place that a patch is looked for, at every scale after the first."""
LEAST_SCORE = 0.55
LEAST_MATCHES = 8
LEAST_INLIERS = 0.5
LEAST_LIKENESS = 0.6


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
        95th percentile of how far the matched places lie from where the matrix puts them.
    likeness
        Median correlation of the matched places, 0 to 1.
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

    From coarse to fine: at each scale, well-structured patches of the golden board are looked for near the place where
    the scale before puts them, and an affine map is fitted that ignores those which disagree (defects among them).

    Parameters
    ----------
    golden, scan
        (lines, width[, 3]) uint8; of different sizes where they must.
    start
        A registration of fewer lines of the same scan: only the finest scale is done again.

    Raises
    ------
    RecipeError
        The scan does not show this board, or not within the limits.
    """
    scales = _pyramids(_grey(golden), _grey(scan[: golden.shape[0] + round(limits.shift_px)]))
    if start is not None:
        scales, matrix = scales[:1], start.matrix
    else:
        coarse = len(scales) - 1
        shift = _coarse_shift(*scales[-1], limits.shift_px / 2**coarse)
        matrix = IDENTITY + np.array([[0, 0, shift[0]], [0, 0, shift[1]]]) * 2**coarse
    found = None
    for level in range(len(scales) - 1, -1, -1):
        found = _refine(*scales[level], matrix, 2.0**level)
        matrix = found.matrix
    assert found is not None
    _check(found, limits)
    return found


def _grey(image: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8) if image.ndim == 3 else image


def _pyramids(golden: Pixels, scan: Pixels) -> list[tuple[Pixels, Pixels]]:
    scales = [(golden, scan)]
    while max(scales[-1][0].shape) > COARSE_SIDE and min(scales[-1][1].shape) > 2 * PATCH:
        golden, scan = (np.asarray(cv2.pyrDown(image), np.uint8) for image in scales[-1])
        scales.append((golden, scan))
    return scales


def _coarse_shift(golden: Pixels, scan: Pixels, reach: float) -> tuple[float, float]:
    """Return the shift at which most of the golden board looks like the scan; the edges count, not the light."""
    pad = int(np.ceil(reach)) + 2
    rows, columns = (min(a, b) for a, b in zip(golden.shape, scan.shape, strict=True))
    margin_y, margin_x = min(pad, rows // 4), min(pad, columns // 4)
    template = _edges(golden[margin_y : rows - margin_y, margin_x : columns - margin_x])
    field = cv2.copyMakeBorder(_edges(scan), pad, pad, pad, pad, cv2.BORDER_CONSTANT)
    y, x = margin_y, margin_x
    window = field[y : y + template.shape[0] + 2 * pad, x : x + template.shape[1] + 2 * pad]
    score = cv2.matchTemplate(window, template, cv2.TM_CCORR_NORMED)
    _, _, _, (best_x, best_y) = cv2.minMaxLoc(score)
    return float(best_x - pad), float(best_y - pad)


def _edges(image: Pixels) -> NDArray[np.float32]:
    smooth = cv2.GaussianBlur(image, (0, 0), 1.5)
    gx, gy = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    return np.asarray(cv2.magnitude(gx, gy), np.float32)


def _refine(golden: Pixels, scan: Pixels, matrix: Matrix, scale: float) -> Registration:
    """Match patches at one scale and fit; `matrix` and the answer are in full-size pixels."""
    places = _patches(golden)
    sources, targets, scores = [], [], []
    for x, y in places:
        full = matrix[:, :2] @ (np.array([x, y]) * scale) + matrix[:, 2]
        hit = _find(golden, scan, x, y, *(full / scale))
        if hit is not None:
            sources.append((x, y))
            targets.append(hit[:2])
            scores.append(hit[2])
    if len(sources) < LEAST_MATCHES:
        raise _wrong_board(f"only {len(sources)} of {len(places)} places of it were found")
    source, target = np.array(sources, np.float64) * scale, np.array(targets, np.float64) * scale
    fitted, kept, distance = _fit(source, target, matrix, scale)
    if kept.sum() < max(LEAST_MATCHES, LEAST_INLIERS * len(source)):
        raise _wrong_board(f"only {int(kept.sum())} of {len(source)} places of it lie where they should")
    likeness = float(np.median(np.array(scores)[kept]))
    return Registration(fitted, float(np.percentile(distance[kept], 95)), likeness, int(kept.sum()))


def _fit(
    source: NDArray[np.float64], target: NDArray[np.float64], start: Matrix, scale: float
) -> tuple[Matrix, NDArray[np.bool_], NDArray[np.float64]]:
    """Fit what can differ between two scans of a board: shift, a small rotation, stretch along the transport.

    Four numbers only (optics fix the scale across, and a conveyor does not shear): places that are known to a pixel
    must not bend the map. Places that disagree lose their weight (Tukey) from one round to the next.

    Returns
    -------
    matrix, inliers (n,), distances (n,) in pixels
    """
    matrix = start.copy()
    weight = np.ones(len(source))
    distance = np.zeros(len(source))
    n = len(source)
    for _ in range(ROUNDS):
        moved = source @ matrix[:, :2].T + matrix[:, 2]
        x, y = moved[:, 0] - moved[:, 0].mean(), moved[:, 1] - moved[:, 1].mean()
        rows = np.zeros((2 * n, 4))
        rows[:n, 0], rows[:n, 2] = -y, 1
        rows[n:, 0], rows[n:, 1], rows[n:, 3] = x, y, 1
        both = np.sqrt(np.concatenate([weight, weight]))
        residual = (target - moved).T.ravel()
        (turn, stretch, dx, dy), *_ = np.linalg.lstsq(rows * both[:, None], residual * both, rcond=None)
        step = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn) * (1 + stretch)]])
        centre = moved.mean(axis=0)
        matrix = np.column_stack([step @ matrix[:, :2], step @ (matrix[:, 2] - centre) + centre + (dx, dy)])
        distance = np.linalg.norm(target - (source @ matrix[:, :2].T + matrix[:, 2]), axis=1)
        reach = max(INLIER_PX * scale, 3 * float(np.median(distance)))
        weight = np.clip(1 - (distance / reach) ** 2, 0, None) ** 2 + 1e-9
    return matrix, distance < INLIER_PX * scale, distance


def _patches(golden: Pixels) -> list[tuple[int, int]]:
    """Return centres of patches with structure in both directions, the best one of each cell of a grid."""
    rows, columns = golden.shape
    strength = cv2.boxFilter(cv2.cornerMinEigenVal(golden, 5), -1, (PATCH, PATCH), borderType=cv2.BORDER_CONSTANT)
    found = []
    for top, bottom in _cells(rows):
        for left, right in _cells(columns):
            cell = strength[top:bottom, left:right]
            if cell.size == 0:
                continue
            best = int(np.argmax(cell))
            y, x = divmod(best, cell.shape[1])
            if cell[y, x] > 1e-6:
                found.append((left + x, top + y))
    return found


def _cells(size: int) -> list[tuple[int, int]]:
    edges = np.linspace(HALF, size - HALF, GRID + 1).astype(int)
    return list(pairwise(edges))


def _find(golden: Pixels, scan: Pixels, x: int, y: int, to_x: float, to_y: float) -> tuple[float, float, float] | None:
    """Look for the patch with centre (x, y) near (to_x, to_y); return its centre in the scan and the score."""
    left, top = round(to_x) - HALF - RADIUS, round(to_y) - HALF - RADIUS
    right, bottom = left + PATCH + 2 * RADIUS, top + PATCH + 2 * RADIUS
    if left < 0 or top < 0 or right > scan.shape[1] or bottom > scan.shape[0]:
        return None
    patch = golden[y - HALF : y + HALF, x - HALF : x + HALF]
    if patch.shape != (PATCH, PATCH):
        return None
    score = cv2.matchTemplate(scan[top:bottom, left:right], patch, cv2.TM_CCOEFF_NORMED)
    _, best, _, (at_x, at_y) = cv2.minMaxLoc(score)
    if best < LEAST_SCORE or not (0 < at_x < 2 * RADIUS and 0 < at_y < 2 * RADIUS):
        return None
    dx = _peak(*(float(v) for v in score[at_y, at_x - 1 : at_x + 2]))
    dy = _peak(*(float(v) for v in score[at_y - 1 : at_y + 2, at_x]))
    return left + HALF + at_x + dx, top + HALF + at_y + dy, float(best)


def _peak(before: float, at: float, after: float) -> float:
    """Return where a parabola through three neighbours has its top, -0.5 to 0.5 from the middle one."""
    bend = before - 2 * at + after
    return 0.0 if bend >= 0 else float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5))


def _check(found: Registration, limits: Limits) -> None:
    (a, b, dx), (c, d, dy) = found.matrix
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
    if found.likeness < LEAST_LIKENESS:
        raise _wrong_board(f"its places look alike to {100 * found.likeness:.0f} % only")


def _wrong_board(why: str) -> RecipeError:
    return RecipeError(
        f"The scan does not show the recipe's golden board: {why}.",
        "Check that the recipe belongs to this product and that the board lies straight.",
    )
