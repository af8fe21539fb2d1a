"""A board while its lines are written: rows, gaps, hash, and the proof that each row was really written."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import xxhash

from aoi_app.camera.canary import MIN_ROW_BYTES, Canary
from aoi_app.core.scan import BoardScan, Completeness, Pixels, ScanEnd

MAX_REASONS = 6
"""Reasons kept in full; a camera that loses every second block must not fill the record."""

Copy = Callable[[Pixels, Pixels], None]
"""Writes lines into a buffer: copy(to, from)."""


class OpenBoard:
    """Writes each line of one board once.

    Parameters
    ----------
    scan
        The board as others see it.
    buffer
        The same memory, writable; of no lines when the ring had no free buffer.
    canary
        Marks for the rows.
    copy
        Writes lines into the buffer.
    reverse
        The last line comes first: the board is turned round at its end.
    """

    def __init__(
        self, scan: BoardScan, buffer: Pixels, canary: Canary, copy: Copy = np.copyto, *, reverse: bool = False
    ) -> None:
        self.scan = scan
        self.lines = 0
        self._buffer = buffer
        self._rows = buffer.reshape(buffer.shape[0], int(np.prod(buffer.shape[1:])))
        self._canary = canary
        self._copy = copy
        self._reverse = reverse
        self._hash = xxhash.xxh3_128()
        self._missing = 0
        self._reasons: list[str] = []
        self._unsaid = 0
        self._gaps: list[tuple[int, int]] = []
        if self._rows.shape[0]:
            canary.arm(self._rows)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is known to be missing so far."""
        return not self._reasons and self._missing == 0

    def fits(self, pixels: Pixels) -> bool:
        """Tell whether lines have the width and the pixel format of this board."""
        return pixels.shape[1:] == self._buffer.shape[1:]

    def blame(self, *reasons: str, missing: int = 0) -> None:
        """Note why the board is not complete, and how many lines more are missing."""
        self._missing += missing
        for reason in reasons:
            if reason in self._reasons:
                continue
            if len(self._reasons) < MAX_REASONS:
                self._reasons.append(reason)
            else:
                self._unsaid += 1

    def write(self, pixels: Pixels) -> None:
        """Append lines."""
        end = self._room_for(pixels.shape[0])
        written = slice(self.lines, end)
        self._copy(self._buffer[written], pixels[: end - self.lines])
        unwritten = self._canary.unwritten(self._rows, self.lines, end)
        if unwritten:
            self.blame("lines were announced that nobody wrote into the buffer", missing=unwritten)
        self._advance(end)

    def fill(self, lines: int) -> None:
        """Append black rows for lost lines, so that later lines keep their place. They count as missing."""
        end = self._room_for(lines)
        self._missing += end - self.lines
        if end > self.lines:
            self._gaps.append((self.lines, end - self.lines))
            self._buffer[self.lines : end] = 0
            self._advance(end)

    def end(self, ended_ns: int) -> ScanEnd:
        """Close the board; nothing may be written after."""
        if self._reverse:
            self._turn_round()
        reasons = [*self._reasons, *([f"and {self._unsaid} more of the kind"] if self._unsaid else [])]
        proof = Completeness(self.lines, self._missing, tuple(reasons), tuple(self._gaps))
        return ScanEnd(self.scan, proof, self._hash.hexdigest(), ended_ns)

    def _room_for(self, lines: int) -> int:
        capacity = int(self._buffer.shape[0])
        room = capacity - self.lines
        if lines > room:
            if capacity:
                self.blame(f"the board is longer than {capacity} lines, the most that the recipe allows")
            self._missing += lines - room
        return self.lines + min(lines, room)

    def _advance(self, end: int) -> None:
        # Of a board that is turned round at its end the hash is taken there.
        if not self._reverse:
            self._hash.update(self._rows[self.lines : end].data)
        self.lines = end

    def _turn_round(self) -> None:
        rows = self._rows[: self.lines]
        if self.lines:
            cv2.flip(rows, 0, rows)
        self._hash.update(rows.data)
        self._gaps = [(self.lines - first - count, count) for first, count in reversed(self._gaps)]


def row_problem(width: int, channels: int) -> str | None:
    """Tell why rows of this size cannot be watched over, or None when they can."""
    if width * channels < MIN_ROW_BYTES:
        return f"a board of {width} px across is too narrow, at least {MIN_ROW_BYTES // channels} px are needed"
    return None
