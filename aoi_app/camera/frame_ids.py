"""Frame ids of 16 bits that skip 0, made into numbers that only grow."""

from __future__ import annotations

CYCLE_16 = 65_535
"""GigE Vision 1.x counts 1, 2, ... 65535, 1, ..."""


class FrameIds:
    """Unwraps the ids of one acquisition.

    Parameters
    ----------
    cycle
        Number of different ids, of which 0 is none. A camera that sends a larger one counts with 64 bits.
    """

    def __init__(self, cycle: int = CYCLE_16) -> None:
        self._cycle = cycle
        self._last: int | None = None
        self._count = 0

    def unwrap(self, frame_id: int) -> int:
        """Return the id since the start of acquisition: 0 for the first one seen, less than the last for an old one."""
        if self._last is None:
            self._last = frame_id
            return 0
        step = frame_id - self._last
        if frame_id > self._cycle:
            self._cycle = 0
        if self._cycle:
            step %= self._cycle
            if step > self._cycle // 2:
                step -= self._cycle
        if step > 0:
            self._last, self._count = frame_id, self._count + step
            return self._count
        return self._count + step
