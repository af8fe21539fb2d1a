"""Where boards begin and end: from what a camera tells of its blocks to the flags of a line block."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from aoi_app.core.errors import FeatureError
from aoi_app.core.scan import LineBlock, Pixels


class BoardEnd(str, Enum):
    """How the end of a board is known."""

    SENSOR = "sensor"
    """The input line of the board sensor is low after the last line."""
    SHORT_BLOCK = "short_block"
    """A block with fewer lines than Height is the last one of its board."""
    LENGTH = "length"
    """Every board has the same number of lines."""
    COUNTER = "counter"
    """The camera counts the blocks of each board anew: seen when the next one begins, or nothing comes."""
    TIMEOUT = "timeout"
    """Nothing comes for a while."""


_HELD = (BoardEnd.COUNTER, BoardEnd.TIMEOUT)
"""The end shows only after the last block: it is held back until it is known to be the last one, or not."""


@dataclass(frozen=True, slots=True, eq=False)
class CameraBlock:
    """A block as a driver got it, its pixels made 8-bit lines.

    Attributes
    ----------
    frame_id
        Unwrapped.
    line_triggers
        Line triggers from the first line to the end of the last, where the camera counts them.
    board_present
        Level of the board sensor after the last line.
    part
        Number of the block within its board.
    """

    pixels: Pixels
    frame_id: int
    timestamp_ns: int
    encoder: int | None = None
    line_triggers: int | None = None
    board_present: bool | None = None
    part: int | None = None


class BoardGate:
    """Sets the beginning and end of boards on the blocks of one acquisition.

    After a lost block a beginning is only believed when the camera itself says so: a board whose first lines were
    lost must not look like a whole one.

    Parameters
    ----------
    height
        Lines of a whole block.
    end
        How the end of a board is known; None takes the sensor where the camera tells of it, otherwise short blocks.
    board_lines
        Lines of every board, for `BoardEnd.LENGTH`: a multiple of `height`.
    quiet_s
        After so long without a block a board has ended, for `BoardEnd.COUNTER` and `BoardEnd.TIMEOUT`.
    clock_s
        Monotonic seconds.

    Raises
    ------
    FeatureError
        `board_lines` is no multiple of `height`.
    """

    def __init__(
        self,
        height: int,
        end: BoardEnd | None = None,
        *,
        board_lines: int = 0,
        quiet_s: float = 0.5,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        if end is BoardEnd.LENGTH and (board_lines < height or board_lines % height):
            raise FeatureError(
                f"Boards of {board_lines} lines cannot be cut from blocks of {height} lines.",
                "Set board_lines to a multiple of Height.",
            )
        self._height = height
        self._end = end
        self._blocks_a_board = max(1, board_lines // height)
        self._quiet_s = quiet_s
        self._clock_s = clock_s
        self._held: CameraBlock | None = None
        self._held_since = 0.0
        self._missed = 0
        self._missed_end: CameraBlock | None = None
        self._last_id: int | None = None
        self._last_ended = False

    def apply(self, block: CameraBlock) -> LineBlock | None:
        """Take a block; return the one that can be delivered: it, the one before, or none yet."""
        if self._end not in _HELD:
            return self._flagged(block, self._ends(block))
        before, self._held, self._held_since = self._held, block, self._clock_s()
        self._missed = 0
        if before is None:
            return self._end_that_was_missed()
        return self._flagged(before, self._end is BoardEnd.COUNTER and _begins_anew(before, block))

    def miss(self) -> None:
        """Note that a block came that cannot be used: if it was the last one, its board must not look whole."""
        if self._held is not None:
            self._missed, self._held_since = self._missed + 1, self._clock_s()

    def quiet(self) -> LineBlock | None:
        """Return the block that nothing has followed for so long that it is the last of its board."""
        if self._held is None:
            return self._end_that_was_missed()
        if self._clock_s() - self._held_since < self._quiet_s:
            return None
        last, self._held = self._held, None
        if self._missed:
            self._missed_end = CameraBlock(last.pixels[:0], last.frame_id + self._missed, last.timestamp_ns)
        return self._flagged(last, not self._missed)

    def _end_that_was_missed(self) -> LineBlock | None:
        """Return what stands for the last blocks of a board that came incomplete; None where none did."""
        block, self._missed_end = self._missed_end, None
        return None if block is None else replace(self._flagged(block, True), is_incomplete=True)

    def _ends(self, block: CameraBlock) -> bool:
        if self._end is BoardEnd.LENGTH:
            return block.frame_id % self._blocks_a_board == self._blocks_a_board - 1
        if self._end is BoardEnd.SHORT_BLOCK or block.board_present is None:
            return bool(block.pixels.shape[0] < self._height)
        return not block.board_present

    def _starts(self, block: CameraBlock) -> bool:
        if self._end is BoardEnd.LENGTH:
            return block.frame_id % self._blocks_a_board == 0
        if block.part is not None:
            return block.part == 0
        follows = self._last_id is not None and block.frame_id == self._last_id + 1
        return follows and self._last_ended

    def _flagged(self, block: CameraBlock, ends: bool) -> LineBlock:
        starts = self._starts(block)
        self._last_id, self._last_ended = block.frame_id, ends
        encoder = block.encoder
        return LineBlock(
            pixels=block.pixels,
            frame_id=block.frame_id,
            timestamp_ns=block.timestamp_ns,
            encoder=encoder,
            encoder_end=None if encoder is None or block.line_triggers is None else encoder + block.line_triggers,
            starts_board=starts,
            ends_board=ends,
        )


def _begins_anew(before: CameraBlock, block: CameraBlock) -> bool:
    """Tell whether the board of a block ended with the one before, and wholly: no block of it was lost between them."""
    if before.part is None or block.part is None:
        return False
    return block.part <= before.part and block.frame_id - before.frame_id - 1 <= block.part
