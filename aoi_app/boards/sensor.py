"""A line-scan sensor with a fixed pattern: what makes many scans of one product quick."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from aoi_app.boards.drawn import Image
from aoi_app.boards.look import LineScanLight
from aoi_app.core.pages import own_pages

_LIGHT = LineScanLight()
_TILE_LINES = 512
_STRIP = 256


class LineSensor:
    """Gains of each pixel across, blur, and a sheet of noise that is reused from a random place on.

    Parameters
    ----------
    width
        Pixels of the line.
    channels
        1 or 3.
    """

    def __init__(self, width: int, channels: int, rng: np.random.Generator, light: LineScanLight = _LIGHT) -> None:
        self._light = light
        across = np.linspace(-1.0, 1.0, width, dtype=np.float32)
        gains = (1 - light.falloff * across**2) * (1 + light.prnu * rng.standard_normal(width, np.float32))
        self._gains: NDArray[np.uint16] = np.clip(gains * 256, 0, 511).astype(np.uint16)
        # bytes whose mean is taken off when the board is exposed: adding noise is then one saturating add
        spread = max(1, round(light.noise * 2.45))
        shape = (_TILE_LINES, width + 64) if channels == 1 else (_TILE_LINES, width + 64, channels)
        sheet = rng.integers(0, spread + 1, shape, np.uint8) + rng.integers(0, spread + 1, shape, np.uint8)
        rows = np.round(rng.standard_normal(_TILE_LINES, np.float32) * light.jitter * 128).clip(-8, 8).astype(np.int16)
        rows = rows.reshape((-1, 1) if channels == 1 else (-1, 1, 1))
        self._mean = spread + 8
        self._noise: Image = (sheet.astype(np.int16) + rows + 8).clip(0, 255).astype(np.uint8)

    @property
    def reach(self) -> int:
        """How many pixels around a change the blur carries it."""
        return int(3 * self._light.blur_px) + 1

    def expose(self, ideal: Image, left: int = 0) -> Image:
        """Return a region of the board as the sensor sees it but for the noise, whose mean is already taken off.

        Parameters
        ----------
        ideal
            (lines, width[, 3]) grey levels.
        left
            Column of the sensor at which the region begins.
        """
        soft = cv2.GaussianBlur(ideal, (0, 0), self._light.blur_px) if self._light.blur_px > 0.2 else ideal
        gains = self._gains[left : left + ideal.shape[1]]
        gains = gains if ideal.ndim == 2 else gains[:, None]
        result = np.empty_like(ideal)
        for top in range(0, ideal.shape[0], _STRIP):
            level = (soft[top : top + _STRIP].astype(np.uint32) * gains) >> 8
            result[top : top + _STRIP] = np.clip(level, self._mean, 255) - self._mean
        return result

    def still(self, exposed: Image) -> Image:
        """Return an exposed picture without noise, at its right level."""
        calm = np.empty_like(exposed)
        np.add(exposed, np.uint8(self._mean), out=calm, where=exposed <= 255 - self._mean)
        calm[exposed > 255 - self._mean] = 255
        return calm

    def noisy(self, exposed: Image, rng: np.random.Generator) -> Image:
        """Return one scan of an exposed picture: with its noise, at its right level."""
        # A board of its own for every scan: a line draws them for days.
        result = own_pages(exposed.shape)
        width = exposed.shape[1]
        for top in range(0, exposed.shape[0], _STRIP):
            strip = exposed[top : top + _STRIP]
            row, column = int(rng.integers(_TILE_LINES - _STRIP)), int(rng.integers(64))
            noise = self._noise[row : row + strip.shape[0], column : column + width]
            cv2.add(strip, noise, dst=result[top : top + _STRIP])
        return result
