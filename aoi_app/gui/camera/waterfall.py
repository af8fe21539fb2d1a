"""The newest lines of a camera as one picture, small enough for a screen. Pure."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np

from aoi_app.core.scan import Pixels

COLUMNS = 1_200
ROWS = 900


class Waterfall:
    """Lines as they come, the newest below; reduced by a whole factor both ways."""

    def __init__(self) -> None:
        self._strips: deque[Pixels] = deque()
        self._rows = 0

    def add(self, pixels: Pixels) -> None:
        """Take a block, (lines, width[, 3]), of at least one line; of another shape than before it begins anew."""
        lines, width = pixels.shape[:2]
        factor = -(-width // COLUMNS)
        size = max(1, width // factor), max(1, lines // factor)
        strip = pixels if factor == 1 else np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
        if self._strips and self._strips[-1].shape[1:] != strip.shape[1:]:
            self._strips.clear()
            self._rows = 0
        self._strips.append(strip)
        self._rows += strip.shape[0]
        while self._rows - self._strips[0].shape[0] >= ROWS:
            self._rows -= self._strips.popleft().shape[0]

    def picture(self) -> Pixels | None:
        """Return the newest lines, at most `ROWS`; None before the first."""
        return np.concatenate(self._strips)[-ROWS:] if self._strips else None
