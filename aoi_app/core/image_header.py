"""Size of an image, and how it is to be turned, from the head of its file, before anything is decoded."""

from __future__ import annotations

import mmap
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

Size = tuple[int, int]
"""Width and height, pixels."""

Data = bytes | mmap.mmap
"""A file: a TIFF may keep its size anywhere in it."""


def image_size(data: Data) -> Size | None:
    """Return width and height of a PNG, JPEG, BMP, TIFF, WebP, JPEG 2000 or PNM; None for others, and broken ones.

    As it is shown: after the turn that `orientation` asks for.
    """
    for magic, read in _READERS:
        if data[: len(magic)] == magic:
            try:
                size = read(data)
            except (struct.error, IndexError):
                return None
            return size[::-1] if size is not None and orientation(data) >= SIDEWAYS else size
    return None


def orientation(data: Data) -> int:
    """Return how an image is to be turned before it is shown, 1 (not at all) to 8, as EXIF and TIFF count.

    Cameras that are held upright write it, and viewers and label tools follow it.
    """
    for magic, find in _EXIF:
        if data[: len(magic)] == magic:
            try:
                told = _orientation_tag(find(data))
            except (struct.error, IndexError):
                return 1
            return told if 1 <= told <= 8 else 1
    return 1


def _orientation_tag(exif: bytes | Data) -> int:
    layout = _TIFFS.get(exif[:4])
    if layout is None:
        return 1
    return layout.directory(exif, layout.start(exif))[0].get(_ORIENTATION, (SHORT, 1))[1]


def _png_exif(data: Data) -> bytes:
    at = 8
    while (kind := data[at + 4 : at + 8]) not in (b"IDAT", b""):
        length = struct.unpack_from(">I", data, at)[0]
        if kind == b"eXIf":
            return data[at + 8 : at + 8 + length]
        at += 12 + length
    # Some programs write it behind the picture; its checksum tells it from four letters in between.
    at = data.rfind(b"eXIf", max(0, len(data) - LATE_EXIF)) - 4
    if at < 0:
        return b""
    length = struct.unpack_from(">I", data, at)[0]
    whole = struct.unpack_from(">I", data, at + 8 + length)[0] == zlib.crc32(data[at + 4 : at + 8 + length])
    return data[at + 8 : at + 8 + length] if whole else b""


def _jpeg_exif(data: Data) -> bytes:
    at = 2
    while data[at] == 0xFF and data[at + 1] != 0xDA:
        length = struct.unpack_from(">H", data, at + 2)[0]
        if data[at + 1] == 0xE1 and data[at + 4 : at + 10] == b"Exif\0\0":
            return data[at + 10 : at + 2 + length]
        at += 2 + length
    return b""


def _webp_exif(data: Data) -> bytes:
    at = 12
    while kind := data[at : at + 4]:
        length = struct.unpack_from("<I", data, at + 4)[0]
        if kind == b"EXIF":
            return data[at + 8 : at + 8 + length].removeprefix(b"Exif\0\0")
        at += 8 + length + length % 2
    return b""


def jpeg_is_whole(data: bytes) -> bool:
    """Tell whether a JPEG has its end mark after its picture. Decoders fill up a truncated one with grey lines."""
    start = data.rfind(b"\xff\xda")
    return start >= 0 and data.rfind(b"\xff\xd9") > start


def _png(data: Data) -> Size:
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _bmp(data: Data) -> Size:
    if struct.unpack_from("<I", data, 14)[0] == 12:
        width, height = struct.unpack_from("<HH", data, 18)
    else:
        width, height = struct.unpack_from("<ii", data, 18)
    return abs(width), abs(height)


def _jpeg(data: Data) -> Size | None:
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


SIDEWAYS = 5
"""Orientations from here on exchange width and height."""
LATE_EXIF = 1 << 16
"""Bytes at the end of a PNG in which an orientation is looked for."""
_SUBFILE, _WIDTH, _HEIGHT, _ORIENTATION = 254, 256, 257, 274
_REDUCED, _MASK = 1, 4
"""Of the kinds of pictures in a TIFF."""
SHORT = 3
MAX_PAGES = 1000


