"""Reads what the review of a board needs. Called in a worker thread."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from aoi_app.core.errors import AoiError
from aoi_app.core.scan import Pixels
from aoi_app.gui.board.picture import read_picture
from aoi_app.gui.review.desk import BoardWork, DefectPictures
from aoi_app.storage.history import BoardRecord, DefectRow

ReadGolden = Callable[[BoardRecord], Pixels | None]
"""Returns the golden board in the geometry of the inspected one, or None where the product has none."""


def read_file(file: Path | None) -> Pixels | None:
    """Return a picture of the record, or None where retention has removed it."""
    if file is None:
        return None
    try:
        return read_picture(file.read_bytes())
    except OSError:
        return None


def load_work(record: BoardRecord, read_golden: ReadGolden) -> BoardWork:
    """Return a board with the pictures of its defects and of the same places on the golden board."""
    try:
        golden = read_golden(record)
    except AoiError:
        # Review goes on without it; the line has said already that the golden board cannot be read.
        golden = None
    if golden is not None and golden.shape[1] != record.inspection.width:
        golden = None
    pictures = {d.id: _pictures(d, golden) for d in record.defects if d.crop is not None}
    return BoardWork(record, read_file(record.row.preview), pictures)


def _pictures(defect: DefectRow, golden: Pixels | None) -> DefectPictures:
    suspect = read_file(defect.crop)
    if suspect is None or golden is None or defect.crop_box is None:
        return DefectPictures(suspect, None)
    x1, y1, x2, y2 = defect.crop_box
    part = golden[y1:y2, x1:x2]
    if part.shape[:2] != (y2 - y1, x2 - x1):
        return DefectPictures(suspect, None)
    size = suspect.shape[1], suspect.shape[0]
    same = part if part.shape[:2] == suspect.shape[:2] else cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    return DefectPictures(suspect, np.ascontiguousarray(same, np.uint8))
