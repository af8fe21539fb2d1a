"""Files that are written whole or not at all, and say why they could not be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from aoi_app.core.errors import AoiError


@contextmanager
def replacing(path: Path, failure: type[AoiError] = AoiError) -> Iterator[Path]:
    """Yield a draft beside `path` that takes its place when the block ends well; an old file stays until then.

    Raises
    ------
    AoiError
        As `failure`: the draft cannot be written, for there is no right, no folder, no space.
    """
    draft = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield draft
        draft.replace(path)
    except OSError as error:
        raise failure(
            f"{path} cannot be written: {error.strerror or error}.", "Free space, or choose another folder."
        ) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
