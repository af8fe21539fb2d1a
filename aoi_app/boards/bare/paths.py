"""Tracks: paths that bend by 45 or 90 degrees, and their parallels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""(n, 2) x y in pixels."""

STEPS = np.array([[1, 0], [1, 1], [0, 1], [-1, 1], [-1, 0], [-1, -1], [0, -1], [1, -1]], np.float64)
STEPS[1::2] /= np.sqrt(2.0)
"""The eight directions a track may run in, (8, 2), unit length."""


def random_path(
    rng: np.random.Generator, start: tuple[float, float], heading: int, bends: int, shortest: float, longest: float
) -> Points:
    """Return a path of `bends` + 1 straight pieces from `start`, (bends + 2, 2).

    Most bends are of 45 degrees, some of 90; two bends in one direction never make it turn back on itself.
    """
    points: Points = np.empty((bends + 2, 2))
    points[0] = start
    chances = rng.random((3, bends + 1))
    turned = 0
    for piece in range(bends + 1):
        length = shortest + (longest - shortest) * chances[0, piece]
        points[piece + 1] = points[piece] + STEPS[heading % 8] * length
        turn = (2 if chances[1, piece] < 0.2 else 1) * (1 if chances[2, piece] < 0.5 else -1)
        turn = -turn if abs(turned + turn) > 2 else turn
        turned += turn
        heading += turn
    return points


def parallel(path: Points, offset: float) -> Points:
    """Return the path `offset` pixels to the right of `path` (mitred at the bends), same shape."""
    along = np.diff(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    normals = np.stack([-along[:, 1], along[:, 0]], axis=1)
    joins: Points = np.empty_like(path)
    joins[0], joins[-1] = normals[0], normals[-1]
    if len(path) > 2:
        inner = normals[:-1] + normals[1:]
        joins[1:-1] = inner / (1.0 + np.sum(normals[:-1] * normals[1:], axis=1, keepdims=True))
    result: Points = path + joins * offset
    return result


def with_end(path: Points, extra: float) -> Points:
    """Return `path` with its last piece made longer by `extra` pixels."""
    last = path[-1] - path[-2]
    longer: Points = path.copy()
    longer[-1] += last / np.linalg.norm(last) * extra
    return longer
