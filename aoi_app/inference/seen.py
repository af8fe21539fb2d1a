"""Boxes as merging handles them, and which of them touch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.detection import Detections

Sides = NDArray[np.float32]
"""(4, n) float32: x1, y1, -x2, -y2 of n rectangles. What two of them share is the greater of each side, what spans
both the lesser, and one lies within the other when each of its sides is greater."""
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]
_SIGNS = np.array([[1], [1], [-1], [-1]], np.float32)
_FEW = 4096
"""So many pairs are compared sooner than sorted."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Boxes of one board.

    Attributes
    ----------
    columns
        (8, n) float32, so that boxes are picked and joined in one go: sides, scores, and the bits of three integers.
    """

    columns: NDArray[np.float32]

    @staticmethod
    def of(found: Detections, places: Index, tiles: Index) -> Seen:
        """Return detections with their places and tiles."""
        columns = np.empty((8, len(found)), np.float32)
        np.multiply(found.boxes.T, _SIGNS, out=columns[:4])
        columns[4] = found.scores
        whole = columns.view(np.int32)
        whole[5], whole[6], whole[7] = found.classes, places, tiles
        return Seen(columns)

    def __len__(self) -> int:
        return int(self.columns.shape[1])

    @property
    def sides(self) -> Sides:
        """(4, n) float32, pixels of the board."""
        return np.asarray(self.columns[:4])

    @property
    def scores(self) -> NDArray[np.float32]:
        """(n,) float32."""
        return np.asarray(self.columns[4])

    @property
    def classes(self) -> NDArray[np.int32]:
        """(n,) int32."""
        return np.asarray(self.columns[5].view(np.int32))

    @property
    def places(self) -> NDArray[np.int32]:
        """(n,) int32: where each stands in the order in which the board's boxes came."""
        return np.asarray(self.columns[6].view(np.int32))

    @property
    def tiles(self) -> NDArray[np.int32]:
        """(n,) int32: number of the tile that saw it."""
        return np.asarray(self.columns[7].view(np.int32))

    def take(self, index: Index) -> Seen:
        """Return the boxes at `index`."""
        return Seen(self.columns.take(index, axis=1))

    def where(self, mask: Mask) -> Seen:
        """Return the boxes of a (n,) mask."""
        return self.take(np.flatnonzero(mask))

    def detections(self) -> Detections:
        """Return the boxes as detections, in the order of their places."""
        ordered = self.take(np.argsort(self.places, kind="stable"))
        boxes = np.empty((len(self), 4), np.float32)
        np.multiply(ordered.sides.T, _SIGNS.T, out=boxes)
        return Detections(boxes, ordered.scores, ordered.classes)


NOTHING = Seen(np.zeros((8, 0), np.float32))


def joined(parts: Sequence[Seen]) -> Seen:
    """Return the boxes of all parts, in order."""
    some = [part for part in parts if len(part)]
    if len(some) < 2:
        return some[0] if some else NOTHING
    return Seen(np.concatenate([part.columns for part in some], axis=1))


def areas(sides: Sides) -> NDArray[np.float32]:
    """Return areas of (..., 4, n) rectangles; one turned inside out has none."""
    lengths = np.maximum(-(sides[..., :2, :] + sides[..., 2:, :]), 0)
    return np.asarray(lengths[..., 0, :] * lengths[..., 1, :], np.float32)


def touching(a: Sides, b: Sides) -> tuple[Index, Index]:
    """Return index pairs of rectangles of `a` and of `b` that touch, each once.

    Many are swept along the axis on which they are spread most.
    """
    if a.shape[1] * b.shape[1] <= _FEW:
        few_a, few_b = np.nonzero((a[:, :, None] <= _opposite(b)[:, None]).all(axis=0))
        return few_a, few_b
    axis = int(np.ptp(b[1]) > np.ptp(b[0]))
    in_b, of_a = _begun_within(b[axis], a[axis], -a[axis + 2], "left")
    in_a, of_b = _begun_within(a[axis], b[axis], -b[axis + 2], "right")
    first, second = np.concatenate([of_a, in_a]), np.concatenate([in_b, of_b])
    other = [1 - axis, 3 - axis]
    meet = a[other].take(first, axis=1) <= _opposite(b)[other].take(second, axis=1)
    found = np.flatnonzero(meet[0] & meet[1])
    return first.take(found), second.take(found)


def _opposite(sides: Sides) -> Sides:
    """Return x2, y2, -x1, -y1: a rectangle touches when none of its sides is greater."""
    return -sides[[2, 3, 0, 1]]


def _begun_within(
    starts: NDArray[np.float32], begin: NDArray[np.float32], end: NDArray[np.float32], side: Literal["left", "right"]
) -> tuple[Index, Index]:
    """Return index pairs of starts and stretches that hold them; with `side` "right" a start lies past the begin."""
    order = np.argsort(starts, kind="stable")
    rising = starts[order]
    low = np.searchsorted(rising, begin, side)
    counts = np.maximum(np.searchsorted(rising, end, "right") - low, 0)
    stretch = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(stretch)) + np.repeat(low - np.cumsum(counts) + counts, counts)
    return order[place], stretch
