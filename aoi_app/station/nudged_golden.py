"""A golden picture moved onto a scan by whole pixels, once enough of the scan is in."""

from __future__ import annotations

import numpy as np

from aoi_app.core.scan import BoardScan, Pixels, read_only
from aoi_app.inference.nudge import find_nudge, moved

FIRST_LINES = 640
"""Lines that must be in before the golden picture is moved; a shorter board is looked at as a whole."""


class NudgedGolden:
    """Moves the golden picture to where the scan shows the same, and hands out its rows.

    For pictures of boards that come as files: a camera's boards are registered (`AlignedGolden`), which also notices
    when the golden board is another product's.

    Attributes
    ----------
    pixels
        (lines of the golden picture, width of the scan), read-only; valid once `advance` returned a number of lines.
    """

    def __init__(self, golden: Pixels, scan: BoardScan) -> None:
        self._golden = golden
        self._scan = scan
        self._rows = np.empty_like(golden)
        self._found = False
        self.pixels = read_only(self._rows)

    def advance(self, lines: int) -> int:
        """Take in that `lines` lines of the scan are in; return how many rows may be used."""
        if lines < FIRST_LINES and not self._found:
            return 0
        self._find(lines)
        return lines

    def finish(self, lines: int) -> None:
        """Complete the picture for a board of `lines` lines."""
        self._find(lines)

    def _find(self, lines: int) -> None:
        if not self._found:
            self._rows[:] = moved(self._golden, *find_nudge(self._golden, self._scan.pixels[:lines]))
            self._found = True
