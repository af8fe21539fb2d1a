"""What a stream of blocks tells about itself: real line rate, lost lines, boards. Pure."""

from __future__ import annotations

from collections import deque

from aoi_app.camera.continuity import Continuity
from aoi_app.core.scan import LineBlock

WINDOW = 32
"""Blocks of one board over which the line rate is taken."""


class LineMeter:
    """Counts the blocks of one acquisition.

    Parameters
    ----------
    height
        Lines of a whole block.
    """

    def __init__(self, height: int) -> None:
        self.blocks = 0
        self.lines = 0
        self.lost_lines = 0
        self.boards = 0
        self._height = height
        self._continuity = Continuity(height)
        self._recent: deque[tuple[int, int]] = deque(maxlen=WINDOW)
        self._position = 0
        self._rate: float | None = None

    @property
    def line_rate(self) -> float | None:
        """Lines per second by the camera's own clock, while a board goes by; None before there were two blocks."""
        return self._rate

    def feed(self, block: LineBlock) -> None:
        """Count a block."""
        arrival = self._continuity.check(block)
        if arrival.is_stale:
            return
        self.blocks += 1
        self.lines += block.lines
        # What was missing before the first block of a board was missing between two boards: only blocks count there.
        lost = arrival.blocks_lost * self._height if block.starts_board else arrival.gap
        self.lost_lines += lost
        if block.starts_board:
            self.boards += 1
            self._recent.clear()
        self._position += lost
        self._recent.append((block.timestamp_ns, self._position))
        (first_ns, first), (last_ns, last) = self._recent[0], self._recent[-1]
        if last_ns > first_ns:
            self._rate = (last - first) * 1e9 / (last_ns - first_ns)
        self._position += block.lines
        if block.ends_board:
            self.lost_lines += self._continuity.settle()
