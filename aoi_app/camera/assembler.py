"""From line blocks to boards: each line written once, and a proof of what is there and what is not."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import datetime, timezone

import numpy as np

from aoi_app.camera.board_options import BoardOptions, GapPolicy, Transport
from aoi_app.camera.canary import Canary
from aoi_app.camera.continuity import Arrival, Continuity
from aoi_app.camera.open_board import Copy, OpenBoard, row_problem
from aoi_app.camera.ring import BufferRing
from aoi_app.core.errors import CameraError
from aoi_app.core.recipe import MAX_LENGTH_LINES, MAX_WIDTH_PX
from aoi_app.core.scan import BoardScan, LineBlock, LinesIn, PixelFormat, Pixels, ScanEnd, read_only
from aoi_app.core.text import one_line

BoardEvent = LinesIn | ScanEnd

NO_SLOT = -1
"""Slot of a scan that got no buffer."""

DEFAULT_OPTIONS = BoardOptions()


class BoardAssembler:
    """Makes boards of line blocks. One thread at a time.

    Every board that begins ends in exactly one `ScanEnd`, and so does every board of which only a part was seen.

    Parameters
    ----------
    ring
        The buffers.
    height
        Lines of a whole block (SFNC `Height`), as the camera answered to `configure`.
    max_lines
        Longest board; what comes after is not kept, and the board is not complete.
    timeout_s
        A board of which nothing has come for so long has ended; it is not complete. Noticed by `tick`.
    options
        What happens to a board with lost lines, and which edge comes first. A board that is turned round is announced
        when it is whole.
    copy
        Writes lines into a buffer: copy(to, from).
    monotonic_ns, wall_ns
        Clocks.
    """

    def __init__(
        self,
        ring: BufferRing,
        height: int,
        *,
        max_lines: int = MAX_LENGTH_LINES,
        timeout_s: float = 5.0,
        options: BoardOptions = DEFAULT_OPTIONS,
        copy: Copy = np.copyto,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._ring = ring
        self._continuity = Continuity(height)
        self._canary = Canary(max_lines)
        self._max_lines = max_lines
        self._timeout_ns = int(timeout_s * 1e9)
        self._aborts = options.gap_policy is GapPolicy.ABORT
        self._reverse = options.transport is Transport.REVERSE
        self._copy = copy
        self._monotonic_ns = monotonic_ns
        self._wall_ns = wall_ns
        self._board: OpenBoard | None = None
        self._after_timeout = self._after_abort = False
        self._last_ns = 0
        self._count = 0

    @property
    def in_board(self) -> bool:
        """Whether a board is in hand: begun, and not ended."""
        return self._board is not None

    def feed(self, block: LineBlock) -> list[BoardEvent]:
        """Take in a block.

        Raises
        ------
        CameraError
            The pixels are not lines of 8-bit samples, or are too narrow or too wide for a board.
        """
        _check(block)
        events = self._placed(block)
        if self._aborts and self._board is not None and not self._board.is_whole:
            self._board.blame("it was aborted there: its rest was not looked at", missing=self._continuity.owed)
            self._after_abort = True
            events += self._end()
        return events

    def _placed(self, block: LineBlock) -> list[BoardEvent]:
        events: list[BoardEvent] = []
        arrival = self._continuity.check(block)
        self._last_ns = self._monotonic_ns()
        if arrival.is_stale:
            if self._board:
                self._board.blame(*arrival.reasons)
            return events
        if block.starts_board:
            self._first_block(block, arrival, events)
        elif self._board is None and self._after_timeout and not arrival.blocks_lost:
            # The rest of a board that has had its verdict.
            self._after_timeout = not block.ends_board
            self._continuity.settle()
            return events
        elif self._board is None and self._after_abort and not _another_board(block, arrival):
            self._after_abort = not block.ends_board
            if block.ends_board:
                self._continuity.settle()
            return events
        elif self._board is None:
            self._begin(block).blame("its leading edge was not seen", missing=arrival.blocks_lost and arrival.gap)
        elif arrival.at_border:
            self._board.blame("its trailing edge was not seen", *arrival.reasons, missing=arrival.gap)
            events += self._end()
            self._begin(block).blame("its leading edge was not seen")
        else:
            self._board.fill(arrival.gap)
        self._take(block, arrival, events)
        return events

    def tick(self) -> list[BoardEvent]:
        """End a board of which nothing has come for too long. Call when `fetch` came back empty."""
        if self._board is None or self._monotonic_ns() - self._last_ns < self._timeout_ns:
            return []
        self._board.blame(f"no lines came for {self._timeout_ns / 1e9:g} s before its trailing edge was seen")
        self._after_timeout = True
        return self._settle_and_end()

    def abort(self, reason: str) -> list[BoardEvent]:
        """End the board in hand, if any, because of `reason`, and expect frame ids to begin anew."""
        events: list[BoardEvent] = []
        if self._board:
            self._board.blame(reason)
            events += self._settle_and_end()
        self._after_timeout = self._after_abort = False
        self._continuity.reset()
        return events

    def _first_block(self, block: LineBlock, arrival: Arrival, events: list[BoardEvent]) -> None:
        if self._board:
            self._board.blame("its trailing edge was not seen before the next board began", missing=arrival.gap)
            events += self._end()
        elif arrival.blocks_lost and not self._after_abort:
            # A whole board may have gone by in the gap: it must not be absent.
            unseen = self._open(block, _no_buffer(block), serial=None)
            unseen.blame(
                f"blocks were lost between two boards ({arrival.blocks_lost}): a board may have gone by unseen",
                missing=arrival.gap,
            )
            events.append(unseen.end(self._monotonic_ns()))
        self._begin(block)

    def _take(self, block: LineBlock, arrival: Arrival, events: list[BoardEvent]) -> None:
        board = self._board
        if board is None:
            return
        board.blame(*arrival.reasons)
        lines = block.pixels[: arrival.usable]
        if board.fits(lines):
            board.write(lines)
        else:
            shape, due = block.pixels.shape[1:], board.scan.pixels.shape[1:]
            board.blame(f"block {block.frame_id} has lines of shape {shape}, the board has {due}")
            board.fill(arrival.usable)
        if board.scan.slot != NO_SLOT and not self._reverse:
            events.append(LinesIn(board.scan, board.lines))
        if block.ends_board:
            events += self._settle_and_end()

    def _begin(self, block: LineBlock) -> OpenBoard:
        self._after_timeout = self._after_abort = False
        taken = self._ring.take(block.pixels.shape[1:], self._max_lines)
        self._board = self._open(block, taken or _no_buffer(block), block.serial)
        if taken is None:
            self._board.blame(
                f"no free buffer: all {self._ring.slots} hold boards that are still being inspected, "
                "the line is too fast for the station"
            )
        return self._board

    def _open(self, block: LineBlock, taken: tuple[int, Pixels], serial: str | None) -> OpenBoard:
        slot, buffer = taken
        pixel_format = PixelFormat.MONO8 if buffer.ndim == 2 else PixelFormat.RGB8
        now = self._wall_ns()
        self._count += 1
        named = one_line(serial or "")
        running = datetime.fromtimestamp(now / 1e9, timezone.utc).strftime("%Y%m%d-%H%M%S") + f"-{self._count:04d}"
        scan = BoardScan(
            uuid.uuid4().hex, named or running, read_only(buffer), pixel_format, slot, now, self._monotonic_ns()
        )
        return OpenBoard(scan, buffer, self._canary, self._copy, reverse=self._reverse)

    def _settle_and_end(self) -> list[BoardEvent]:
        assert self._board is not None
        self._board.blame(missing=self._continuity.settle())
        return self._end()

    def _end(self) -> list[BoardEvent]:
        board = self._board
        assert board is not None
        self._board = None
        end = board.end(self._monotonic_ns())
        # One that is turned round at its end could not be shown before.
        seen: list[BoardEvent] = [LinesIn(board.scan, board.lines)] if self._reverse and board.lines else []
        return [*seen, end]


def _another_board(block: LineBlock, arrival: Arrival) -> bool:
    """Tell whether a block after lost ones may belong to another board than those before."""
    return arrival.at_border or (arrival.blocks_lost > 0 and block.encoder is None)


def _no_buffer(block: LineBlock) -> tuple[int, Pixels]:
    return NO_SLOT, np.empty((0, *block.pixels.shape[1:]), np.uint8)


def _check(block: LineBlock) -> None:
    pixels = block.pixels
    shape = pixels.shape
    if pixels.dtype != np.uint8 or not (pixels.ndim == 2 or (pixels.ndim == 3 and shape[2] == 3)):
        raise CameraError(
            f"Block {block.frame_id} holds {pixels.dtype} samples of shape {shape}, 8-bit Mono8 or RGB8 lines are due.",
            "Set PixelFormat to Mono8 or RGB8.",
        )
    problem = row_problem(shape[1], 1 if pixels.ndim == 2 else 3)
    if shape[1] > MAX_WIDTH_PX:
        problem = f"a board of {shape[1]} px across is too wide, at most {MAX_WIDTH_PX} px are possible"
    if problem:
        raise CameraError(f"Block {block.frame_id} cannot be used: {problem}.", "Set the camera's Width.")
