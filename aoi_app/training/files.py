"""Files that are written whole or not at all, and say why they could not be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from aoi_app.training.corpus import DataError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a draft beside `path` that takes its place when the block ends well; an old file stays until then.

    Raises
    ------
    DataError
        The draft cannot be written: no right, no folder, no space.
    """
    draft = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        draft.replace(path)
    except OSError as error:
        raise DataError(
            f"{path} cannot be written: {error.strerror or error}.", "Free space, or choose another folder."
        ) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8. Raises DataError."""
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8", newline="\n")
