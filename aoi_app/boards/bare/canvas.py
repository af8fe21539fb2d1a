"""The sheet that copper is drawn on, with a coarse map of what is taken."""

from __future__ import annotations

import cv2
import numpy as np

from aoi_app.boards.bare.paths import Points
from aoi_app.boards.drawn import Image

_SHIFT = 4  # fractional bits of cv2's drawing coordinates
_CELL = 8.0  # side of a cell of the coarse map, pixels at 48 px/mm


def _fixed(points: Points) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    return np.round(points * (1 << _SHIFT)).astype(np.int32)


class Canvas:
    """Copper (255) on laminate (0).

    Items are drawn twice: once as copper, once, wider by the clearance, as the place that a copper pour keeps away
    from. A map of 1/8 of the resolution tells where there is room for another item.

    Attributes
    ----------
    copper
        (lines, width) uint8.
    keepout
        (lines, width) uint8, 255 where no pour may come.
    scale
        Pixels per pixel of the design, which is made at 48 px/mm.
    """

    def __init__(self, width: int, lines: int, scale: float, clearance: float) -> None:
        self.copper: Image = np.zeros((lines, width), np.uint8)
        self.keepout: Image = np.zeros((lines, width), np.uint8)
        self.scale = scale
        self.clearance = clearance
        self._cell = max(2.0, _CELL * scale)
        cells = (int(lines / self._cell) + 2, int(width / self._cell) + 2)
        self._taken: Image = np.zeros(cells, np.uint8)

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self.copper.shape[1])

    @property
    def lines(self) -> int:
        """Pixels down."""
        return int(self.copper.shape[0])

    def line_is_free(self, path: Points, thickness: float) -> bool:
        """Tell whether nothing lies within `thickness` / 2 and the clearance of `path`."""
        half = thickness / 2 + self.clearance
        low = np.maximum(((path.min(axis=0) - half) / self._cell).astype(int) - 1, 0)
        high = np.maximum(((path.max(axis=0) + half) / self._cell).astype(int) + 2, 0)
        taken = self._taken[low[1] : high[1], low[0] : high[0]]
        if taken.size == 0 or not taken.any():
            return taken.size > 0
        trial = np.zeros_like(taken)
        cv2.polylines(
            trial, [_fixed(path / self._cell - low)], False, 255, max(1, round(2 * half / self._cell)), 8, _SHIFT
        )
        return not bool(cv2.bitwise_and(trial, taken).any())

    def take_line(self, path: Points, thickness: float) -> None:
        """Mark the place of a line as taken."""
        cells = max(1, round(thickness / self._cell + 0.5))
        cv2.polylines(self._taken, [_fixed(path / self._cell)], False, 255, cells, 8, _SHIFT)

    def rectangle_is_free(self, centre: tuple[float, float], size: tuple[float, float]) -> bool:
        """Tell whether an upright rectangle and its clearance touch nothing."""
        x1, y1, x2, y2 = self._cells(centre, size, self.clearance)
        part = self._taken[y1:y2, x1:x2]
        return part.size > 0 and not bool(part.any())

    def take_rectangle(self, centre: tuple[float, float], size: tuple[float, float]) -> None:
        """Mark an upright rectangle as taken."""
        x1, y1, x2, y2 = self._cells(centre, size, 0.0)
        self._taken[y1:y2, x1:x2] = 255

    def _cells(self, centre: tuple[float, float], size: tuple[float, float], more: float) -> tuple[int, int, int, int]:
        x, y = centre
        w, h = size[0] / 2 + more, size[1] / 2 + more
        return (
            max(0, int((x - w) / self._cell)),
            max(0, int((y - h) / self._cell)),
            max(0, int((x + w) / self._cell) + 1),
            max(0, int((y + h) / self._cell) + 1),
        )

    def line(self, path: Points, thickness: float) -> None:
        """Draw a track with round ends."""
        points = [_fixed(path)]
        cv2.polylines(self.copper, points, False, 255, max(1, round(thickness)), 8, _SHIFT)
        cv2.polylines(self.keepout, points, False, 255, max(1, round(thickness + 2 * self.clearance)), 8, _SHIFT)

    def polygon(self, corners: Points) -> None:
        """Draw a filled polygon."""
        points = _fixed(corners)
        cv2.fillPoly(self.copper, [points], 255, 8, _SHIFT)
        cv2.fillPoly(self.keepout, [points], 255, 8, _SHIFT)
        cv2.polylines(self.keepout, [points], True, 255, max(1, round(2 * self.clearance)), 8, _SHIFT)

    def disc(self, centre: tuple[float, float], radius: float) -> None:
        """Draw a round pad."""
        self._circle(self.copper, centre, radius, 255)
        self._circle(self.keepout, centre, radius + self.clearance, 255)

    def hole(self, centre: tuple[float, float], radius: float) -> None:
        """Take the copper away within a circle (a drill hole)."""
        self._circle(self.copper, centre, radius, 0)

    def slot(self, path: Points, thickness: float, centre: tuple[float, float], size: tuple[float, float]) -> None:
        """Take the copper away along a line, within an upright rectangle (a slot in a plane)."""
        low = np.maximum(np.array(centre) - np.array(size) / 2, 0).astype(int)
        high = np.maximum(np.array(centre) + np.array(size) / 2, 0).astype(int) + 1
        part = np.ascontiguousarray(self.copper[low[1] : high[1], low[0] : high[0]])
        if part.size:
            cv2.polylines(part, [_fixed(path - low)], False, 0, max(1, round(thickness)), 8, _SHIFT)
            self.copper[low[1] : high[1], low[0] : high[0]] = part

    def pour(self, corners: Points) -> None:
        """Fill a polygon with copper that keeps its clearance from everything drawn so far."""
        low = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
        high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1, (self.width, self.lines))
        if (high <= low).any():
            return
        part = np.s_[low[1] : high[1], low[0] : high[0]]
        sheet = np.zeros(self.copper[part].shape, np.uint8)
        cv2.fillPoly(sheet, [_fixed(corners - low)], 255, 8, _SHIFT)
        cv2.bitwise_and(sheet, cv2.bitwise_not(self.keepout[part]), dst=sheet)
        cv2.bitwise_or(self.copper[part], sheet, dst=self.copper[part])

    @staticmethod
    def _circle(sheet: Image, centre: tuple[float, float], radius: float, value: int) -> None:
        x, y = (round(v * (1 << _SHIFT)) for v in centre)
        cv2.circle(sheet, (x, y), round(radius * (1 << _SHIFT)), value, -1, 8, _SHIFT)
