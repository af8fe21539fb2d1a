"""Pictures that cameras and scanners mark as lying on their side are read upright, everywhere alike."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from aoi_app.camera.images import read_board
from aoi_app.core.image_header import image_size, orientation
from aoi_app.core.image_resolution import pixel_size_um
from aoi_app.gui.board.picture import read_picture as read_shown
from aoi_app.inference.calibration import read_image
from aoi_app.training.data.pictures import picture_size, read_picture

STORED = np.random.default_rng(1).integers(0, 256, (37, 53, 3), dtype=np.uint8)


def exif(turn: int, order: str = "<") -> bytes:
    start = b"II*\0" if order == "<" else b"MM\0*"
    return start + struct.pack(f"{order}IHHHIHHI", 8, 1, 0x0112, 3, 1, turn, 0, 0)


def encoded(suffix: str, *flags: int) -> bytes:
    done, data = cv2.imencode(suffix, STORED, flags)
    assert done
    return data.tobytes()


def jpeg(turn: int) -> bytes:
    """Return a JPEG with something of another program's before its EXIF."""
    data = encoded(".jpg")
    parts = [b"http://ns.adobe.com/xap/1.0/\0<x/>", b"Exif\0\0" + exif(turn, ">")]
    return data[:2] + b"".join(b"\xff\xe1" + struct.pack(">H", len(p) + 2) + p for p in parts) + data[2:]


def _chunk(turn: int) -> bytes:
    body = exif(turn)
    return struct.pack(">I", len(body)) + b"eXIf" + body + struct.pack(">I", zlib.crc32(b"eXIf" + body))


def png(turn: int) -> bytes:
    data = encoded(".png")
    return data[:33] + _chunk(turn) + data[33:]


def late_png(turn: int) -> bytes:
    """Return a PNG with its EXIF behind the picture."""
    data = encoded(".png")
    return data[:-12] + _chunk(turn) + data[-12:]


def webp(turn: int) -> bytes:
    body = exif(turn)
    head = b"VP8X" + struct.pack("<IB3x", 10, 8) + (52).to_bytes(3, "little") + (36).to_bytes(3, "little")
    inside = b"WEBP" + head + encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 101)[12:]
    inside += b"EXIF" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(inside)) + inside


def tiff(turn: int) -> bytes:
    """Return a plain TIFF of 1,000 x 2,000 pixels an inch."""
    long, short, ratio = 4, 3, 5
    entries = [
        (256, long, 53), (257, long, 37), (258, short, 8), (259, short, 1), (262, short, 1), (273, long, 0),
        (274, short, turn), (277, short, 1), (278, long, 37), (279, long, 53 * 37), (282, ratio, 0), (283, ratio, 8),
        (296, short, 2),
    ]  # fmt: skip
    end = 8 + 2 + 12 * len(entries) + 4
    places = {282: end, 283: end + 8, 273: end + 16}
    body = b"".join(
        struct.pack("<HHI", tag, kind, 1)
        + (struct.pack("<HH", value, 0) if kind == short else struct.pack("<I", places.get(tag, value)))
        for tag, kind, value in entries
    )
    dots = struct.pack("<IIII", 1000, 1, 2000, 1)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + bytes(4) + dots + STORED[..., 0].tobytes()


KINDS: dict[str, Callable[[int], bytes]] = {
    "jpeg.jpg": jpeg,
    "early.png": png,
    "late.png": late_png,
    "some.webp": webp,
    "some.tif": tiff,
}


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("name", KINDS)
def test_every_reader_turns_a_picture_as_viewers_do(name: str, turn: int, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(KINDS[name](turn))
    # OpenCV follows the mark where it is asked for plain colours; a PNG's pixels are those of all but the JPEG.
    data = path.read_bytes() if name == "jpeg.jpg" else png(turn)
    shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None and shown.shape[:2] == ((37, 53) if turn < 5 else (53, 37))
    shown = shown[..., 0] if name == "some.tif" else shown[..., ::-1]
    for read in (read_board, read_image, read_picture, lambda file: read_shown(file.read_bytes())):
        np.testing.assert_array_equal(read(path), shown)
    assert picture_size(path) == image_size(path.read_bytes()) == (shown.shape[1], shown.shape[0])


def test_the_pixel_size_turns_with_the_picture() -> None:
    assert pixel_size_um(tiff(1)) == (25.4, 12.7)
    assert pixel_size_um(tiff(6)) == (12.7, 25.4)


@pytest.mark.parametrize("name", KINDS)
def test_a_mark_that_means_nothing_turns_nothing(name: str) -> None:
    whole = KINDS[name](6)
    assert orientation(whole) == 6
    assert orientation(KINDS[name](9)) == orientation(KINDS[name](0)) == 1
    for end in range(len(whole)):
        assert orientation(whole[:end]) in (1, 6)
    damaged = whole.replace(exif(6), exif(6)[:-2] + b"\xff\xff").replace(exif(6, ">"), b"XX" + exif(6, ">")[2:])
    assert orientation(damaged) == (1 if name in ("late.png", "jpeg.jpg") else 6)
