"""Finds the golden (defect-free) board that belongs to a scan."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from aoi_app.camera.images import SUFFIXES, list_images
from aoi_app.core.errors import RecipeError
from aoi_app.core.recipe import Recipe
from aoi_app.core.scan import BoardScan, Pixels, freeze

ReadImage = Callable[[Path], Pixels]
"""Reads an image file as a board; raises ImageError."""

PAIRS = (("_test", "_temp"), ("_scan", "_golden"))
"""Endings by which data sets tell a scan from its golden image."""

USUAL = (".png", ".jpg", ".tif")
"""Endings that are looked for first: to list a large folder for each board takes milliseconds."""
KEPT = 4


class GoldenFiles:
    """Golden boards from files: one image for every board, or a folder with one a board, by name.

    Parameters
    ----------
    path
        Image or folder; None takes the recipe's own golden image.
    read
        How an image file is read.
    archive
        Tells the folder in which the recipes' own golden images are kept; asked only for recipes that have one.
    """

    def __init__(self, path: Path | None, read: ReadImage, archive: Callable[[], Path] | None = None) -> None:
        self._path = path
        self._archive = archive
        self._read = lru_cache(KEPT)(lambda file, sha256: freeze(_checked(file, sha256, read)))

    def __call__(self, scan: BoardScan, recipe: Recipe) -> Pixels | None:
        """Return the golden board of a scan, or None where there is none.

        Raises
        ------
        RecipeError
            One was promised, and is missing or does not fit the scan.
        ImageError
            It cannot be read.
        """
        path = self._path or self._of_recipe(recipe)
        if path is None:
            return None
        file = _of_board(path, scan.serial) if path.is_dir() else path
        golden = self._read(file, "" if self._path else recipe.golden_sha256)
        if golden.shape[1] != scan.width:
            raise RecipeError(
                f"{file.name} is {golden.shape[1]} px wide, the scan {scan.width} px.",
                "Give the golden image of this product at the same resolution.",
            )
        return golden

    def image(self, recipe: Recipe) -> Pixels | None:
        """Return a recipe's own golden image, whatever scan it is for; None where it has none, or one a board."""
        path = self._of_recipe(recipe)
        return None if path is None or path.is_dir() else self._read(path, recipe.golden_sha256)

    def _of_recipe(self, recipe: Recipe) -> Path | None:
        if not recipe.golden:
            return None
        kept = self._archive() / recipe.golden if self._archive is not None else None
        return kept if kept is not None and kept.exists() else Path(recipe.golden)


def _checked(file: Path, sha256: str, read: ReadImage) -> Pixels:
    """Read a golden image that must be the one that the recipe was made with."""
    image = read(file)
    found = hashlib.sha256(file.read_bytes()).hexdigest() if sha256 else ""
    if found != sha256:
        raise RecipeError(
            f"The golden image {file.name} is not the one that the recipe was made with: its SHA-256 is {found[:12]}…, "
            f"not {sha256[:12]}….",
            "Make the recipe's golden board anew, or bring the file back from a backup.",
        )
    return image


def _of_board(folder: Path, stem: str) -> Path:
    names = [stem, *(stem[: -len(scan)] + golden for scan, golden in PAIRS if stem.endswith(scan))]
    for name in reversed(names):
        for suffix in USUAL:
            if (folder / f"{name}{suffix}").is_file():
                return folder / f"{name}{suffix}"
    files = {file.stem: file for file in reversed(list_images(folder))}
    for name in reversed(names):
        if name in files:
            return files[name]
    looked_for = f"{' or '.join(reversed(names))} as {', '.join(sorted(SUFFIXES))}"
    raise RecipeError(
        f"{folder} holds no golden image for {stem}; looked for {looked_for}.",
        "Name each golden image like its board, or give one image for all.",
    )
