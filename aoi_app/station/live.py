"""The board that is on the line now and the one judged last, for the screen: latest wins."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import cv2

from aoi_app.core.detection import Detections
from aoi_app.core.inspection import Inspection
from aoi_app.core.pages import own_pages
from aoi_app.core.scan import BoardScan, Pixels, read_only
from aoi_app.station.judged import JudgedBoard

LEVELS = 5
"""Halvings kept of a board: 16,384 px become 512, less than any window."""


class Pyramid:
    """A board and its halvings, grown strip by strip while lines come in.

    Level 0 is the board's own buffer; level k has one pixel for 2**k x 2**k of the board. A strip costs its own
    pixels only (exact halving by area, about 0.7 ms for 512 lines of 8,192 px), so nothing is ever built twice.
    """

    def __init__(self, board: Pixels) -> None:
        self._levels: list[Pixels] = [board]
        lines, width = board.shape[:2]
        for _ in range(LEVELS):
            lines, width = lines // 2, width // 2
            if lines == 0 or width == 0:
                break
            self._levels.append(own_pages((lines, width, *board.shape[2:])))
        self._done = [0] * len(self._levels)

    @property
    def levels(self) -> tuple[Pixels, ...]:
        """Read-only views of all levels, full size; rows beyond `rows(k)` are not valid yet."""
        return tuple(read_only(level) for level in self._levels)

    def grow(self, lines: int) -> None:
        """Bring every level up to `lines` lines of the board."""
        self._done[0] = max(self._done[0], lines)
        for k in range(1, len(self._levels)):
            have, want = self._done[k], min(self._done[k - 1] // 2, self._levels[k].shape[0])
            if want <= have:
                break
            below, level = self._levels[k - 1], self._levels[k]
            width = level.shape[1]
            strip = level[have:want]
            cv2.resize(
                below[2 * have : 2 * want, : 2 * width], (width, want - have), dst=strip, interpolation=cv2.INTER_AREA
            )
            self._done[k] = want


@dataclass(frozen=True, slots=True, eq=False)
class LiveFrame:
    """What the screen shows at one moment.

    Attributes
    ----------
    generation
        Grows with every change; equal generations need no repaint.
    lines
        Valid lines of the board; level k of the pyramid has `lines >> k` valid rows.
    levels
        Level k is the board at 1 / 2**k, read-only, (rows, width[, 3]); level 0 is full resolution.
    detections
        What was found so far, in board pixels; provisional until `inspection` stands.
    inspection
        The verdict, when it stands.
    """

    generation: int
    scan: BoardScan
    lines: int
    levels: tuple[Pixels, ...]
    detections: Detections
    class_names: tuple[str, ...]
    inspection: Inspection | None = None


class LiveView:
    """One-slot boxes between the line and the screen: the board that comes in, and the one judged last.

    They are two boards where the inspection is behind the camera.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._frame: LiveFrame | None = None
        self._judged: JudgedBoard | None = None
        self._generation = 0

    def show(
        self,
        scan: BoardScan,
        lines: int,
        levels: tuple[Pixels, ...],
        detections: Detections,
        class_names: tuple[str, ...],
        inspection: Inspection | None = None,
    ) -> None:
        """Put up what is newest; what nobody looked at is gone."""
        with self._lock:
            self._generation += 1
            self._frame = LiveFrame(self._generation, scan, lines, levels, detections, class_names, inspection)

    def judge(self, judged: JudgedBoard) -> None:
        """Put up the newest verdict, with its pictures."""
        self._judged = judged

    def judged(self) -> JudgedBoard | None:
        """Return the newest verdict, or None before the first."""
        return self._judged

    def frame(self) -> LiveFrame | None:
        """Return the newest frame, or None before the first board."""
        with self._lock:
            return self._frame

    def clear(self) -> None:
        """Let go of the board on show."""
        with self._lock:
            self._frame = None
