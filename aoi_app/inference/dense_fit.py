"""Fits the golden board onto a scan by the light and dark of many blocks at once, to a fraction of a pixel.

Every block votes only for what it can see: one with a single straight track tells how far the board lies across the
track and nothing of along it. So windows with little structure are laid as well as those with much.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from aoi_app.core.scan import Pixels

Matrix = NDArray[np.float64]
"""(2, 3): golden (x, y, 1) -> scan (x, y)."""
Floats = NDArray[np.float64]
Blocks = NDArray[np.float32]
"""(n, BLOCK, BLOCK)"""

BLOCK = 48
HALF = BLOCK // 2
BLUR = 1.5
MARGIN = 5
"""Pixels around a block that the blur looks at."""
GRID = 12
"""The board is divided so often in each direction; the best place of each cell is a block."""
LEAST_CONTRAST, LEAST_SHARE = 3.0, 0.25
"""Grey levels of standard deviation, and share of what the board's strongest blocks have: flatter ones hold noise."""
MOST_SIDE = 2_048
"""Where structure is, is looked for in no more pixels than this across and along; a fit reads whole blocks only."""
BEHIND, LEAST_WEIGHT = 0.2, 0.05
"""A block that is so much less alike than most has hardly a vote."""
MOST_STEPS = 8
STILL_PX = 0.02
"""The search ends when nothing on the board moves by more."""
PRIOR_TURN, PRIOR_STRETCH = np.radians(1.0), 0.01
PRIOR_NOISE_PX = 0.4
"""What a block's vote is worth against the knowledge that boards are hardly turned and stretched."""


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """How the blocks lie.

    Attributes
    ----------
    matrix
        In pixels of the scale that was fitted.
    likeness
        (n,) correlation of each block with what lies in its place, -1 to 1.
    distance
        (n,) how far each block would like to move, pixels; nan where it does not see both directions.
    blocks
        Blocks of the golden board, those beyond the scan included.
    doubt_px
        How far a corner of the board may lie elsewhere if every block errs by a pixel: large where there is too little
        structure, or only in one direction.
    """

    matrix: Matrix
    likeness: Floats
    distance: Floats
    blocks: int
    doubt_px: float

    @property
    def merit(self) -> float:
        """How much of the golden board is in the scan and looks alike, 0 to 1.

        Of two places of a pattern that repeats itself the one is better that more of the board fits on.
        """
        return float(np.clip(self.likeness, 0, 1).sum()) / max(1, self.blocks)


