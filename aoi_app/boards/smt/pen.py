"""Drawing in millimetres, turned and moved, onto a part of the picture."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from aoi_app.boards.drawn import Image

Colour = tuple[int, int, int]
"""Red, green, blue."""

_SHIFT = 4


def tinted(colour: Colour, factor: float) -> Colour:
    """Return a colour made brighter or darker by `factor`."""
    red, green, blue = (min(255, max(0, round(c * factor))) for c in colour)
    return red, green, blue


class Pen:
    """Draws shapes given in millimetres around a part's centre.

    Parameters
    ----------
    picture
        (lines, width, 3) uint8 that is drawn on.
    centre
        Where the part's centre lies in `picture`, x y pixels.
    px_per_mm
        Resolution.
    rotation
        Degrees, anticlockwise as seen in the picture.
    """

    def __init__(self, picture: Image, centre: tuple[float, float], px_per_mm: float, rotation: float = 0.0) -> None:
        self.picture = picture
        self.px_per_mm = px_per_mm
        turn = np.deg2rad(rotation)
        cosine, sine = np.cos(turn), np.sin(turn)
        self._matrix = np.array([[cosine, -sine], [sine, cosine]]) * px_per_mm
        self._centre = np.array(centre, np.float64)

    def to_pixels(self, points: ArrayLike) -> NDArray[np.float64]:
        """Return points (n, 2) millimetres as picture pixels, (n, 2)."""
        placed: NDArray[np.float64] = np.asarray(points, np.float64) @ self._matrix + self._centre
        return placed

    def polygon(self, points: ArrayLike, colour: Colour) -> None:
        """Fill a polygon."""
        cv2.fillPoly(self.picture, [self._fixed(points)], colour, cv2.LINE_AA, _SHIFT)

    def rectangle(self, x: float, y: float, width: float, height: float, colour: Colour, round_by: float = 0.0) -> None:
        """Fill a rectangle around (x, y), with corners rounded by `round_by` millimetres."""
        self.polygon(rectangle(x, y, width, height, round_by), colour)

    def line(self, points: ArrayLike, width: float, colour: Colour, closed: bool = False) -> None:
        """Draw a line `width` millimetres wide, at least one pixel."""
        thickness = max(1, round(width * self.px_per_mm))
        cv2.polylines(self.picture, [self._fixed(points)], closed, colour, thickness, cv2.LINE_AA, _SHIFT)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """Fill a circle."""
        at = self._fixed([[x, y]])[0]
        cv2.circle(
            self.picture,
            (int(at[0]), int(at[1])),
            max(1, round(radius * self.px_per_mm * (1 << _SHIFT))),
            colour,
            -1,
            cv2.LINE_AA,
            _SHIFT,
        )

    def text(self, x: float, y: float, height: float, text: str, colour: Colour, strength: float = 1.0) -> None:
        """Write `text` centred at (x, y), its capitals `height` millimetres tall; too small to read is left out."""
        if height * self.px_per_mm < 4 or not text:
            return
        letters = _letters(text)
        scale = height / _CAPITAL
        middle = np.array([letters.shape[1] / 2, letters.shape[0] / 2])
        corners = np.array([[0, 0], [letters.shape[1], 0], [0, letters.shape[0]]], np.float64)
        placed = self.to_pixels((corners - middle) * scale + (x, y)).astype(np.float32)
        matrix = cv2.getAffineTransform(corners.astype(np.float32), placed)
        reach = np.concatenate([placed, placed[1:2] + placed[2:3] - placed[0:1]])
        low = np.maximum(np.floor(reach.min(axis=0)).astype(int), 0)
        high = np.minimum(np.ceil(reach.max(axis=0)).astype(int) + 1, self.picture.shape[1::-1])
        if (high <= low).any():
            return
        matrix[:, 2] -= low
        size = (int(high[0] - low[0]), int(high[1] - low[1]))
        shrink = scale * self.px_per_mm
        source = cv2.GaussianBlur(letters, (0, 0), 0.4 / shrink) if shrink < 0.7 else letters
        cover = cv2.warpAffine(source, matrix, size, flags=cv2.INTER_LINEAR).astype(np.float32)[..., None]
        part = self.picture[low[1] : high[1], low[0] : high[0]]
        part += ((np.array(colour, np.float32) - part) * cover * (strength / 255)).astype(np.int16).astype(np.uint8)

    def shade(self, points: ArrayLike, factor: float, softness: float) -> None:
        """Darken a polygon (a shadow) to `factor` of its light, with an edge `softness` millimetres wide."""
        fixed = self._fixed(points)
        blur = max(1.0, softness * self.px_per_mm)
        more = int(3 * blur) + 2
        low = np.maximum((fixed.min(axis=0) >> _SHIFT) - more, 0)
        high = np.minimum((fixed.max(axis=0) >> _SHIFT) + more, self.picture.shape[1::-1])
        if (high <= low).any():
            return
        cover = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
        cv2.fillPoly(cover, [fixed - (low << _SHIFT)], 255, cv2.LINE_AA, _SHIFT)
        light = 1 - cv2.GaussianBlur(cover, (0, 0), blur).astype(np.float32)[..., None] * ((1 - factor) / 255)
        part = self.picture[low[1] : high[1], low[0] : high[0]]
        part[...] = part * light

    def _fixed(self, points: ArrayLike) -> NDArray[np.int32]:
        return np.round(self.to_pixels(points) * (1 << _SHIFT)).astype(np.int32)


@lru_cache(maxsize=8192)
def rectangle(x: float, y: float, width: float, height: float, round_by: float = 0.0) -> NDArray[np.float64]:
    """Return a rectangle's outline around (x, y), (n, 2); shared, not to be changed."""
    w, h = width / 2, height / 2
    cut = min(round_by, w, h)
    if cut <= 0:
        return np.array([[x - w, y - h], [x + w, y - h], [x + w, y + h], [x - w, y + h]])
    turns = np.linspace(0, np.pi / 2, 4)
    corners: Sequence[tuple[float, int, int]] = (
        (0.0, 1, 1),
        (np.pi / 2, -1, 1),
        (np.pi, -1, -1),
        (3 * np.pi / 2, 1, -1),
    )
    return np.concatenate(
        [
            np.stack(
                [x + sx * (w - cut) + cut * np.cos(turns + turn), y + sy * (h - cut) + cut * np.sin(turns + turn)], 1
            )
            for turn, sx, sy in corners
        ]
    )


_CAPITAL = 22.0  # height of a capital letter of the font below, pixels


@lru_cache(maxsize=512)
def _letters(text: str) -> Image:
    """Return `text` white on black, (h, w) uint8."""
    (width, height), base = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 3)
    sheet = np.zeros((height + base + 4, width + 6), np.uint8)
    cv2.putText(sheet, text, (3, height + 2), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 255, 3, cv2.LINE_AA)
    sheet.flags.writeable = False
    return sheet
