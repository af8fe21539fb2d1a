"""The golden board in the geometry of a scan, grown while the scan's lines come in."""

from __future__ import annotations

import numpy as np

from aoi_app.core.errors import RecipeError
from aoi_app.core.scan import BoardScan, Pixels, read_only
from aoi_app.inference.registration import Registration, register

FIRST_LINES = 640
"""Lines that must be in before the golden board is looked for."""
AGAIN_LINES = 1_024
"""Lines after which the map is found anew from all that is in: what drifts is followed."""
BEYOND = 128
"""Grey level where the scan reaches beyond the golden board."""


class AlignedGolden:
    """Registers the golden board to a scan and hands out its rows in the scan's geometry.

    Parameters
    ----------
    golden
        (lines, width[, 3]), as it was scanned.

    Attributes
    ----------
    pixels
        Same shape as the scan's buffer, read-only; only as many rows as `advance` returned are valid.
    """

    def __init__(self, golden: Pixels, scan: BoardScan) -> None:
        self._golden = golden
        self._scan = scan
        self._rows = np.empty((scan.capacity, scan.width, *golden.shape[2:]), np.uint8)
        self._done = 0
        self._registered_at = 0
        self._registration: Registration | None = None
        self.pixels = read_only(self._rows)

    @property
    def registration(self) -> Registration | None:
        """The newest map; None before the first one was found."""
        return self._registration

    def advance(self, lines: int) -> int:
        """Take in that `lines` lines of the scan are in; return how many rows are valid."""
        if lines < FIRST_LINES:
            return self._done
        try:
            return self._grow(lines)
        except RecipeError:
            # Too little structure so far: the board waits for more of its lines, `finish` has the last word.
            return self._done

    def finish(self, lines: int) -> None:
        """Complete the rows. Raises RecipeError when the scan does not show the golden board."""
        self._grow(lines)

    def _grow(self, lines: int) -> int:
        if self._registration is None or lines - self._registered_at >= AGAIN_LINES:
            self._registration = register(self._golden, self._scan.pixels[:lines], start=self._registration)
            self._registered_at = lines
        if lines > self._done:
            width = self._scan.width
            self._rows[self._done : lines] = self._registration.warped(self._golden, self._done, lines, width, BEYOND)
            self._done = lines
        return self._done
