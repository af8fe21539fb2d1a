"""The newest verdict with a picture of each of its defects, for the screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aoi_app.core.inspection import Defect, Inspection
from aoi_app.core.scan import Pixels, read_only
from aoi_app.storage.pictures import DEFAULT_POLICY, crop_area, crop_of

PICTURE_PX = 288
"""Longer side of a picture at most."""
MOST_PICTURES = 60
"""Pictures of one board; further defects have none: a board with more has another problem."""


@dataclass(frozen=True, slots=True, eq=False)
class JudgedBoard:
    """A verdict and what it was given for.

    Attributes
    ----------
    pictures
        One a defect, read-only (rows, columns[, 3]) with memory of their own: they hold no board's buffer. None for a
        defect that lies outside the board, or beyond `MOST_PICTURES`.
    """

    inspection: Inspection
    pictures: tuple[Pixels | None, ...]


def pictures_of(defects: Sequence[Defect], board: Pixels) -> tuple[Pixels | None, ...]:
    """Return a picture of each defect with its surroundings, cut from a board (lines, width[, 3])."""
    return tuple(_picture(defect, board) if k < MOST_PICTURES else None for k, defect in enumerate(defects))


def _picture(defect: Defect, board: Pixels) -> Pixels | None:
    area = crop_area(defect, board, DEFAULT_POLICY)
    return None if area is None else read_only(np.array(crop_of(board, area, PICTURE_PX)))
