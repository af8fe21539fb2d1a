"""What the writers of all layouts share."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from aoi_app.training.corpus import DataError
from aoi_app.training.data.dataset import Source, pixels_of
from aoi_app.training.data.layouts.reading import safe_name
from aoi_app.training.data.pictures import png_of

Step = Callable[[], None]
"""Called after each sample that was written."""


def empty_folder(path: Path) -> Path:
    """Return `path` as a folder that was made or is empty. Raises DataError for one that holds anything."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        taken = next(path.iterdir(), None)
    except OSError as error:
        raise DataError(f"{path} cannot be used: {error.strerror or error}.", "Name another folder.") from error
    if taken is not None:
        raise DataError(f"{path} is not empty (it holds {taken.name}).", "Name a folder that does not exist yet.")
    return path


def put_picture(picture: Source, folder: Path, stem: str) -> Path:
    """Copy a picture file, or write others as PNG, as `stem` into `folder`; return where it lies."""
    if not isinstance(picture, Path):
        target = folder / f"{stem}.png"
        _put(target, picture if isinstance(picture, bytes) else png_of(pixels_of(picture)))
        return target
    target = folder / f"{stem}{picture.suffix.lower()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(picture, target)
    except OSError as error:
        raise DataError(f"{picture} cannot be copied to {target}: {error.strerror or error}.", "Free space.") from error
    return target


def put_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8. Raises DataError."""
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            f"{path} cannot be written: a name in it, {text[max(0, error.start - 10) : error.end]!a}, "
            "is no Unicode text.",
            "Rename the folder or file that bears it.",
        ) from error
    _put(path, data)


def _put(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}.", "Free space.") from error


class Stems:
    """File names for samples: safe, and each given once."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def of(self, name: str) -> str:
        """Return a stem for `name`."""
        stem = base = safe_name(name)
        number = 2
        while stem.lower() in self._given:
            stem, number = f"{base}-{number}", number + 1
        self._given.add(stem.lower())
        return stem
