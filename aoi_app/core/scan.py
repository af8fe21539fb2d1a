"""What a line-scan camera delivers, and what the assembler makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""(lines, width) for Mono8, (lines, width, 3) for RGB8."""


class PixelFormat(str, Enum):
    """Pixel formats of a board, by their GenICam PFNC names."""

    MONO8 = "Mono8"
    RGB8 = "RGB8"

    @property
    def channels(self) -> int:
        """Samples per pixel."""
        return 1 if self is PixelFormat.MONO8 else 3


def pixel_shape(lines: int, width: int, pixel_format: PixelFormat) -> tuple[int, ...]:
    """Return the array shape of `lines` lines of `width` pixels."""
    return (lines, width) if pixel_format is PixelFormat.MONO8 else (lines, width, 3)


def read_only(pixels: Pixels) -> Pixels:
    """Return a view of `pixels` that nobody can write to."""
    view = pixels[...]
    view.flags.writeable = False
    return view


def freeze(pixels: Pixels) -> Pixels:
    """Return `pixels`, which nobody writes to any more: neither through it nor through what it is a part of."""
    part: object = pixels
    while isinstance(part, np.ndarray):
        part.flags.writeable = False
        part = part.base
    return pixels


def is_frozen(pixels: Pixels) -> bool:
    """Tell whether the values can never change; a read-only view of a buffer that others fill is not frozen."""
    part: object = pixels
    while isinstance(part, np.ndarray):
        if part.flags.writeable:
            return False
        part = part.base
    return part is None or isinstance(part, bytes)


@dataclass(frozen=True, slots=True, eq=False)
class LineBlock:
    """A run of scan lines as the camera delivered it.

    Attributes
    ----------
    pixels
        The lines, uint8, owned by the block (never a driver's buffer).
    frame_id
        Number of the block since the start of acquisition, unwrapped; a step of more than one is a loss.
    timestamp_ns
        Camera time of the first line, nanoseconds.
    encoder
        Encoder count at the first line, one count a line; None where the camera has no encoder.
    encoder_end
        Encoder count after the last line as the camera read it; None where it does not tell.
    is_incomplete
        The driver says that some of the lines are not the camera's. The pixels of such a block are never looked at.
    starts_board, ends_board
        The board sensor rose before the first line; fell after the last one.
    serial
        Serial number read at the gate; only on a block that starts a board.
    problem
        Why the block is incomplete, where the driver knows; one sentence without a full stop.
    """

    pixels: Pixels
    frame_id: int
    timestamp_ns: int
    encoder: int | None = None
    encoder_end: int | None = None
    is_incomplete: bool = False
    starts_board: bool = False
    ends_board: bool = False
    serial: str | None = None
    problem: str = ""

    @property
    def lines(self) -> int:
        """Lines that the driver says it delivered."""
        return int(self.pixels.shape[0])


@dataclass(frozen=True, slots=True, eq=False)
class BoardScan:
    """A board while its lines come in and until it is recorded.

    Attributes
    ----------
    board_id
        Unique for ever; what the record, the crops and the log call this board.
    serial
        Serial number or a running name.
    pixels
        Read-only view of the whole buffer, (capacity in lines, width[, 3]); only lines that were announced are valid.
    slot
        Index of the buffer in the ring.
    started_ns
        Wall clock (UTC) at the leading edge, nanoseconds.
    began_ns
        Monotonic clock then, nanoseconds: what other moments of this run are compared with.
    """

    board_id: str
    serial: str
    pixels: Pixels
    pixel_format: PixelFormat
    slot: int
    started_ns: int
    began_ns: int = 0

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self.pixels.shape[1])

    @property
    def capacity(self) -> int:
        """Lines the buffer can take."""
        return int(self.pixels.shape[0])


@dataclass(frozen=True, slots=True)
class Completeness:
    """The proof that a board was wholly seen, or what is missing from it.

    Attributes
    ----------
    lines
        Lines of the board in the buffer, from the leading edge on, rows that stand for lost lines included.
    missing_lines
        Lines known to be missing or not the camera's own.
    reasons
        Why the board is not complete; empty when it is. One short English sentence each.
    gaps
        Rows that stand for lost lines and are black: (first row, number of rows) each.
    """

    lines: int
    missing_lines: int = 0
    reasons: tuple[str, ...] = ()
    gaps: tuple[tuple[int, int], ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every line of the board was seen."""
        return not self.reasons and self.missing_lines == 0


@dataclass(frozen=True, slots=True, eq=False)
class ScanEnd:
    """The trailing edge has passed: nothing more will be written to the board's buffer.

    Attributes
    ----------
    input_hash
        xxh3-128 of the valid lines, hexadecimal: equal scans have equal hashes.
    ended_ns
        Monotonic clock when the last line was in, nanoseconds; the verdict's latency counts from here.
    """

    scan: BoardScan
    completeness: Completeness
    input_hash: str
    ended_ns: int

    @property
    def image(self) -> Pixels:
        """The board, (valid lines, width[, 3]), read-only."""
        return self.scan.pixels[: self.completeness.lines]


@dataclass(frozen=True, slots=True, eq=False)
class LinesIn:
    """So many lines of a board are in its buffer, and will not change any more."""

    scan: BoardScan
    lines: int
