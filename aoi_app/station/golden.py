"""Finds the golden (defect-free) board that belongs to a scan."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from aoi_app.core.errors import RecipeError
from aoi_app.core.recipe import Recipe
from aoi_app.core.scan import BoardScan, Pixels, read_only

ReadImage = Callable[[Path], Pixels]
"""Reads an image file as a board; raises ImageError."""

PAIRS = (("_test", "_temp"), ("_scan", "_golden"))
"""Endings by which data sets tell a scan from its golden image."""

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
KEPT = 4


class GoldenFiles:
    """Golden boards from files: one image for every board, or a folder with one a board, by name.

    Parameters
    ----------
    path
        Image or folder; None takes the recipe's own golden image.
    read
        How an image file is read.
    """

    def __init__(self, path: Path | None, read: ReadImage) -> None:
        self._path = path
        self._read = lru_cache(KEPT)(lambda file: read_only(read(file)))

    def __call__(self, scan: BoardScan, recipe: Recipe) -> Pixels | None:
        """Return the golden board of a scan, or None where there is none.

        Raises
        ------
        RecipeError
            One was promised, and is missing or does not fit the scan.
        ImageError
            It cannot be read.
        """
        path = self._path or (Path(recipe.golden) if recipe.golden else None)
        if path is None:
            return None
        file = _of_board(path, scan.serial) if path.is_dir() else path
        golden = self._read(file)
        if golden.shape[1] != scan.width:
            raise RecipeError(
                f"{file.name} is {golden.shape[1]} px wide, the scan {scan.width} px.",
                "Give the golden image of this product at the same resolution.",
            )
        return golden


def _of_board(folder: Path, stem: str) -> Path:
    names = [stem, *(stem[: -len(scan)] + golden for scan, golden in PAIRS if stem.endswith(scan))]
    for name in reversed(names):
        for suffix in SUFFIXES:
            file = folder / f"{name}{suffix}"
            if file.is_file():
                return file
    looked_for = f"{' or '.join(reversed(names))} as {', '.join(SUFFIXES)}"
    raise RecipeError(
        f"{folder} holds no golden image for {stem}; looked for {looked_for}.",
        "Name each golden image like its board, or give one image for all.",
    )