def places_of(golden: Pixels) -> NDArray[np.intp]:
    """Return the centres of blocks with structure, (n, 2): the best place of each cell of a grid."""
    every = -(-max(golden.shape) // MOST_SIDE)
    rows, columns = golden.shape
    golden, whole = np.ascontiguousarray(golden[::every, ::every]), golden
    edge = cv2.magnitude(cv2.Sobel(golden, cv2.CV_32F, 1, 0), cv2.Sobel(golden, cv2.CV_32F, 0, 1))
    # A block wants edges in both directions where it can have them: corners count, tracks count a little.
    corners = cv2.cornerMinEigenVal(golden, 5)
    scale = float(edge.max()) or 1.0
    both = np.asarray(edge / scale * 0.05 + corners / (float(corners.max()) or 1.0), np.float32)
    side = max(3, BLOCK // every)
    strength = cv2.boxFilter(both, -1, (side, side))
    reach = HALF + MARGIN
    ys, xs = (np.linspace(reach, size - reach, GRID + 1).astype(int) for size in (rows, columns))
    found = []
    for top, bottom in pairwise(ys):
        for left, right in pairwise(xs):
            cell = np.asarray(strength[top // every : bottom // every, left // every : right // every])
            if cell.size == 0:
                continue
            y, x = divmod(int(np.argmax(cell)), cell.shape[1])
            at = (left // every + x) * every, (top // every + y) * every
            found.append((min(max(at[0], reach), columns - reach), min(max(at[1], reach), rows - reach)))
    contrast = np.array([_blurred(whole, x, y).std() for x, y in found])
    least = max(LEAST_CONTRAST, LEAST_SHARE * float(np.percentile(contrast, 90))) if found else 0.0
    return np.array(found, np.intp).reshape(-1, 2)[contrast >= least]


def dense_fit(
    golden: Pixels,
    scan: Pixels,
    start: Matrix,
    lines: int,
    steps: int = MOST_STEPS,
    places: NDArray[np.intp] | None = None,
) -> Fit:
    """Fit shift, a small rotation and stretch along the transport.

    Four numbers only (optics fix the scale across, and a conveyor does not shear): what is known to a pixel must not
    bend the map. Gauss-Newton steps; blocks that look otherwise than the golden board lose their vote.

    Parameters
    ----------
    golden, scan
        (lines, width) uint8 at one scale.
    start
        Within two or three pixels everywhere.
    lines
        Of the scan; blocks that reach beyond it are left out.
    steps
        At most so many.
    places
        Of the golden board's blocks, where they are known already.
    """
    places = places_of(golden) if places is None else places
    matrix = start.copy()
    if not len(places):
        return Fit(matrix, np.zeros(0), np.zeros(0), 0, np.inf)
    wanted = _normalised(np.stack([_blurred(golden, x, y) for x, y in places]))
    slope_y, slope_x = (np.asarray(slope, np.float32) for slope in np.gradient(wanted, axis=(1, 2)))
    pairs = ((slope_x, slope_x), (slope_x, slope_y), (slope_y, slope_y))
    tensor = np.stack([np.einsum("nij,nij->n", a, b, dtype=np.float64) for a, b in pairs], -1)
    likeness, vote = np.zeros(len(places)), np.zeros((len(places), 2))
    inside = np.zeros(len(places), bool)
    for _ in range(steps):
        centres = places @ matrix[:, :2].T + matrix[:, 2]
        reach = HALF + MARGIN + 2
        inside = (centres >= reach).all(axis=1) & (centres < np.array([scan.shape[1], lines]) - reach).all(axis=1)
        if not inside.any():
            break
        seen = _normalised(np.stack([_warped(scan, matrix, x, y) for x, y in places[inside]]))
        difference = wanted[inside] - seen
        likeness[inside] = np.mean(wanted[inside] * seen, axis=(1, 2))
        vote[inside, 0] = np.einsum("nij,nij->n", slope_x[inside], difference)
        vote[inside, 1] = np.einsum("nij,nij->n", slope_y[inside], difference)
        # Where the board is covered, missing or defective, it looks less alike than it does elsewhere.
        behind = (np.median(likeness[inside]) - likeness) / BEHIND
        weight = np.where(inside, np.clip(1 - behind, LEAST_WEIGHT, 1.0) ** 2, 0.0)
        matrix, step = _stepped(matrix, centres, tensor, vote, weight)
        if step < STILL_PX:
            break
    doubt = _doubt(places[inside], tensor[inside], golden.shape[1], min(golden.shape[0], lines))
    return Fit(matrix, likeness[inside], _distances(tensor[inside], vote[inside]), len(places), doubt)


def _stepped(matrix: Matrix, centres: Floats, tensor: Floats, vote: Floats, weight: Floats) -> tuple[Matrix, float]:
    """Return the matrix after one step, and the greatest move that it makes at a block."""
    used = weight > 0
    middle = centres[used].mean(axis=0)
    moves, t, w = _moves(centres[used] - middle), tensor[used], weight[used]
    normal = _normal(moves, t, w)
    right = np.einsum("n,nia,ni->a", w, moves, vote[used])
    # A vote of one block weighs as its structure does; the prior weighs as a typical block that is off by some pixels.
    typical = float(np.median(t[:, 0] + t[:, 2])) / 2 * PRIOR_NOISE_PX**2
    prior = typical / np.array([PRIOR_TURN**2, PRIOR_STRETCH**2])
    (a, b), (c, d) = matrix[:, :2]
    right[:2] -= prior * (np.arctan2(c - b, a + d), np.hypot(b, d) - 1)
    normal += np.diag([*prior, typical * 1e-4, typical * 1e-4])
    turn, stretch, dx, dy = np.linalg.solve(normal, right)
    step = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn) * (1 + stretch)]])
    moved = np.column_stack([step @ matrix[:, :2], step @ (matrix[:, 2] - middle) + middle + (dx, dy)])
    change = moves @ np.array([turn, stretch, dx, dy])
    return moved, float(np.linalg.norm(change, axis=1).max())


def _moves(points: Floats) -> Floats:
    """Return how points move with turn, stretch and shift, (n, 2, 4)."""
    x, y = points.T
    zero, one = np.zeros_like(x), np.ones_like(x)
    return np.stack([np.stack([-y, zero, one, zero], -1), np.stack([x, y, zero, one], -1)], 1)


def _normal(moves: Floats, tensor: Floats, weight: Floats) -> Floats:
    a, b, c = tensor.T
    structure = np.stack([np.stack([a, b], -1), np.stack([b, c], -1)], 1)
    return np.asarray(np.einsum("n,nia,nij,njb->ab", weight, moves, structure, moves), np.float64)


def _doubt(places: NDArray[np.intp], tensor: Floats, columns: int, rows: int) -> float:
    """Return how far a corner may be off if each block errs by a pixel in the directions that it sees."""
    if not len(places):
        return np.inf
    middle = places.mean(axis=0)
    # Turn and stretch as pixels at the board's edge, so that all four numbers are of one size.
    scale = np.array([2 / max(rows, columns), 2 / max(rows, columns), 1.0, 1.0])
    normal = _normal(_moves(places - middle) * scale, tensor, np.ones(len(places)))
    typical = float(np.median(tensor[:, 0] + tensor[:, 2])) / 2
    covariance = np.linalg.inv(normal / max(typical, 1e-9) + 1e-6 * np.eye(4))
    corners = _moves(np.array([(0.0, 0.0), (columns, 0), (0, rows), (columns, rows)]) - middle) * scale
    spread = np.einsum("nia,ab,nib->ni", corners, covariance, corners)
    return float(np.sqrt(spread.max()))


def _distances(tensor: Floats, vote: Floats) -> Floats:
    """Return how far each block would still move; nan for one that does not see both directions."""
    a, b, c = tensor.T
    determinant = a * c - b * b
    clear = determinant > 0.05 * ((a + c) / 2) ** 2
    safe = np.where(clear, determinant, 1.0)
    dx, dy = (c * vote[:, 0] - b * vote[:, 1]) / safe, (a * vote[:, 1] - b * vote[:, 0]) / safe
    return np.where(clear, np.hypot(dx, dy), np.nan)


def _normalised(blocks: Blocks) -> Blocks:
    """Return blocks of mean 0 and standard deviation 1: the light does not count."""
    spread = np.maximum(blocks.std((1, 2), keepdims=True), 1e-3)
    return np.asarray((blocks - blocks.mean((1, 2), keepdims=True)) / spread, np.float32)


def _blurred(image: Pixels, x: int, y: int) -> Blocks:
    reach = HALF + MARGIN
    part = image[y - reach : y + reach, x - reach : x + reach].astype(np.float32)
    return np.asarray(cv2.GaussianBlur(part, (0, 0), BLUR)[MARGIN:-MARGIN, MARGIN:-MARGIN], np.float32)


def _warped(scan: Pixels, matrix: Matrix, x: int, y: int) -> Blocks:
    """Return what lies in a block's place on the scan, in the golden board's geometry."""
    reach = HALF + MARGIN
    corner = matrix[:, :2] @ np.array([x - reach, y - reach]) + matrix[:, 2]
    left, top = (max(0, int(v) - 4) for v in corner)
    # A part of the scan only: OpenCV moves no picture of more than 32,767 lines.
    part = scan[top : top + 2 * reach + 12, left : left + 2 * reach + 12]
    back = np.column_stack([matrix[:, :2], corner - (left, top)])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (2 * reach, 2 * reach)
    found = cv2.warpAffine(part, back, size, flags=flags, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(found, (0, 0), BLUR)[MARGIN:-MARGIN, MARGIN:-MARGIN], np.float32)
