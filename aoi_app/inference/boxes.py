"""Arithmetic of boxes: overlap and suppression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]
"""(n, 4) float32, x1 y1 x2 y2."""


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


def suppress(boxes: Boxes, scores: NDArray[np.float32], classes: NDArray[np.int32], iou: float) -> NDArray[np.intp]:
    """Return the indices that non-maximum suppression within each class keeps, best first.

    Equal scores are taken in the order given, so that equal input gives equal output.
    """
    order = np.argsort(-scores, kind="stable")
    if len(order) < 2:
        return order
    ordered, kinds = boxes[order], classes[order]
    beaten = (iou_matrix(ordered, ordered) > iou) & (kinds[:, None] == kinds[None, :])
    alive = np.ones(len(order), bool)
    # Only boxes that beat another one need a look: few on a board with few defects.
    for index in np.flatnonzero(np.triu(beaten, 1).any(axis=1)):
        if alive[index]:
            alive[index + 1 :] &= ~beaten[index, index + 1 :]
    return order[alive]
