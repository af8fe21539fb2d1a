"""Pixel size that an image file claims, from the head of its file."""

from __future__ import annotations

import struct
from collections.abc import Callable

from aoi_app.core.image_header import SHORT, SIDEWAYS, orientation, tiff_entries

PixelSize = tuple[float, float]
"""Micrometres a pixel, across and along."""

_INCH_UM = 25_400.0
_CM_UM = 10_000.0
NOBODYS_DPI = (72, 96)
"""What programs write that know nothing of the resolution."""
PNG_METRE = 1
_X, _Y, _UNIT = 282, 283, 296
_INCH = 2


def pixel_size_um(data: bytes) -> PixelSize | None:
    """Return the pixel size of a PNG, JPEG, BMP or TIFF; None where the file says nothing that can be believed.

    72 and 96 pixels an inch are what programs write that do not know: they are not believed.
    """
    for magic, read in _READERS:
        if data.startswith(magic):
            try:
                found = read(data)
            except (struct.error, IndexError, ZeroDivisionError):
                return None
            if found is None or not _believable(found):
                return None
            return found[::-1] if orientation(data) >= SIDEWAYS else found
    return None


def _believable(size: PixelSize) -> bool:
    dots = [_INCH_UM / side if side > 0 else 0.0 for side in size]
    return all(d > 0 for d in dots) and not all(min(abs(d - n) for n in NOBODYS_DPI) < 0.5 for d in dots)


def _png(data: bytes) -> PixelSize | None:
    at = 8
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"pHYs":
            across, along, unit = struct.unpack_from(">IIB", data, at + 8)
            return (1e6 / across, 1e6 / along) if unit == PNG_METRE else None
        if kind == b"IDAT":
            return None
        at += 12 + length
    return None


def _jpeg(data: bytes) -> PixelSize | None:
    if data[6:11] != b"JFIF\0":
        return None
    unit, across, along = struct.unpack_from(">BHH", data, 13)
    um = {1: _INCH_UM, 2: _CM_UM}.get(unit)
    return None if um is None else (um / across, um / along)


def _bmp(data: bytes) -> PixelSize | None:
    if struct.unpack_from("<I", data, 14)[0] < 40:
        return None
    across, along = struct.unpack_from("<ii", data, 38)
    return (1e6 / across, 1e6 / along) if across > 0 and along > 0 else None


def _tiff(data: bytes) -> PixelSize | None:
    order, entries = tiff_entries(data)
    sides = []
    for tag in (_X, _Y):
        if tag not in entries:
            return None
        above, below = struct.unpack_from(order + "II", data, entries[tag][1])
        sides.append(above / below)
    unit = entries[_UNIT][1] if _UNIT in entries and entries[_UNIT][0] == SHORT else _INCH
    um = {2: _INCH_UM, 3: _CM_UM}.get(unit)
    return None if um is None else (um / sides[0], um / sides[1])


_READERS: tuple[tuple[bytes, Callable[[bytes], PixelSize | None]], ...] = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\xff\xd8\xff", _jpeg),
    (b"BM", _bmp),
    (b"II*\0", _tiff),
    (b"MM\0*", _tiff),
)
