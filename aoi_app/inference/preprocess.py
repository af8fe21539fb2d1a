"""From the pixels of a board to a network's input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from aoi_app.core.scan import Pixels
from aoi_app.inference.card import Channels
from aoi_app.inference.model import Model
from aoi_app.inference.tiling import Tile


class TileCutter:
    """Cuts tiles into one batch buffer that is used again and again.

    Parameters
    ----------
    batch
        Tiles that the buffer holds.
    """

    def __init__(self, model: Model, batch: int) -> None:
        spec = model.card.input
        self._channels = spec.channels
        self._height, self._width = model.size
        self._buffer = np.zeros(model.input_shape(batch), model.dtype)
        # Planes first, whatever the network wants: writing through this view puts them where they belong.
        self._planes = np.moveaxis(self._buffer, -1, 1) if model.channels_last else self._buffer
        # One table look-up gives scale and type in a single pass over the pixels.
        self._table = (np.arange(256, dtype=np.float32) * np.float32(spec.scale)).astype(model.dtype)
        self._scale = np.float32(spec.scale)
        self._pad, self._no_golden = self._table[spec.pad], self._table[spec.golden_missing]

    @property
    def capacity(self) -> int:
        """Tiles that the buffer holds."""
        return len(self._buffer)

    def cut(self, pixels: Pixels, lines: int, tiles: Sequence[Tile], golden: Pixels | None = None) -> NDArray[Any]:
        """Return the buffer with `tiles` in its first places; the rest is left as it is.

        Parameters
        ----------
        pixels
            The board, (capacity, width) or (capacity, width, 3) in RGB.
        lines
            Valid lines; nothing beyond them is read.
        golden
            The golden board in the same geometry, or None.
        """
        for slot, tile in enumerate(tiles):
            window = pixels[tile.y : min(tile.y + self._height, lines), tile.x : tile.x + self._width]
            planes = self._planes[slot]
            for plane, source in zip(planes, self._sources(window), strict=False):
                self._write(plane, source, self._pad)
            if self._channels is Channels.GREY_GOLDEN:
                if golden is None:
                    planes[1] = self._no_golden
                else:
                    window = golden[tile.y : min(tile.y + self._height, lines), tile.x : tile.x + self._width]
                    self._write(planes[1], _grey(window), self._no_golden)
        return self._buffer

    def _sources(self, window: Pixels) -> Sequence[Pixels]:
        if self._channels in (Channels.GREY, Channels.GREY_GOLDEN):
            return (_grey(window),)
        if window.ndim == 2:
            return (window, window, window)
        planes = tuple(np.asarray(plane, np.uint8) for plane in cv2.split(window))
        return planes if self._channels is Channels.RGB else planes[::-1]

    def _write(self, plane: NDArray[Any], source: Pixels, pad: Any) -> None:
        h, w = source.shape
        inside = plane[:h, :w]
        if plane.dtype == np.uint8 and self._scale == 1:
            inside[...] = source
        elif plane.dtype == np.float32:
            np.multiply(source, self._scale, out=inside, dtype=np.float32)
        else:
            inside[...] = self._table[source]
        if h < plane.shape[0]:
            plane[h:] = pad
        if w < plane.shape[1]:
            plane[:h, w:] = pad


def _grey(window: Pixels) -> Pixels:
    return window if window.ndim == 2 else np.asarray(cv2.cvtColor(window, cv2.COLOR_RGB2GRAY), np.uint8)
