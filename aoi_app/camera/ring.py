"""The ring of board buffers: allocated once, lent out, and taken back when nobody looks any more."""

from __future__ import annotations

import math
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from aoi_app.core.scan import Pixels

Allocate = Callable[[int], Pixels]
"""Bytes -> uint8 array of that many bytes, kept for the ring's life: plain memory, or pinned where there is a GPU."""


def plain_memory(nbytes: int) -> Pixels:
    """Allocate ordinary memory, and touch it, so that no page fault falls into a scan."""
    memory = np.empty(nbytes, np.uint8)
    memory.fill(0)
    return memory


class _Lease:
    """Lends a slot's memory to one board. It dies with the last numpy view of the board, and frees the slot."""

    def __init__(self, memory: Pixels, shape: tuple[int, ...]) -> None:
        self._memory = memory
        self.__array_interface__: dict[str, Any] = {
            "data": (memory.ctypes.data, False),
            "shape": shape,
            "typestr": "|u1",
            "version": 3,
        }


class BufferRing:
    """Board buffers in memory allocated at start.

    A slot is free again when the last array that shows it is gone: the assembler, the detector, the recorder and the
    screen need not agree on who is last, and no buffer can be written to while somebody still looks at it.

    Parameters
    ----------
    slots
        Number of buffers.
    slot_bytes
        Size of each: lines x width x channels of the largest board.
    allocate
        Called once a slot.
    """

    def __init__(self, slots: int, slot_bytes: int, allocate: Allocate = plain_memory) -> None:
        self.slot_bytes = slot_bytes
        self._memory = [allocate(slot_bytes) for _ in range(slots)]
        # A deque's append and popleft are atomic: a lease may die in any thread, inside any lock.
        self._free: deque[int] = deque(range(slots))

    @property
    def slots(self) -> int:
        """Number of buffers."""
        return len(self._memory)

    @property
    def free(self) -> int:
        """Number of buffers that nobody looks at."""
        return len(self._free)

    def take(self, row_shape: tuple[int, ...], max_lines: int) -> tuple[int, Pixels] | None:
        """Lend a buffer for a board.

        Parameters
        ----------
        row_shape
            Shape of one line: (width,) or (width, 3).
        max_lines
            The buffer is no longer than this, and no longer than fits.

        Returns
        -------
        (int, array) or None
            Slot and (lines, *row_shape) uint8, content undefined; None when every buffer is in use.
        """
        lines = min(max_lines, self.slot_bytes // math.prod(row_shape))
        try:
            slot = self._free.popleft()
        except IndexError:
            return None
        lease = _Lease(self._memory[slot], (lines, *row_shape))
        weakref.finalize(lease, self._free.append, slot).atexit = False
        pixels: Pixels = np.asarray(lease)
        return slot, pixels
