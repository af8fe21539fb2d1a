"""Files of a run, written whole or not at all."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from aoi_app.core import files
from aoi_app.training.corpus import DataError


def replacing(path: Path) -> AbstractContextManager[Path]:
    """Return what yields a draft that takes the place of `path`: see `core.files`. Raises DataError."""
    return files.replacing(path, DataError)


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8. Raises DataError."""
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8", newline="\n")
