"""Tri-linear sensors: their red, green and blue rows see a line of the board one after the other. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from aoi_app.core.errors import FeatureError
from aoi_app.core.scan import LineBlock, PixelFormat, Pixels

Option = int | float | str | bool

MAX_OFFSET = 256
"""Lines; the rows of sensors lie some dozen lines apart at most."""


def offsets_of(options: Mapping[str, Option]) -> tuple[int, int, int]:
    """Return the option `row_offsets`, such as "0,8,16": lines by which red, green and blue come late.

    Raises
    ------
    FeatureError
        These are not three numbers of lines.
    """
    text = str(options.get("row_offsets", ""))
    if not text:
        return 0, 0, 0
    try:
        red, green, blue = (int(part) for part in text.split(","))
    except ValueError as error:
        raise FeatureError(f"row_offsets is {text!r}.", "Give three numbers of lines, such as 0,8,16.") from error
    least = min(red, green, blue)
    offsets = red - least, green - least, blue - least
    if max(offsets) > MAX_OFFSET:
        raise FeatureError(f"row_offsets is {text!r}.", f"Give numbers that differ by {MAX_OFFSET} lines at most.")
    return offsets


def row_offsets(options: Mapping[str, Option], pixel_format: PixelFormat) -> tuple[int, int, int]:
    """Return the offsets of `offsets_of` for a camera of this format.

    Raises
    ------
    FeatureError
        These are not three numbers of lines, or the camera sends no colours.
    """
    offsets = offsets_of(options)
    text = options.get("row_offsets", "")
    if text and pixel_format is not PixelFormat.RGB8:
        raise FeatureError(f"row_offsets is {text!r}, but the camera sends {pixel_format.value}.", "Leave it out.")
    return offsets


class ChannelAligner:
    """Brings the colours of a line together: the ones that come early wait for the latest.

    The picture lags behind the camera by as many lines as the rows differ. The first lines of a board that does not
    follow lines before it have no early colours of their own: those of the first line stand in.

    Parameters
    ----------
    offsets
        Lines by which red, green and blue come late; the least is 0.
    """

    def __init__(self, offsets: tuple[int, int, int]) -> None:
        self._waits = tuple(max(offsets) - offset for offset in offsets)
        self._most = max(self._waits)
        self._tail: Pixels | None = None
        self._next: tuple[int, int | None] = -1, None

    def __call__(self, block: LineBlock) -> LineBlock:
        """Return the block with its colours aligned."""
        lines = block.lines
        if lines == 0 or block.is_incomplete:
            return block
        before = self._tail if self._follows(block) else None
        if before is None:
            before = np.repeat(block.pixels[:1], self._most, axis=0)
        known = np.concatenate([before, block.pixels])
        aligned = np.empty_like(block.pixels)
        for channel, wait in enumerate(self._waits):
            first = self._most - wait
            aligned[..., channel] = known[first : first + lines, :, channel]
        self._tail = known[-self._most :]
        self._next = block.frame_id + 1, None if block.encoder is None else block.encoder + lines
        return replace(block, pixels=aligned)

    def _follows(self, block: LineBlock) -> bool:
        """Tell whether the lines before this block's are those of the block before it."""
        due, line = self._next
        if block.frame_id != due:
            return False
        return block.encoder == line if line is not None else not block.starts_board
