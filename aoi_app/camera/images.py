"""Image files as boards: 8-bit lines, grey or colour, or a sentence that says why not."""

from __future__ import annotations

import stat
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from aoi_app.camera.decoding import damage, overheard
from aoi_app.core.errors import ImageError
from aoi_app.core.image_header import image_size, jpeg_is_whole, tiff_pages
from aoi_app.core.recipe import MAX_LENGTH_LINES, MAX_WIDTH_PX
from aoi_app.core.scan import Pixels, read_only
from aoi_app.core.upright import upright

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".jpe", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".jp2", ".pgm", ".ppm", ".pnm", ".pbm")
)
"""Names of files in a folder that are taken for boards, lower case."""

MAX_FILE_BYTES = 4 << 30
MIN_WIDTH_PX = 16
DEPTHS = (10, 12, 14, 16)
"""Bits that cameras use of a 16-bit sample."""

Window = tuple[int, int]
"""Black and white level of samples deeper than 8 bits."""


def read_board(path: Path, window: Window | None = None, max_bytes: int | None = None) -> Pixels:
    """Read an image file as a board.

    Parameters
    ----------
    path
        Any file that OpenCV reads.
    window
        Levels of a 16-bit image that become 0 and 255; None takes the smallest of 10, 12, 14 or 16 bits that holds
        its brightest sample.
    max_bytes
        Larger boards are refused before they are decoded; None for no limit but the station's own.

    Returns
    -------
    Pixels
        (lines, width) for a grey image, (lines, width, 3) RGB for a colour one; read-only. Turned as the file asks for.

    Raises
    ------
    ImageError
        Names the file, what it is, and what is expected.
    """
    data = _read_bytes(path)
    raw = np.frombuffer(data, np.uint8)
    size = image_size(data)
    if size is not None:
        _check_size(path, *size, max_bytes)
    if data.startswith(b"\xff\xd8") and not jpeg_is_whole(data):
        raise ImageError(f"{path} is cut short: the end of the picture is missing.", "Copy it again.")
    pages = tiff_pages(data)
    if pages > 1:
        raise ImageError(f"{path} holds {pages} pictures, where one board is expected.", "Save each in its own file.")
    try:
        with overheard() as said:
            decoded = cv2.imdecode(raw, cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise ImageError(f"{path} cannot be decoded: {error.err}.", "Give a PNG, JPEG, BMP or TIFF file.") from error
    if damage(said):
        raise ImageError(f"{path} is damaged ({damage(said)}): parts of the picture are wrong.", "Copy it again.")
    if decoded is None:
        raise ImageError(f"{path} is not an image that can be read.", "Give a whole PNG, JPEG, BMP or TIFF file.")
    decoded = upright(decoded, data)
    _check_size(path, decoded.shape[1], decoded.shape[0], max_bytes)
    return read_only(_colour(_eight_bit(path, decoded, window)))


def list_images(path: Path) -> list[Path]:
    """Return the image files of a folder by name, numbers in their order; of a file, the file itself.

    A link that leads nowhere is listed: it stands for a board, and must not be absent from the answers.

    Raises
    ------
    ImageError
        The folder cannot be read.
    """
    if not path.is_dir():
        return [path]
    try:
        return sorted((p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and not p.is_dir()), key=_natural)
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from error


def _natural(path: Path) -> list[tuple[int, str]]:
    digits, key = "", []
    for letter in path.name.lower() + " ":
        if letter.isascii() and letter.isdigit():
            digits += letter
            continue
        if digits:
            key.append((int(digits), ""))
            digits = ""
        key.append((-1, letter))
    return key


def _read_bytes(path: Path) -> bytes:
    try:
        found = path.stat()
        size = found.st_size
        # A pipe would keep the station waiting for ever, a device would never end.
        if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
            raise ImageError(f"{path} is not a plain file.", "Give an image file.")
        if size > MAX_FILE_BYTES:
            raise ImageError(f"{path} has {size} bytes, more than {MAX_FILE_BYTES}.", "Give one board per file.")
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror}.", "Check the path and its permissions.") from error
    if not data:
        raise ImageError(f"{path} is empty.", "Copy it again.")
    return data


def _check_size(path: Path, width: int, height: int, max_bytes: int | None) -> None:
    if not (MIN_WIDTH_PX <= width <= MAX_WIDTH_PX and 1 <= height <= MAX_LENGTH_LINES):
        raise ImageError(
            f"{path} is {width} x {height} px; a board has {MIN_WIDTH_PX} to {MAX_WIDTH_PX} px across "
            f"and 1 to {MAX_LENGTH_LINES} lines.",
            "Cut it to size.",
        )
    if max_bytes is not None and width * height > max_bytes:
        raise ImageError(
            f"{path} is {width} x {height} px, larger than a board buffer of {max_bytes} bytes.",
            "Raise the longest board of the recipe.",
        )


def _eight_bit(path: Path, pixels: NDArray[np.generic], window: Window | None) -> Pixels:
    if pixels.dtype == np.uint8:
        return pixels.astype(np.uint8, copy=False)
    if pixels.dtype != np.uint16:
        raise ImageError(
            f"{path} holds {pixels.dtype} samples; 8-bit or 16-bit ones are expected.", "Save it with 8 or 16 bits."
        )
    brightest = int(pixels.max())
    black, white = window or (0, next((1 << bits) - 1 for bits in DEPTHS if brightest < 1 << bits))
    scale = 255.0 / max(1, white - black)
    return np.asarray(cv2.convertScaleAbs(np.maximum(pixels, black), alpha=scale, beta=-black * scale), np.uint8)


def _colour(pixels: Pixels) -> Pixels:
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    if channels == 1:
        return pixels.reshape(pixels.shape[:2])
    code = cv2.COLOR_BGR2RGB if channels == 3 else cv2.COLOR_BGRA2RGB
    return np.asarray(cv2.cvtColor(pixels, code), np.uint8)
