"""What a command reads must not be what it writes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from aoi_app.core.errors import StoreError


def keep_apart(inputs: Iterable[Path], json_out: str, pictures: Path | None) -> None:
    """Refuse places for results that would replace what is read.

    Parameters
    ----------
    inputs
        Files that are read.
    json_out
        File for JSON, "-" or "".
    pictures
        Folder for pictures, each a PNG file; None for none.

    Raises
    ------
    StoreError
        Names the file that would be lost.
    """
    written = os.path.realpath(json_out) if json_out not in ("", "-") else None
    folder = os.path.realpath(pictures) if pictures is not None else None
    for file in inputs:
        if os.path.realpath(file) == written:
            raise StoreError(f"--json would replace {file}, which is read.", "Choose another file.")
        if os.path.realpath(file.parent) == folder and file.suffix == ".png":
            raise StoreError(f"--overlay would replace pictures in {pictures}: {file.name}.", "Choose another folder.")
