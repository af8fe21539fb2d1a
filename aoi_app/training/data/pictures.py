"""Pictures of a data set: read and written without trust in what the files claim."""

from __future__ import annotations

import mmap
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from aoi_app.core.image_header import image_size
from aoi_app.core.recipe import MAX_LENGTH_LINES, MAX_WIDTH_PX
from aoi_app.core.upright import upright
from aoi_app.training.corpus import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
"""Files that are taken for pictures."""

_FLAGS = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_IGNORE_ORIENTATION
_MAX_FILE_BYTES = 2 << 30


def picture_size(path: Path) -> tuple[int, int]:
    """Return width and height of a picture file, pixels, without decoding it where its head tells.

    Raises
    ------
    DataError
        No picture, or one larger than any board.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            size = image_size(data)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        raise _not_read(path, error) from error
    if size is None:
        picture = read_picture(path)
        return int(picture.shape[1]), int(picture.shape[0])
    _check_size(path, size)
    return size


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Return a picture file's pixels, (lines, width) grey or (lines, width, 3) RGB, 8 bits, turned as it asks for.

    Raises
    ------
    DataError
        The file cannot be read, is no picture, or claims to be larger than any board.
    """
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise DataError(f"{path} is {path.stat().st_size >> 20} MB large.", "Cut the picture into smaller ones.")
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        raise _not_read(path, error) from error
    return decode_picture(data, path)


def decode_picture(data: bytes, origin: Path | str) -> NDArray[np.uint8]:
    """Return the pixels of what stands in a picture file, as `read_picture` does.

    Parameters
    ----------
    origin
        Where it comes from, for people.

    Raises
    ------
    DataError
        It is no picture, or claims to be larger than any board.
    """
    size = image_size(data)
    if size is not None:
        _check_size(origin, size)
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), _FLAGS) if data else None
    except cv2.error as error:
        raise DataError(f"{origin} cannot be decoded: {error.err}.", "Save it again as PNG.") from error
    if picture is None:
        raise DataError(f"{origin} is no picture that can be read.", "Save it again as PNG.")
    picture = upright(picture, data)
    if picture.ndim == 3:
        picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    return np.ascontiguousarray(picture, np.uint8)


def png_of(pixels: NDArray[np.uint8]) -> bytes:
    """Return a picture as what stands in a PNG file (lossless)."""
    turned = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
    done, data = cv2.imencode(".png", turned, [cv2.IMWRITE_PNG_COMPRESSION, 4])
    if not done:
        raise DataError(
            f"A picture of {pixels.shape[1]} x {pixels.shape[0]} px cannot be encoded as PNG.",
            "Look at the picture it was made from.",
        )
    return data.tobytes()


def find_picture(folder: Path, stem: str) -> Path | None:
    """Return the picture called `stem` in `folder`, whatever its suffix; None where there is none."""
    for suffix in SUFFIXES:
        for path in (folder / f"{stem}{suffix}", folder / f"{stem}{suffix.upper()}"):
            if path.is_file():
                return path
    return None


def _not_read(path: Path, error: OSError | ValueError) -> DataError:
    why = error.strerror if isinstance(error, OSError) else None
    return DataError(f"{str(path)[:300]} cannot be read: {why or error}.", "Check the path and its rights.")


def _check_size(origin: Path | str, size: tuple[int, int]) -> None:
    if not (0 < size[0] <= MAX_WIDTH_PX and 0 < size[1] <= MAX_LENGTH_LINES):
        raise DataError(
            f"{origin} says it is {size[0]} x {size[1]} px; pictures may be up to {MAX_WIDTH_PX} x {MAX_LENGTH_LINES}.",
            "Replace the file, or cut the picture into smaller ones.",
        )
