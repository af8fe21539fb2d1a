"""The plant's frozen images: boards on which engines are compared, with labels where there are some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from aoi_app.core.detection import Detections
from aoi_app.core.errors import ImageError
from aoi_app.core.protocols import Detector
from aoi_app.core.scan import BoardScan, PixelFormat, Pixels, freeze, read_only
from aoi_app.inference.calibration import golden_beside, image_files, is_golden, read_image
from aoi_app.inference.metrics import Truth


@dataclass(frozen=True)
class FrozenBoard:
    """One image of the frozen set; read when it is used.

    The golden board lies beside it as `<stem>.golden.<suffix>`; its labels as `<stem>.txt`, a line a defect: class
    index, centre x, centre y, width and height as shares of the image.
    """

    path: Path

    @property
    def name(self) -> str:
        """What it is called."""
        return self.path.stem

    @property
    def pixels(self) -> Pixels:
        """The board, (lines, width) or (lines, width, 3) in RGB. Raises ImageError."""
        return read_only(read_image(self.path))

    @property
    def golden(self) -> Pixels | None:
        """The golden board, or None."""
        beside = golden_beside(self.path)
        return freeze(read_image(beside)) if beside is not None else None

    @cached_property
    def truth(self) -> Truth | None:
        """The labels, or None where there are none. Raises ImageError for a label file that cannot be read."""
        beside = self.path.with_suffix(".txt")
        if not beside.is_file():
            return None
        try:
            rows = np.array(
                [[float(v) for v in line.split()] for line in beside.read_text(encoding="utf-8").splitlines() if line],
                np.float32,
            ).reshape(-1, 5)
        except ValueError as error:
            raise ImageError(
                f"{beside} holds no labels: {error}.", "Each line: class x y width height, as shares of the image."
            ) from error
        lines, width = self.pixels.shape[:2]
        centre, half = rows[:, 1:3], rows[:, 3:5] / 2
        boxes = np.concatenate([centre - half, centre + half], axis=1) * np.array([width, lines] * 2, np.float32)
        return Truth(boxes.astype(np.float32), rows[:, 0].astype(np.int32))


def frozen_boards(places: Sequence[Path], limit: int | None = None) -> tuple[FrozenBoard, ...]:
    """Return the frozen boards in folders or files, spread evenly when there are more than `limit`."""
    boards = [FrozenBoard(path) for path in image_files(places) if not is_golden(path)]
    if limit is None or len(boards) <= limit:
        return tuple(boards)
    return tuple(boards[i * len(boards) // limit] for i in range(limit))


def scan_of(pixels: Pixels) -> BoardScan:
    """Return a finished board as a scan."""
    pixel_format = PixelFormat.MONO8 if pixels.ndim == 2 else PixelFormat.RGB8
    return BoardScan("frozen", "frozen", read_only(pixels), pixel_format, 0, 0)


def detect(detector: Detector, pixels: Pixels, golden: Pixels | None = None) -> Detections:
    """Return the detections of a whole board."""
    detector.begin(scan_of(pixels), golden)
    try:
        return detector.finish(len(pixels))
    except BaseException:
        detector.abort()
        raise
