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


_TIFF = (b"II*\0", b"MM\0*")
_SUBFILE, _WIDTH, _HEIGHT = 254, 256, 257
_REDUCED, _MASK = 1, 4
"""Of the kinds of pictures in a TIFF."""
SHORT = 3
MAX_PAGES = 1000


def tiff_entries(data: bytes) -> tuple[str, dict[int, tuple[int, int]]]:
    """Return the byte order of a TIFF, and tag -> (type, value or where it is) of its first directory."""
    order = "<" if data[:2] == b"II" else ">"
    return order, _directory(data, order, struct.unpack_from(order + "I", data, 4)[0])[0]


def tiff_pages(data: bytes) -> int:
    """Return how many pictures a TIFF holds, without smaller copies and masks of them; 1 for what is no TIFF.

    A directory that is broken ends the count: to decode it is another's task.
    """
    if not data.startswith(_TIFF):
        return 1
    order, pages, seen = "<" if data[:2] == b"II" else ">", 0, set[int]()
    try:
        place = struct.unpack_from(order + "I", data, 4)[0]
        while place and place not in seen and pages < MAX_PAGES:
            seen.add(place)
            entries, place = _directory(data, order, place)
            pages += not entries.get(_SUBFILE, (0, 0))[1] & (_REDUCED | _MASK)
    except struct.error:
        pass
    return max(pages, 1)


def _directory(data: bytes, order: str, place: int) -> tuple[dict[int, tuple[int, int]], int]:
    """Return the entries of a directory, and where the next one is; 0 after the last."""
    entries: dict[int, tuple[int, int]] = {}
    count = struct.unpack_from(order + "H", data, place)[0]
    for index in range(count):
        entry = place + 2 + 12 * index
        tag, kind = struct.unpack_from(order + "HH", data, entry)
        entries[tag] = kind, struct.unpack_from(order + ("H" if kind == SHORT else "I"), data, entry + 8)[0]
    end = place + 2 + 12 * count
    return entries, struct.unpack_from(order + "I", data, end)[0] if len(data) >= end + 4 else 0


def _tiff(data: bytes) -> Size | None:
    _, entries = tiff_entries(data)
    return (entries[_WIDTH][1], entries[_HEIGHT][1]) if {_WIDTH, _HEIGHT} <= set(entries) else None


_READERS: tuple[tuple[bytes, Callable[[bytes], Size | None]], ...] = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\xff\xd8\xff", _jpeg),
    (b"BM", _bmp),
    *((magic, _tiff) for magic in _TIFF),
)
