"""A mark in every row of a buffer that tells whether the row has been written.

Acquisition libraries hand over buffers in which some rows still hold what was there before: blanks, or lines of the
board before. A mark of 16 random bytes a row, put there before the scan, shows it: a row that was really written
differs from its mark, except once in 2**64 rows.
"""

from __future__ import annotations

import secrets

import numpy as np
from numpy.typing import NDArray

EDGE_BYTES = 8
"""Bytes of the mark at either end of a row, so that a row that was half written shows as well."""

MIN_ROW_BYTES = 2 * EDGE_BYTES


class Canary:
    """Marks for buffers of up to `rows` rows.

    Parameters
    ----------
    rows
        Most rows that a buffer has.
    """

    def __init__(self, rows: int) -> None:
        generator = np.random.Generator(np.random.PCG64(secrets.randbits(128)))
        marks = generator.integers(0, 256, (rows, 2, EDGE_BYTES), dtype=np.uint8)
        self._head, self._tail = marks[:, 0], marks[:, 1]

    def arm(self, buffer: NDArray[np.uint8]) -> None:
        """Mark every row of `buffer`, (rows, bytes a row)."""
        rows = buffer.shape[0]
        buffer[:, :EDGE_BYTES] = self._head[:rows]
        buffer[:, -EDGE_BYTES:] = self._tail[:rows]

    def unwritten(self, buffer: NDArray[np.uint8], first: int, end: int) -> int:
        """Return how many of the rows `first` to `end` (exclusive) of `buffer` still bear a mark at either end."""
        rows = slice(first, end)
        head = (buffer[rows, :EDGE_BYTES] == self._head[rows]).all(axis=1)
        tail = (buffer[rows, -EDGE_BYTES:] == self._tail[rows]).all(axis=1)
        return int(np.count_nonzero(head | tail))