@dataclass(frozen=True, slots=True)
class _Tiff:
    """Layout of a TIFF: byte order, where its first directory is told, and the types of a place and of a count."""

    order: str
    first: int = 4
    place: str = "I"
    count: str = "H"
    entry: int = 12
    value: int = 8

    def directory(self, data: Data, place: int) -> tuple[dict[int, tuple[int, int]], int]:
        """Return tag -> (type, value or where it is) of a directory, and where the next one is; 0 after the last."""
        entries: dict[int, tuple[int, int]] = {}
        count = struct.unpack_from(self.order + self.count, data, place)[0]
        start = place + struct.calcsize(self.order + self.count)
        for index in range(count):
            entry = start + self.entry * index
            tag, kind = struct.unpack_from(self.order + "HH", data, entry)
            value = "H" if kind == SHORT else self.place if kind in _LONG8 else "I"
            entries[tag] = kind, struct.unpack_from(self.order + value, data, entry + self.value)[0]
        end = start + self.entry * count
        whole = len(data) >= end + struct.calcsize(self.order + self.place)
        return entries, struct.unpack_from(self.order + self.place, data, end)[0] if whole else 0

    def start(self, data: Data) -> int:
        """Return where the first directory is."""
        return int(struct.unpack_from(self.order + self.place, data, self.first)[0])


_LONG8 = (16, 17, 18)
"""Types of eight bytes."""
_TIFFS = {
    b"II*\0": _Tiff("<"),
    b"MM\0*": _Tiff(">"),
    b"II+\0": _Tiff("<", 8, "Q", "Q", 20, 12),
    b"MM\0+": _Tiff(">", 8, "Q", "Q", 20, 12),
}
"""By the first four bytes; the last two are BigTIFF."""


def tiff_entries(data: Data) -> tuple[str, dict[int, tuple[int, int]]]:
    """Return the byte order of a TIFF, and tag -> (type, value or where it is) of its first directory."""
    layout = _TIFFS[data[:4]]
    return layout.order, layout.directory(data, layout.start(data))[0]


def tiff_pages(data: Data) -> int:
    """Return how many pictures a TIFF holds, without smaller copies and masks of them; 1 for what is no TIFF.

    A directory that is broken ends the count: to decode it is another's task.
    """
    layout, pages, seen = _TIFFS.get(data[:4]), 0, set[int]()
    if layout is None:
        return 1
    try:
        place = layout.start(data)
        while place and place not in seen and pages < MAX_PAGES:
            seen.add(place)
            entries, place = layout.directory(data, place)
            pages += not entries.get(_SUBFILE, (0, 0))[1] & (_REDUCED | _MASK)
    except struct.error:
        pass
    return max(pages, 1)


def _tiff(data: Data) -> Size | None:
    _, entries = tiff_entries(data)
    return (entries[_WIDTH][1], entries[_HEIGHT][1]) if {_WIDTH, _HEIGHT} <= set(entries) else None


def _webp(data: Data) -> Size | None:
    kind = data[8:16] if len(data) >= 30 else b""
    if kind == b"WEBPVP8X":
        wide, high = (int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        return wide + 1, high + 1
    if kind == b"WEBPVP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"WEBPVP8 ":
        wide, high = struct.unpack_from("<HH", data, 26)
        return wide & 0x3FFF, high & 0x3FFF
    return None


def _jp2(data: Data) -> Size | None:
    at = data.find(b"ihdr", 0, 256)
    if at < 0:
        return None
    high, wide = struct.unpack_from(">II", data, at + 4)
    return wide, high


def _pnm(data: Data) -> Size | None:
    numbers = _PNM.match(data[:1024])
    return (int(numbers[1]), int(numbers[2])) if numbers else None


_GAP = rb"(?:\s|#[^\n]*\n)+"
_PNM = re.compile(rb"P[1-6]" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,9})\s")

_READERS: tuple[tuple[bytes, Callable[[Data], Size | None]], ...] = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\xff\xd8\xff", _jpeg),
    (b"BM", _bmp),
    *((magic, _tiff) for magic in _TIFFS),
    (b"RIFF", _webp),
    (b"\0\0\0\x0cjP  ", _jp2),
    *((b"P%d" % number, _pnm) for number in range(1, 7)),
)

_EXIF: tuple[tuple[bytes, Callable[[Data], bytes | Data]], ...] = (
    (b"\x89PNG\r\n\x1a\n", _png_exif),
    (b"\xff\xd8\xff", _jpeg_exif),
    *((magic, lambda data: data) for magic in _TIFFS),
    (b"RIFF", _webp_exif),
)
