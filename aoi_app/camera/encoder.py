"""Counts of an encoder, made into lines: wrap, direction, counts a line. Pure."""

from __future__ import annotations

from aoi_app.core.errors import FeatureError

HALF_32, CYCLE_32 = 1 << 31, 1 << 32
"""Most cameras count with 32 bits, signed or not, and begin anew."""


class EncoderCount:
    """Follows the encoder of one acquisition.

    Parameters
    ----------
    counts_a_line
        Counts between two lines (SFNC EncoderDivider).
    downwards
        The encoder counts down while the conveyor runs as it should, as with reverse transport.

    Raises
    ------
    FeatureError
        There is no such number of counts.
    """

    def __init__(self, counts_a_line: float = 1, downwards: bool = False) -> None:
        if counts_a_line < 1:
            raise FeatureError(
                f"encoder_divider is {counts_a_line:g}.", "Give the counts of the encoder from line to line, 1 or more."
            )
        self._counts_a_line = counts_a_line
        self._sign = -1 if downwards else 1
        self._last: int | None = None
        self._total = 0

    def lines(self, count: int) -> int:
        """Return the lines that a count stands for; only differences mean anything. Call in the order of blocks."""
        step = 0 if self._last is None else count - self._last
        if abs(step) >= HALF_32 and abs(count) < CYCLE_32:
            step -= CYCLE_32 if step > 0 else -CYCLE_32
        self._last = count
        self._total += self._sign * step
        # A count is read a little before or after the trigger: to the nearest line.
        return round(self._total / self._counts_a_line)


class TriggerCount:
    """Stands in for the encoder of a camera that counts only the line triggers of each block.

    Parameters
    ----------
    height
        Lines of a whole block: what a lost one is taken to have held.
    """

    def __init__(self, height: int) -> None:
        self._height = height
        self._next_id = 0
        self._end = 0

    def first_line(self, frame_id: int, triggers: int) -> int:
        """Return the line at which a block begins; `frame_id` counts from 0. Call in the order of blocks."""
        first = self._end + (frame_id - self._next_id) * self._height
        self._next_id, self._end = frame_id + 1, first + triggers
        return first
