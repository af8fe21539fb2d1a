"""From the bytes of a camera's buffer to 8-bit lines: unpacking, window, Bayer. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from aoi_app.core.errors import FeatureError
from aoi_app.core.scan import PixelFormat, Pixels

Raw = NDArray[np.uint8] | NDArray[np.uint16]
"""(lines, width[, 3]): samples as the sensor counted them."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a pixel format lies in memory.

    Attributes
    ----------
    bits
        On the wire, a pixel.
    depth
        Significant bits of a sample.
    packing
        `plain`, `p` (12 bits, least significant first) or `packed` (12 bits, GigE Vision's own).
    bayer
        OpenCV's conversion to RGB, or None.
    """

    bits: int
    depth: int = 8
    channels: int = 1
    packing: str = "plain"
    bayer: int | None = None
    swap: bool = False


def _bayer_codes() -> Mapping[str, int]:
    # OpenCV names a pattern by the second row's second and third pixel, GenICam by the first two of the first row.
    return {
        "RG": cv2.COLOR_BayerBG2RGB,
        "GR": cv2.COLOR_BayerGB2RGB,
        "GB": cv2.COLOR_BayerGR2RGB,
        "BG": cv2.COLOR_BayerRG2RGB,
    }


LAYOUTS: Mapping[str, Layout] = {
    "Mono8": Layout(8),
    "Mono10": Layout(16, 10),
    "Mono12": Layout(16, 12),
    "Mono14": Layout(16, 14),
    "Mono16": Layout(16, 16),
    "Mono12p": Layout(12, 12, packing="p"),
    "Mono12Packed": Layout(12, 12, packing="packed"),
    "RGB8": Layout(24, channels=3),
    "BGR8": Layout(24, channels=3, swap=True),
    **{f"Bayer{name}8": Layout(8, bayer=code) for name, code in _bayer_codes().items()},
    **{
        f"Bayer{name}{depth}": Layout(16, depth, bayer=code)
        for name, code in _bayer_codes().items()
        for depth in (10, 12, 16)
    },
}
"""PFNC name -> layout."""

BAYER_ROWS = 3

ALIASES: Mapping[str, str] = {"RGB8Packed": "RGB8", "BGR8Packed": "BGR8"}
"""Names from before the PFNC."""


def layout_of(name: str) -> Layout:
    """Return the layout of a pixel format. Raises FeatureError for one that is not known."""
    layout = LAYOUTS.get(ALIASES.get(name, name))
    if layout is None:
        raise FeatureError(f"PixelFormat {name} is not supported.", f"Choose one of {', '.join(LAYOUTS)}.")
    return layout


def unpack(data: NDArray[np.uint8], width: int, layout: Layout) -> Raw:
    """Return the whole lines in `data`, (n,) uint8, as samples; a view of `data` where that is possible."""
    stride = line_bytes(width, layout)
    lines = data.shape[0] // stride
    data = data[: lines * stride]
    if layout.packing != "plain":
        return _unpack_12(data.reshape(lines, stride), layout.packing)
    if layout.channels == 3:
        rgb = data.reshape(lines, width, 3)
        return rgb[..., ::-1] if layout.swap else rgb
    if layout.bits == 16:
        return data.view("<u2").astype(np.uint16, copy=False).reshape(lines, width)
    return data.reshape(lines, width)


def line_bytes(width: int, layout: Layout) -> int:
    """Return the bytes of a line. Raises FeatureError where lines do not begin at whole bytes."""
    if width * layout.bits % 8:
        raise FeatureError(
            f"Lines of {width} px of {layout.bits} bits do not begin at whole bytes.", "Set an even Width."
        )
    return width * layout.bits // 8


def _unpack_12(data: NDArray[np.uint8], packing: str) -> NDArray[np.uint16]:
    """Return samples, (lines, width); `data` holds two of them in three bytes."""
    lines, stride = data.shape
    if data.size == 0:
        return np.empty((lines, stride // 3 * 2), np.uint16)
    # Bytes of both samples, put side by side again by OpenCV: several times as fast as 16-bit arithmetic in numpy.
    first, middle, last = (np.asarray(part, np.uint8) for part in cv2.split(data.reshape(lines, stride // 3, 3)))
    parts: tuple[NDArray[Any], ...]
    if packing == "p":
        parts = first, middle & 0x0F, middle >> 4 | last << 4, last >> 4
    else:
        parts = first << 4 | middle & 0x0F, first >> 4, last << 4 | middle >> 4, last >> 4
    return np.asarray(cv2.merge(parts)).reshape(lines, -1).view("<u2").astype(np.uint16, copy=False)


def to_eight_bit(raw: Raw, black: int, white: int, out: Pixels) -> None:
    """Write samples into `out`, of the same shape, with `black` at 0 and `white` at 255. `white` is above `black`."""
    if raw.dtype == np.uint8 and (black, white) == (0, 255):
        out[...] = raw
        return
    scale = 255.0 / (white - black)
    raised = np.maximum(raw, raw.dtype.type(black)) if black else raw
    cv2.convertScaleAbs(np.ascontiguousarray(raised), out, alpha=scale, beta=-black * scale)


def colour(pixels: Pixels, layout: Layout) -> Pixels:
    """Return RGB lines of a Bayer pattern; others as they are."""
    if layout.bayer is None:
        return pixels
    lines = pixels.shape[0]
    if lines == 0:
        return np.empty((*pixels.shape, 3), np.uint8)
    # OpenCV makes nothing of fewer than three rows: the last block of a board may be so short.
    enough = np.concatenate([pixels, *[pixels[-2:]] * BAYER_ROWS]) if lines < BAYER_ROWS else pixels
    return np.asarray(cv2.cvtColor(enough, layout.bayer), np.uint8)[:lines]


def board_format(layout: Layout) -> PixelFormat:
    """Return the pixel format of the boards that come of it."""
    return PixelFormat.RGB8 if layout.channels == 3 or layout.bayer is not None else PixelFormat.MONO8
