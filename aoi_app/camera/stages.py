"""The stages between a camera's buffer and a board: unpack, flat field, window, Bayer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aoi_app.camera.flat_field import Conditions, Corrector, FlatField
from aoi_app.camera.unpack import colour, layout_of, line_bytes, to_eight_bit, unpack
from aoi_app.core.errors import FeatureError
from aoi_app.core.scan import Pixels

Option = int | float | str | bool

MOSAIC = "mosaic"
"""Option that leaves a Bayer pattern as the sensor sees it: a flat field is captured, and applied, before colour."""

STRIP_SAMPLES = 1 << 18
"""Lines are worked on in strips of so many samples, which stay in the processor's cache from stage to stage."""


class Stages:
    """What is done to the lines of one acquisition, block by block.

    Parameters
    ----------
    conditions
        How the camera really runs.
    height
        Lines of a whole block.
    options
        `MOSAIC`; `black_level` and `white_level` in samples of the sensor (default: its whole range), and
        `flat_field`, the file of a correction.

    Raises
    ------
    FeatureError
        The pixel format is not known, it does not fit width or height, or the window is upside down.
    CameraError
        The flat field does not hold for these settings.
    """

    def __init__(self, conditions: Conditions, height: int, options: Mapping[str, Option]) -> None:
        self._width = conditions.width
        self._layout = layout_of(conditions.pixel_format)
        self._stride = line_bytes(self._width, self._layout)
        if self._layout.bayer is not None and height % 2:
            raise FeatureError(
                f"Blocks of {height} lines do not hold whole pairs of {conditions.pixel_format} lines.",
                "Set an even Height.",
            )
        self._strip = max(1, min(height, STRIP_SAMPLES // max(1, self._width * self._layout.channels)))
        if self._layout.bayer is not None:
            self._strip = max(2, self._strip // 2 * 2)
        self._keeps_mosaic = bool(options.get(MOSAIC, False))
        self._black = int(options.get("black_level", 0))
        self._white = int(options.get("white_level", (1 << self._layout.depth) - 1))
        if self._white <= self._black:
            raise FeatureError(
                f"The window runs from black_level {self._black} to white_level {self._white}.",
                "Set white_level above black_level.",
            )
        self._corrector: Corrector | None = None
        file = str(options.get("flat_field", ""))
        if file:
            field = FlatField.load(Path(file))
            field.check(conditions)
            self._corrector = Corrector(field, self._strip, self._black, self._white)

    def __call__(self, data: NDArray[np.uint8]) -> Pixels:
        """Return the whole lines in `data`, the bytes of a buffer, as 8-bit lines of their own."""
        lines = data.shape[0] // self._stride
        shape = (lines, self._width) if self._layout.channels == 1 else (lines, self._width, self._layout.channels)
        pixels: Pixels = np.empty(shape, np.uint8)
        for first in range(0, lines, self._strip):
            end = min(first + self._strip, lines)
            raw = unpack(data[first * self._stride : end * self._stride], self._width, self._layout)
            if self._corrector:
                self._corrector(raw, pixels[first:end])
            else:
                to_eight_bit(raw, self._black, self._white, pixels[first:end])
        return pixels if self._keeps_mosaic else colour(pixels, self._layout)
