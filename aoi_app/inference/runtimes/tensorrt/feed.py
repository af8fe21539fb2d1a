"""The board on the device: a ring of lines that is filled while the board comes in, and one for the golden board."""

from __future__ import annotations

import math

import numpy as np

from aoi_app.core.errors import EngineError
from aoi_app.core.scan import Pixels
from aoi_app.inference.runtimes.tensorrt.gpu.memory import DeviceBuffer
from aoi_app.inference.runtimes.tensorrt.gpu.stream import Event, Stream


class LineFeed:
    """Brings each line of a board to the device once, in a stream of its own."""

    def __init__(self) -> None:
        self.lines = 0
        self.stream = Stream()
        self._arrived = Event()
        self._ring: DeviceBuffer | None = None
        self._golden_ring: DeviceBuffer | None = None
        self._pixels: Pixels | None = None
        self._golden: Pixels | None = None
        self._sent = 0
        self.uploaded_bytes = 0

    def begin(self, pixels: Pixels, golden: Pixels | None, lines: int) -> None:
        """Start on a board; memory is taken only when it needs more than any before.

        Parameters
        ----------
        golden
            In the same geometry; like the board's, its lines need to be there only when they are sent.
        lines
            That the ring holds: more than a tile's height, or a tile's first lines are gone before its last are in.
        """
        self._pixels, self._golden, self._sent, self.uploaded_bytes, self.lines = pixels, golden, 0, 0, lines
        self._ring = _at_least(self._ring, _pitch(pixels) * lines)
        if golden is not None:
            self._golden_ring = _at_least(self._golden_ring, _pitch(golden) * lines)

    @property
    def address(self) -> int:
        """Device address of the ring."""
        return self._ring.address if self._ring is not None else 0

    @property
    def golden(self) -> tuple[int, int, int]:
        """Device address, lines and samples a pixel of the golden board's ring; zeros where there is none."""
        if self._golden is None or self._golden_ring is None:
            return 0, 0, 1
        return self._golden_ring.address, len(self._golden), 1 if self._golden.ndim == 2 else 3

    @property
    def nbytes(self) -> int:
        """Device memory held."""
        return sum(b.nbytes for b in (self._ring, self._golden_ring) if b is not None)

    @property
    def sent(self) -> int:
        """Lines of the board that were sent so far."""
        return self._sent

    def send(self, lines: int) -> None:
        """Queue the copy of all lines before line `lines` that were not sent yet."""
        if self._pixels is None or self._ring is None:
            raise EngineError("No board is in hand.", "Call begin first.")
        if lines <= self._sent:
            return
        if lines - self._sent > self.lines:
            raise EngineError(f"{lines - self._sent} new lines do not fit a ring of {self.lines}.")
        self._copy(self._pixels, self._ring, lines)
        if self._golden is not None and self._golden_ring is not None:
            self._copy(self._golden, self._golden_ring, min(lines, len(self._golden)))
        self._sent = lines
        self._arrived.record(self.stream)

    def _copy(self, pixels: Pixels, ring: DeviceBuffer, lines: int) -> None:
        pitch, line = _pitch(pixels), self._sent
        while line < lines:
            place = line % self.lines
            count = min(lines - line, self.lines - place)
            # A view of whole lines costs nothing; anything else is copied, and staged before the call returns.
            part = np.ascontiguousarray(pixels[line : line + count])
            self.stream.upload(ring.address + place * pitch, part.ctypes.data, count * pitch)
            line += count
            self.uploaded_bytes += count * pitch

    def let_wait(self, stream: Stream) -> None:
        """Let `stream` wait for the lines sent so far."""
        stream.wait(self._arrived)

    def forget(self) -> None:
        """Let go of the board, all of whose lines have arrived."""
        self._pixels = self._golden = None

    def close(self) -> None:
        """Free all memory; may be called twice."""
        self.stream.close()  # the driver frees it when its work is done
        self._arrived.close()
        for buffer in (self._ring, self._golden_ring):
            if buffer is not None:
                buffer.free()
        self._ring = self._golden_ring = self._pixels = self._golden = None


def _pitch(pixels: Pixels) -> int:
    """Return the bytes of a line."""
    return math.prod(pixels.shape[1:])


def _at_least(buffer: DeviceBuffer | None, nbytes: int) -> DeviceBuffer:
    """Return `buffer`, or a larger one in its place."""
    if buffer is not None and buffer.nbytes >= nbytes:
        return buffer
    if buffer is not None:
        buffer.free()
    return DeviceBuffer(nbytes)
