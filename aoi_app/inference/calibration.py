"""Tiles of the plant's own boards: what INT8 is calibrated on and what the gate compares engines on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from aoi_app.core.errors import ImageError
from aoi_app.core.scan import Pixels
from aoi_app.core.upright import upright
from aoi_app.inference.model import Model
from aoi_app.inference.preprocess import TileCutter
from aoi_app.inference.tiling import Tile, TilePlan

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
MAX_TILES = 1000
GOLDEN_MARK = ".golden"
"""`board.golden.png` is the golden board of `board.png`."""
_PAIRS = (("", GOLDEN_MARK), ("_test", "_temp"))
"""How names of boards and of their golden boards end: the plant's way, and DeepPCB's."""


def image_files(places: Sequence[Path]) -> tuple[Path, ...]:
    """Return the image files that `places` (files, folders and what is below them) hold, in a stable order."""
    found: list[Path] = []
    for place in places:
        inside = sorted(p for p in place.rglob("*") if p.is_file()) if place.is_dir() else [place]
        found += [p for p in inside if p.suffix.lower() in SUFFIXES and p.is_file()]
    return tuple(found)


def read_image(path: Path) -> Pixels:
    """Return an image as board pixels: (lines, width) or (lines, width, 3) in RGB. Raises ImageError."""
    try:
        data = path.read_bytes()
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    except (OSError, cv2.error) as error:
        raise ImageError(f"{path} cannot be read: {error}.", "Give an image file.") from error
    if image is None or image.dtype != np.uint8:
        raise ImageError(f"{path} is no image with 8 bits a channel.", "Give a PNG, JPEG, BMP or TIFF file.")
    image = upright(image, data)
    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGRA2RGB if image.shape[2] == 4 else cv2.COLOR_BGR2RGB)
    return np.asarray(image, np.uint8)


def golden_beside(path: Path) -> Path | None:
    """Return the file of the golden board that lies beside an image, or None."""
    return _partner(path, _PAIRS)


def _partner(path: Path, endings: Sequence[tuple[str, str]]) -> Path | None:
    """Return the file whose name ends as the second of a pair where that of `path` ends as the first."""
    for mine, other in endings:
        beside = path.with_name(f"{path.stem.removesuffix(mine)}{other}{path.suffix}")
        if path.stem.endswith(mine) and beside != path and beside.is_file():
            return beside
    return None


def is_golden(path: Path) -> bool:
    """Tell whether a file is the golden board of another one."""
    return path.stem.endswith(GOLDEN_MARK) or _partner(path, [(b, a) for a, b in _PAIRS]) is not None


class TileSource:
    """Up to `MAX_TILES` tiles, spread evenly over the tiles of all images, each with its golden board if there is one.

    Attributes
    ----------
    digest
        Of the choice of tiles: files, their sizes and times, and the numbers taken.
    """

    def __init__(self, model: Model, files: Sequence[Path], limit: int = MAX_TILES) -> None:
        self._cutter = TileCutter(model, 1)
        boards = [path for path in files if not is_golden(path)]
        every = [(path, tile) for path in boards for tile in _tiles(path, model)]
        step = max(len(every) / limit, 1.0)
        self._chosen = [every[int(i * step)] for i in range(min(len(every), limit))]
        self._held: tuple[Path, Pixels, Pixels | None] | None = None
        stamp = hashlib.sha256()
        for path, tile in self._chosen:
            stat = path.stat()
            stamp.update(f"{path.name}|{stat.st_size}|{stat.st_mtime_ns}|{tile.x}|{tile.y}\n".encode())
        self.digest = stamp.hexdigest()

    def __len__(self) -> int:
        return len(self._chosen)

    def tile(self, number: int) -> NDArray[Any]:
        """Return tile `number` as the network takes it, a copy with a batch of one."""
        path, tile = self._chosen[number]
        if self._held is None or self._held[0] != path:
            beside = golden_beside(path)
            self._held = (path, read_image(path), None if beside is None else read_image(beside))
        _, pixels, golden = self._held
        return np.array(self._cutter.cut(pixels, len(pixels), [tile], golden))


def _tiles(path: Path, model: Model) -> tuple[Tile, ...]:
    pixels = read_image(path)
    return TilePlan(pixels.shape[1], *model.size, 0).tiles(len(pixels))
