"""Golden boards of recipes: images in the archive, named by their hash, never changed."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from aoi_app.core.scan import Pixels
from aoi_app.storage.faults import explained
from aoi_app.storage.pictures import encoded

GOLDEN_FOLDER = "golden"
"""In the image archive, beside the folders of the days: retention never looks into it."""


@dataclass(frozen=True, slots=True)
class StoredGolden:
    """A golden board in the archive: its name for `Recipe.golden`, and its hash."""

    name: str
    sha256: str


def keep_golden(images: Path, board: Pixels) -> StoredGolden:
    """Write a golden board into the archive so that it is there whole, or not at all.

    Parameters
    ----------
    images
        Root of the image archive.
    board
        (lines, width[, 3]) uint8, grey or RGB.

    Raises
    ------
    StoreError
        It cannot be written.
    """
    data = encoded(board, ".png")
    sha256 = hashlib.sha256(data).hexdigest()
    name = f"{GOLDEN_FOLDER}/{sha256}.png"
    file = images / name
    with explained(str(images), images):
        if not file.exists():
            _write(file, data)
    return StoredGolden(name, sha256)


def copy_goldens(source: Path, target: Path) -> int:
    """Copy the golden boards that are not there yet, from one archive to another; return how many there are."""
    files = sorted((source / GOLDEN_FOLDER).glob("*.png"))
    for file in files:
        copy = target / GOLDEN_FOLDER / file.name
        if not copy.exists():
            _write(copy, file.read_bytes())
    return len(files)


def _write(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with draft.open("wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
