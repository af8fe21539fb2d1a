"""The board on the device: a ring of lines that is filled while the board comes in, and the golden board beside it."""

from __future__ import annotations

import logging
import math

import numpy as np

from aoi_app.core.errors import EngineError
from aoi_app.core.scan import Pixels, is_frozen
from aoi_app.inference.device_calls import Device
from aoi_app.inference.runtimes.tensorrt.gpu.driver import CudaOutOfMemory
from aoi_app.inference.runtimes.tensorrt.gpu.memory import DeviceBuffer, is_pinned
from aoi_app.inference.runtimes.tensorrt.gpu.stream import Event, Stream

_log = logging.getLogger(__name__)


class LineFeed:
    """Brings each line of a board to the device once, beside the work of the lanes.

    A golden board that never changes (`is_frozen`) stays there whole from board to board: its lines travel with the
    first board only. Others, such as those registered to each scan, go through a ring like the board's.

    Parameters
    ----------
    gpu
        Whose memory it takes.
    golden_bytes
        Largest golden board that is kept.
    """

    def __init__(self, gpu: Device, golden_bytes: int = 0) -> None:
        self.lines = 0
        self._gpu = gpu
        self._most_golden = golden_bytes
        self.stream = Stream()
        self._arrived = Event()
        self._ring: DeviceBuffer | None = None
        self._golden_ring: DeviceBuffer | None = None
        self._golden_lines = 1
        self._golden_sent = 0
        self._pixels: _Source | None = None
        self._golden: _Source | None = None
        self._last: Stream | None = None
        self._sent = 0
        self.uploaded_bytes = 0

    def begin(self, pixels: Pixels, golden: Pixels | None, lines: int) -> None:
        """Start on a board, all copies of the one before being done; takes memory only when it needs more than ever.

        Parameters
        ----------
        golden
            In the same geometry; like the board's, its lines need to be there only when they are sent.
        lines
            That the ring holds: more than a tile's height, or a tile's first lines are gone before its last are in.
        """
        self._sent, self.uploaded_bytes, self.lines, self._last = 0, 0, lines, None
        self._pixels = _Source(pixels)
        self._begin_golden(golden, lines)
        self._ring = self._at_least(self._ring, self._pixels.pitch * lines)

    def _begin_golden(self, golden: Pixels | None, lines: int) -> None:
        """Take memory for the golden board: for all of it where it stays, else for the ring."""
        if golden is None:
            self._golden = None
            return
        if self._golden is not None and self._golden.stays and self._golden.pixels is golden:
            return  # what was sent of it is there
        self._golden, self._golden_sent = _Source(golden), 0
        pitch, whole = self._golden.pitch, self._golden.pitch * self._golden.lines
        if whole <= self._most_golden and is_frozen(golden):
            try:
                self._golden_ring = self._at_least(self._golden_ring, whole)
                self._golden.stays, self._golden_lines = True, self._golden.lines
                return
            except CudaOutOfMemory as error:
                self._golden_ring = None
                _log.warning("The golden board travels with every board: %s", error)
        self._golden_ring, self._golden_lines = self._at_least(self._golden_ring, pitch * lines), lines

    def _at_least(self, buffer: DeviceBuffer | None, nbytes: int) -> DeviceBuffer:
        """Return `buffer`, or a larger one in its place."""
        if buffer is not None and buffer.nbytes >= nbytes:
            return buffer
        with self._gpu:
            if buffer is not None:
                buffer.free()
            return DeviceBuffer(nbytes)

    @property
    def address(self) -> int:
        """Device address of the ring."""
        return self._ring.address if self._ring is not None else 0

    def where_it_lies(self, lines: int) -> int:
        """Return the host address of the first `lines` lines of the board where kernels can read them, else 0."""
        return self._pixels.pinned(lines) if self._pixels is not None else 0

    @property
    def golden(self) -> tuple[int, int, int, int]:
        """Device address, lines, samples a pixel and lines in the ring of the golden board; address 0 for none."""
        if self._golden is None or self._golden_ring is None:
            return 0, 0, 1, 1
        return self._golden_ring.address, self._golden.lines, self._golden.samples, self._golden_lines

    @property
    def nbytes(self) -> int:
        """Device memory held."""
        return sum(b.nbytes for b in (self._ring, self._golden_ring) if b is not None)

    @property
    def sent(self) -> int:
        """Lines of the board that were sent so far."""
        return self._sent

    def send(self, lines: int, stream: Stream | None = None) -> None:
        """Queue the copy of all lines before line `lines` that were not sent yet.

        Parameters
        ----------
        stream
            Where nothing else is under way: the stream whose next launch reads them, so that it waits for no other.
        """
        if self._pixels is None or self._ring is None:
            raise EngineError("No board is in hand.", "Call begin first.")
        if lines <= self._sent:
            return
        if lines - self._sent > self.lines:
            raise EngineError(f"{lines - self._sent} new lines do not fit a ring of {self.lines}.")
        stream = stream or self.stream
        self.let_wait(stream)  # the mark set below stands for all lines before it, too
        self._copy(self._pixels, self._ring, self.lines, (self._sent, lines), stream)
        self.send_golden(lines, stream)
        self._sent, self._last = lines, stream
        self._arrived.record(stream)

    def send_golden(self, lines: int, stream: Stream) -> None:
        """Queue the copy of the golden board's lines before line `lines` that are not there yet."""
        if self._golden is None or self._golden_ring is None:
            return
        there = self._golden_sent if self._golden.stays else self._sent
        end = min(lines, self._golden.lines)
        self._copy(self._golden, self._golden_ring, self._golden_lines, (there, end), stream)
        self._golden_sent = max(there, end)

    def _copy(self, source: _Source, ring: DeviceBuffer, size: int, span: tuple[int, int], stream: Stream) -> None:
        """Queue the copy of the lines from `span[0]` to before `span[1]` into a ring of `size` lines."""
        pitch, (line, lines) = source.pitch, span
        while line < lines:
            place = line % size
            count = min(lines - line, size - place)
            stream.upload(ring.address + place * pitch, source.address_of(line, count), count * pitch)
            line += count
            self.uploaded_bytes += count * pitch

    def let_wait(self, stream: Stream) -> None:
        """Let `stream` wait for the lines sent so far."""
        if self._last is not None and self._last is not stream:
            stream.wait(self._arrived)

    def forget(self) -> None:
        """Let go of the board, all of whose lines have arrived; a golden board that stays is known again."""
        self._pixels = None
        if self._golden is not None and not self._golden.stays:
            self._golden = None

    def close(self) -> None:
        """Free all memory; may be called twice."""
        self.stream.close()  # the driver frees it when its work is done
        self._arrived.close()
        for buffer in (self._ring, self._golden_ring):
            if buffer is not None:
                buffer.free()
        self._ring = self._golden_ring = self._pixels = self._golden = None


class _Source:
    """Lines in host memory and where they lie; asked once a board, for that costs more than a copy."""

    __slots__ = ("_address", "_part", "lines", "pitch", "pixels", "samples", "stays")

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels
        self.stays = False
        # the interface is made in one call of C; `ctypes.data` takes Python objects, and a microsecond more
        self._address = int(pixels.__array_interface__["data"][0]) if pixels.flags.c_contiguous else 0
        self.lines = len(pixels)
        self.samples = 1 if pixels.ndim == 2 else 3
        self.pitch = math.prod(pixels.shape[1:])

    def pinned(self, lines: int) -> int:
        """Return the address of the first `lines` lines if they lie in pinned memory, one behind the other; else 0."""
        return self._address if self._address and is_pinned(self._address, lines * self.pitch) else 0

    def address_of(self, line: int, count: int) -> int:
        """Return the address of `count` whole lines; scattered ones are copied, and staged before an upload returns."""
        if self._address:
            return self._address + line * self.pitch
        self._part = np.ascontiguousarray(self.pixels[line : line + count])
        return int(self._part.ctypes.data)
