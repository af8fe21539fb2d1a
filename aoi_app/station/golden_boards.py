"""Golden boards of recipes for people: taken in, kept, shown, and laid onto a recorded board."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from aoi_app.camera.images import read_board
from aoi_app.core.image_resolution import PixelSize, pixel_size_um
from aoi_app.core.recipe import Recipe
from aoi_app.core.scan import Pixels
from aoi_app.inference.registration import Registration
from aoi_app.station.aligned_golden import BEYOND
from aoi_app.station.golden import GoldenFiles
from aoi_app.storage.goldens import StoredGolden, keep_golden


class GoldenBoards:
    """The golden boards in an image archive.

    Parameters
    ----------
    images
        Tells the root of the archive.
    """

    def __init__(self, images: Callable[[], Path]) -> None:
        self._images = images
        self._files = GoldenFiles(None, read_board, images)

    def read(self, path: Path) -> tuple[Pixels, PixelSize | None]:
        """Return a board from an image file, and the pixel size that the file claims. Raises ImageError."""
        return read_board(path), pixel_size_um(path.read_bytes())

    def keep(self, image: Pixels) -> StoredGolden:
        """Write a golden board into the archive. Raises StoreError."""
        return keep_golden(self._images(), image)

    def of(self, recipe: Recipe) -> Pixels | None:
        """Return a recipe's golden board; None where it has none. Raises RecipeError, ImageError."""
        return self._files.image(recipe)


def golden_on_scan(golden: Pixels, registration: Sequence[float], size: tuple[int, int]) -> Pixels:
    """Return a golden board in the geometry of a scan.

    Parameters
    ----------
    registration
        `Inspection.registration`: golden (x, y, 1) -> scan (x, y), row by row.
    size
        Width and lines of the scan.
    """
    found = Registration(np.array(registration, np.float64).reshape(2, 3), 0.0, 1.0, 0)
    return found.warped(golden, 0, size[1], size[0], BEYOND)


def scan_on_golden(picture: Pixels, registration: Sequence[float], factor: float) -> Pixels:
    """Return a picture of a scan in the geometry of its golden board, same size.

    Parameters
    ----------
    factor
        Pixels of the scan to one of the picture.
    """
    matrix = np.array(registration, np.float64).reshape(2, 3).copy()
    matrix[:, 2] /= factor
    rows, columns = picture.shape[:2]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(picture, matrix, (columns, rows), flags=flags, borderValue=(BEYOND,) * 3), np.uint8
    )
