"""From the detections of overlapping tiles to one detection a defect, while the board comes in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.detection import Detections
from aoi_app.core.errors import EngineError
from aoi_app.inference.seams import Seams, of_tiles, seams
from aoi_app.inference.seen import Seen, joined
from aoi_app.inference.settling import Unsettled, settle
from aoi_app.inference.tiling import TilePlan

_NOTHING_YET = Unsettled()
PORTION = 256
"""So many boxes are settled at a time, at least: for fewer the calls cost more than the boxes."""


class Merger:
    """Unites what several tiles of one board saw of one defect. One thread.

    Within the strip that two tiles share, both see the same pixels: boxes of one class that agree there are one
    defect. Its box is the best one that no tile edge cut or, for a defect longer than the overlap, what the cut
    ones span together. Cut boxes that lie within a better whole box of a neighbour, whatever its class, are
    fragments and go. Boxes of the same tile are never united: a board of one tile comes back unchanged.

    What no tile to come can touch is settled while the board comes in, so that only the last rows of tiles are left
    to `finish`. The result does not depend on when `settle` is called.

    Parameters
    ----------
    plan
        Where the tiles of the board lie.
    portion
        So many new boxes make a settlement worth it.
    """

    def __init__(self, plan: TilePlan, portion: int = PORTION) -> None:
        self._plan, self._portion = plan, portion
        self._found: list[Detections] = []
        self._seers = 0  # tiles that found something
        self._rows: list[int] = []  # first lines of the rows that did
        self._new: list[tuple[Detections, NDArray[np.int32], Sequence[int]]] = []
        self._waiting = 0
        self._noted = 0  # of `_new`
        self._gathered = 0
        self._rows_settled = 1
        self._unsettled = _NOTHING_YET
        self._final: list[Seen] = []

    # Made when they are first asked for: a board with little to unite, such as one of a single tile, never does.
    @cached_property
    def _columns(self) -> NDArray[np.int32]:
        return np.array(self._plan.columns, np.int32)

    @cached_property
    def _across(self) -> Seams:
        return seams(self._plan.columns, self._plan.width, self._plan.board_width, 0)

    def add(self, found: Detections, corners: NDArray[np.int32], counts: Sequence[int]) -> None:
        """Take what a batch of tiles found. Costs next to nothing.

        Parameters
        ----------
        found
            Tile by tile, in pixels of the board, each within its tile and the board.
        corners
            (tiles, 2) int32, x and y of the tiles: of the plan, row by row.
        counts
            Detections of each tile.
        """
        if len(found):
            self._found.append(found)
            self._new.append((found, corners, counts))
            self._waiting += len(found)

    def _note_rows(self) -> None:
        """Look at which tiles have found something since this was done last."""
        for _, corners, counts in self._new[self._noted :]:
            rows = sorted(set(corners[:, 1].tolist()))
            if self._rows and rows[0] < self._rows[-1]:
                raise EngineError(f"Tiles from line {rows[0]} on came after those from line {self._rows[-1]} on.")
            self._rows += rows[1:] if rows[:1] == self._rows[-1:] else rows
            self._seers += len(counts) - counts.count(0)
        self._noted = len(self._new)

    def settle(self) -> None:
        """Settle what no tile to come can touch, where that is enough to be worth it. Raises as `finish`."""
        if self._waiting < self._portion:
            return
        self._note_rows()
        if self._rows_settled == len(self._rows):
            return
        self._rows_settled = len(self._rows)
        seen = self._gather()
        # The rows before the newest one know their neighbours on all sides.
        known = int(np.searchsorted(seen.tiles, (len(self._rows) - 1) * self._across.shape[1]))
        ahead, seen = Seen(seen.columns[:, known:]), Seen(seen.columns[:, :known])
        after, final = settle(self._unsettled, seen, self._around(seen, math.inf), self._rows[-1], None)
        self._unsettled = Unsettled(joined([after.boxes, ahead]), after.fragments, after.whole)
        self._final += final

    def finish(self, lines: int) -> Detections:
        """Return all detections of a board of `lines` lines, merged, in the order in which they came.

        Raises
        ------
        EngineError
            Tiles came after others that lie below them.
        """
        if len(self._found) == len(self._new) == 1 and len(self._new[0][2]) == 1:
            return self._found[0]  # of one tile
        self._note_rows()
        if self._seers < 2:
            return _concatenated(self._found)
        seen = self._gather()
        around = self._around(seen, lines)
        _, final = settle(self._unsettled, seen, around, math.inf, lambda: _longer_axis(self._found))
        return joined([*self._final, *final]).detections()

    def _around(self, seen: Seen, end: float) -> Seams:
        """Return the seams of the tile that saw each box, on a board that ends at line `end`."""
        return of_tiles(seen.tiles, self._across, seams(tuple(self._rows), self._plan.height, end, 1))

    def _gather(self) -> Seen:
        """Return what is not settled yet and what came since."""
        if not self._new:
            return self._unsettled.boxes
        found = _concatenated([found for found, _, _ in self._new])
        if len(self._new) == 1:
            _, corners, counts = self._new[0]
        else:
            corners = np.concatenate([where for _, where, _ in self._new])
            counts = [count for _, _, those in self._new for count in those]
        tiles = np.searchsorted(self._rows, corners[:, 1]) * len(self._columns)
        tiles += np.searchsorted(self._columns, corners[:, 0])
        places = np.arange(self._gathered, self._gathered + len(found))
        self._gathered += len(found)
        self._new, self._waiting, self._noted = [], 0, 0
        return joined([self._unsettled.boxes, Seen.of(found, places, np.repeat(tiles, counts))])


def _longer_axis(found: Sequence[Detections]) -> int:
    """Return the axis along which the boxes begin most widely spread."""
    across, down = np.ptp(np.concatenate([part.boxes[:, :2] for part in found]), axis=0)
    return int(down > across)


def _concatenated(parts: Sequence[Detections]) -> Detections:
    return parts[0] if len(parts) == 1 else Detections.concatenate(parts)
