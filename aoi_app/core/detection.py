"""Boxes that a network found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Boxes with a score and a class each.

    Attributes
    ----------
    boxes
        (n, 4) float32, x1 y1 x2 y2 in pixels of the board (or of the tile, where said so).
    scores
        (n,) float32, 0 to 1.
    classes
        (n,) int32, index into the model's class names.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    classes: NDArray[np.int32]

    def __len__(self) -> int:
        return int(self.scores.shape[0])

    @staticmethod
    def empty() -> Detections:
        """Return no boxes."""
        return _NONE

    @staticmethod
    def concatenate(parts: Sequence[Detections]) -> Detections:
        """Return the boxes of all parts, in order."""
        if not parts:
            return Detections.empty()
        return Detections(
            np.concatenate([p.boxes for p in parts]),
            np.concatenate([p.scores for p in parts]),
            np.concatenate([p.classes for p in parts]),
        )

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> Detections:
        """Return the boxes at `index` (integers or a mask)."""
        return Detections(self.boxes[index], self.scores[index], self.classes[index])

    def shifted(self, x: float, y: float) -> Detections:
        """Return the boxes moved by (x, y) pixels."""
        return Detections(self.boxes + np.array([x, y, x, y], np.float32), self.scores, self.classes)


_NONE = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int32))
