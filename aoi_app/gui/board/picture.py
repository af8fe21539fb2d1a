"""What a board view shows: pixels at several scales, and marks on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from aoi_app.core.detection import Detections
from aoi_app.core.inspection import Defect, Inspection
from aoi_app.core.scan import Pixels
from aoi_app.core.upright import upright
from aoi_app.station.live import LiveFrame, Pyramid


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """Boxes on a board.

    Attributes
    ----------
    boxes
        (n, 4) float32, board pixels.
    codes, confidences
        One each a box.
    counts
        (n,) bool; False for what the recipe tolerates, drawn dashed.
    defects
        The judged defects in the same order; empty while the board is still being scanned.
    signs
        One each a box, written before its name; empty for none.
    """

    boxes: NDArray[np.float32]
    codes: tuple[str, ...]
    confidences: NDArray[np.float32]
    counts: NDArray[np.bool_]
    defects: tuple[Defect, ...] = ()
    signs: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.codes)

    @staticmethod
    def of_defects(defects: Sequence[Defect]) -> Marks:
        """Return the marks of judged defects."""
        return Marks(
            np.array([d.box for d in defects], np.float32).reshape(-1, 4),
            tuple(d.defect_code for d in defects),
            np.array([d.confidence for d in defects], np.float32),
            np.array([d.counts for d in defects], np.bool_),
            tuple(defects),
        )

    @staticmethod
    def of_detections(found: Detections, names: Sequence[str]) -> Marks:
        """Return the marks of what was found so far."""
        codes = tuple(names[c] if c < len(names) else str(c) for c in found.classes.tolist())
        return Marks(found.boxes, codes, found.scores, np.ones(len(codes), np.bool_))

    def component(self, number: int) -> str:
        """Return the reference designator of a mark; empty while the board is still being scanned."""
        return self.defects[number].component if number < len(self.defects) else ""

    def at(self, x: float, y: float, reach: float) -> int | None:
        """Return the smallest box that holds a board position or comes within `reach` pixels of it."""
        if not len(self):
            return None
        b = self.boxes
        hit = (b[:, 0] - reach <= x) & (x <= b[:, 2] + reach) & (b[:, 1] - reach <= y) & (y <= b[:, 3] + reach)
        if not hit.any():
            return None
        area = np.where(hit, (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]), np.inf)
        return int(area.argmin())


NO_MARKS = Marks.of_defects(())


@dataclass(frozen=True, slots=True, eq=False)
class BoardPicture:
    """A board, or the part of it that is in.

    Attributes
    ----------
    levels
        Level k is the board at 1 / 2**k, (rows, width[, 3]); rows beyond `lines >> k` are not valid.
    whole
        Whether the trailing edge has passed: no more lines will come.
    gaps
        (first row, number of rows) of lines that were lost.
    """

    board_id: str
    levels: tuple[Pixels, ...]
    lines: int
    whole: bool
    marks: Marks
    gaps: tuple[tuple[int, int], ...] = ()

    @property
    def width(self) -> int:
        """Board pixels across."""
        return int(self.levels[0].shape[1])


def picture_of_frame(frame: LiveFrame) -> BoardPicture:
    """Return what the line shows now."""
    done: Inspection | None = frame.inspection
    marks = Marks.of_defects(done.defects) if done else Marks.of_detections(frame.detections, frame.class_names)
    gaps = done.completeness.gaps if done else ()
    return BoardPicture(frame.scan.board_id, frame.levels, frame.lines, done is not None, marks, gaps)


def picture_of_image(board_id: str, image: Pixels, marks: Marks = NO_MARKS) -> BoardPicture:
    """Return a whole board that is in memory."""
    pyramid = Pyramid(image)
    pyramid.grow(image.shape[0])
    return BoardPicture(board_id, pyramid.levels, image.shape[0], True, marks)


def read_picture(data: bytes) -> Pixels | None:
    """Decode an image file's bytes as grey or RGB; None when it is no image."""
    if not data:
        return None
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        return None
    image = upright(image, data)
    if image.dtype != np.uint8:
        image = cv2.normalize(image, np.empty(image.shape, np.uint8), 0, 255, cv2.NORM_MINMAX, cv2.CV_8U)
    if image.ndim == 3:
        code = cv2.COLOR_BGRA2RGB if image.shape[2] == 4 else cv2.COLOR_BGR2RGB
        image = cv2.cvtColor(image, code)
    return np.asarray(image, np.uint8)
