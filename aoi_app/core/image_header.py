"""Size of an image from the head of its file, before anything is decoded."""

from __future__ import annotations

import struct
from collections.abc import Callable

Size = tuple[int, int]
"""Width and height, pixels."""


def image_size(data: bytes) -> Size | None:
    """Return width and height of a PNG, JPEG, BMP or TIFF; None for what is none of these, or is broken.

    Parameters
    ----------
    data
        The file, whole or its beginning; a JPEG or TIFF may keep its size far from the beginning.
    """
    for magic, read in _READERS:
        if data.startswith(magic):
            try:
                return read(data)
            except (struct.error, IndexError):
                return None
    return None


def jpeg_is_whole(data: bytes) -> bool:
    """Tell whether a JPEG has its end mark after its picture. Decoders fill up a truncated one with grey lines."""
    start = data.rfind(b"\xff\xda")
    return start >= 0 and data.rfind(b"\xff\xd9") > start


def _png(data: bytes) -> Size:
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _bmp(data: bytes) -> Size:
    if struct.unpack_from("<I", data, 14)[0] == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return abs(width), abs(height)


def _jpeg(data: bytes) -> Size | None:
    at = 2
    while True:
        while data[at] == 0xFF:
            at += 1
        marker = data[at]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 4)
            return width, height
        if marker in (0xD9, 0xDA):
            return None
        at += 1 if 0xD0 <= marker <= 0xD8 or marker == 1 else 1 + struct.unpack_from(">H", data, at + 1)[0]
        if data[at] != 0xFF:
            return None


_WIDTH, _HEIGHT = 256, 257
SHORT = 3


def tiff_entries(data: bytes) -> tuple[str, dict[int, tuple[int, int]]]:
    """Return the byte order of a TIFF, and tag -> (type, value or where it is) of its first directory."""
    order = "<" if data[:2] == b"II" else ">"
    directory = struct.unpack_from(order + "I", data, 4)[0]
    entries: dict[int, tuple[int, int]] = {}
    for index in range(struct.unpack_from(order + "H", data, directory)[0]):
        entry = directory + 2 + 12 * index
        tag, kind = struct.unpack_from(order + "HH", data, entry)
        entries[tag] = kind, struct.unpack_from(order + ("H" if kind == SHORT else "I"), data, entry + 8)[0]
    return order, entries


def _tiff(data: bytes) -> Size | None:
    _, entries = tiff_entries(data)
    return (entries[_WIDTH][1], entries[_HEIGHT][1]) if {_WIDTH, _HEIGHT} <= set(entries) else None


_READERS: tuple[tuple[bytes, Callable[[bytes], Size | None]], ...] = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\xff\xd8\xff", _jpeg),
    (b"BM", _bmp),
    (b"II*\0", _tiff),
    (b"MM\0*", _tiff),
)
