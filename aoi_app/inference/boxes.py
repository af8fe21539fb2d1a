"""Arithmetic of boxes: overlap and suppression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]
"""(n, 4) float32, x1 y1 x2 y2."""
TIE_SCORE = 0.1
"""A candidate that is this much less sure than another does not tie with it at all."""
TIE_FROM, TIE_FULL = 0.6, 0.8
"""Nor does one that overlaps it by no more than the first; from the second on all depends on the scores."""


def areas(boxes: Boxes) -> NDArray[np.float32]:
    """Return (n,) areas; a box turned inside out has none."""
    sides = np.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    return np.asarray(sides[..., 0] * sides[..., 1], np.float32)


def intersection(a: Boxes, b: Boxes) -> Boxes:
    """Return what `a` and `b` share, pairwise (arrays that broadcast); inside out where they share nothing."""
    return np.concatenate([np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])], axis=-1)


def pair_iou(a: Boxes, b: Boxes) -> NDArray[np.float32]:
    """Return the intersection over union of the pairs `a[i]`, `b[i]` (arrays that broadcast); 0 for empty boxes."""
    shared = areas(intersection(a, b))
    union = areas(a) + areas(b) - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0), np.float32)


def iou_matrix(a: Boxes, b: Boxes) -> NDArray[np.float32]:
    """Return (len(a), len(b)) intersections over union."""
    return pair_iou(a[:, None, :], b[None, :, :])


def suppress(
    boxes: Boxes, scores: NDArray[np.float32], classes: NDArray[np.int32], iou: float
) -> tuple[NDArray[np.intp], Boxes]:
    """Non-maximum suppression within each class.

    Of two candidates that are all but equally sure the last bit of the arithmetic decides which one stays, and with it
    a pixel or two. So the one that stays is moved to the mean of itself and of those it beats that tie with it: the
    same defect then has the same box in every precision and on every device.

    Returns
    -------
    kept
        Indices of the boxes that stay, best first. Equal scores are taken in the order given, so that equal input gives
        equal output.
    settled
        Their boxes, (len(kept), 4).
    """
    order = np.argsort(-scores, kind="stable")
    ordered, kinds, sure = boxes[order], classes[order], scores[order]
    if len(order) < 2:
        return order, ordered
    overlap = iou_matrix(ordered, ordered)
    beaten = (overlap > iou) & (kinds[:, None] == kinds[None, :])
    alive, settled = np.ones(len(order), bool), ordered.copy()
    # Only boxes that beat another one need a look: few on a board with few defects.
    for index in np.flatnonzero(np.triu(beaten, 1).any(axis=1)):
        if not alive[index]:
            continue
        struck = index + 1 + np.flatnonzero(alive[index + 1 :] & beaten[index, index + 1 :])
        alive[struck] = False
        ties = tie(sure[index] - sure[struck], overlap[index, struck])
        settled[index] += (ties @ (ordered[struck] - ordered[index])) / (1 + ties.sum())
    return order[alive], settled[alive]


def tie(behind: NDArray[np.float32], overlap: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how much candidates tie with a better one, 0 to 1: less the further `behind` they are, and the less they
    overlap it; without a step, for a step would be another place where the last bit decides."""
    near = np.clip((overlap - TIE_FROM) / (TIE_FULL - TIE_FROM), 0, 1)
    return np.asarray(np.maximum(1 - behind / TIE_SCORE, 0) * near, np.float32)
