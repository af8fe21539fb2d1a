"""Pictures as they are shown: turned as their files ask for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.image_header import SIDEWAYS, orientation

_TIFF = (b"II", b"MM")
_BACKWARDS = {2: (1,), 3: (0, 1), 4: (0,), 6: (1,), 7: (0, 1), 8: (0,)}
"""Axes that run backwards, after rows and columns were exchanged from `SIDEWAYS` on."""


def upright(pixels: NDArray[Any], data: bytes) -> NDArray[Any]:
    """Return the pixels (lines, width, ...) of an image file turned as the file asks for.

    Parameters
    ----------
    pixels
        As they are stored. Those of a TIFF are left alone: OpenCV turns them, whatever it is told.
    data
        The file, or its head.
    """
    turn = 1 if data[:2] in _TIFF else orientation(data)
    if turn == 1:
        return pixels
    if turn >= SIDEWAYS:
        pixels = np.swapaxes(pixels, 0, 1)
    return np.ascontiguousarray(np.flip(pixels, _BACKWARDS.get(turn, ())))
