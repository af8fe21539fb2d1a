"""Inspect a recorded board again: today's recipe and engine on the very picture of that day."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import xxhash

from aoi_app.camera.images import read_board
from aoi_app.core.errors import ImageError, StoreError
from aoi_app.core.inspection import Defect, Inspection
from aoi_app.core.protocols import Detector
from aoi_app.core.recipe import Recipe
from aoi_app.core.scan import BoardScan, LinesIn, PixelFormat, Pixels, ScanEnd
from aoi_app.station.inspecting import FixedEngine, Golden, Inspector
from aoi_app.storage.difference import DefectDifference, compare_defects
from aoi_app.storage.history import BoardRecord

KEEP_BOARDS = "Choose in the settings, under Record, whose images are kept whole: that holds for boards from then on."
GONE, NEW, BOTH = "-", "+", "="
"""Signs of a defect: told apart without colour."""
POLITE = 10
"""How much a second look stands back behind the line, as Unix counts niceness."""


@dataclass(frozen=True, slots=True, eq=False)
class SecondLook:
    """A board, inspected then and now.

    Attributes
    ----------
    image
        The board, at full resolution.
    difference
        Its defects, each paired with the same one of the other inspection, or alone.
    """

    record: BoardRecord
    now: Inspection
    image: Pixels
    difference: DefectDifference

    @property
    def same(self) -> bool:
        """Whether verdict and defects are those of then."""
        return self.difference.same and self.now.verdict is self.record.inspection.verdict

    @property
    def pairs(self) -> tuple[tuple[str, Defect | None, Defect | None], ...]:
        """Each defect with its sign, as it was then and as it is now: "-" gone, "+" new, "=" found both times."""
        found = self.difference
        return (
            *((GONE, defect, None) for defect in found.gone),
            *((NEW, None, defect) for defect in found.new),
            *((BOTH, before, after) for before, after in found.both),
        )


def kept_image(record: BoardRecord) -> Pixels:
    """Read the picture of a recorded board as it was inspected.

    Raises
    ------
    StoreError
        It was not kept, is gone, or is not the one that was inspected.
    """
    file = record.board_image
    if file is None:
        raise StoreError(f"The image of board {record.row.serial} was not kept whole.", KEEP_BOARDS)
    try:
        image = read_board(file)
    except ImageError as error:
        raise StoreError(
            f"The image of board {record.row.serial} cannot be read: {_reason(error, file)}.",
            "Look for it in a backup of the pictures.",
        ) from error
    if record.inspection.input_hash and xxhash.xxh3_128_hexdigest(image.data) != record.inspection.input_hash:
        raise StoreError(
            f"The image of board {record.row.serial} is not the one that was inspected: its hash differs.",
            "Somebody changed the file; look for it in a backup of the pictures.",
        )
    return image


def look_again(record: BoardRecord, image: Pixels, detector: Detector, recipe: Recipe, golden: Golden) -> SecondLook:
    """Inspect a recorded board again, on the path that a board from a camera takes.

    What was missing from the board then is missing now: a board that was not wholly seen stays an error.

    Parameters
    ----------
    image
        Its `kept_image`.
    """
    then = record.inspection
    pixel_format = PixelFormat.MONO8 if image.ndim == 2 else PixelFormat.RGB8
    scan = BoardScan(then.board_id, then.serial, image, pixel_format, 0, then.started_ns)
    inspector = Inspector(FixedEngine(detector), lambda: recipe, golden)
    inspector.handle(LinesIn(scan, image.shape[0]))
    now = inspector.handle(ScanEnd(scan, then.completeness, then.input_hash, time.monotonic_ns()))
    assert now is not None
    return SecondLook(record, now, image, compare_defects(then.defects, now.defects))


def stand_back() -> None:
    """Let this thread, and those that it starts, have the processor when the line does not need it."""
    if sys.platform == "linux":
        # There each thread has a niceness of its own; elsewhere it would slow the line down as well.
        thread = threading.get_native_id()
        with contextlib.suppress(OSError):
            # Never forward: somebody may have made the whole program stand back further.
            os.setpriority(os.PRIO_PROCESS, thread, max(POLITE, os.getpriority(os.PRIO_PROCESS, thread)))


def _reason(error: ImageError, file: Path) -> str:
    return error.what.rstrip(".").replace(str(file), file.name)
