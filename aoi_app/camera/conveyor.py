"""Boards on a conveyor under a line-scan camera: which blocks leave the camera, and when. No clock in here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from aoi_app.camera.fault_plan import Fault, FaultKind, FaultPlan
from aoi_app.core.scan import LineBlock, Pixels, read_only


@dataclass(frozen=True, slots=True, eq=False)
class SourceBoard:
    """A board that is put on the line.

    Attributes
    ----------
    pixels
        (lines, width[, 3]) uint8; nobody writes to it any more. None when the board could not be read.
    serial
        What its label says.
    problem
        Why it could not be read.
    """

    pixels: Pixels | None
    serial: str
    problem: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A block, and the count of the encoder when it is complete; or a pause, or the loss of the camera.

    `pending_s`: for so long the camera asks for more time whenever it is asked something.
    """

    encoder: int
    block: LineBlock | None = None
    stall_s: float = 0.0
    vanish_s: float = 0.0
    pending_s: float = 0.0


UNREAD_WIDTH = 16
"""Width of the empty block that stands for a board that could not be read."""


class Conveyor:
    """Moves boards past the camera. The encoder counts one a line, and goes on counting between boards.

    Parameters
    ----------
    height
        Lines a block.
    gap_lines
        Lines between two boards.
    faults
        What goes wrong.
    line_period_ns
        For the time stamps.
    """

    def __init__(self, height: int, gap_lines: int, faults: FaultPlan, line_period_ns: float) -> None:
        self.encoder = 0
        self._height = height
        self._gap_lines = gap_lines
        self._faults = faults
        self._period_ns = line_period_ns
        self._since = (0, 0.0)
        self._frame_id = 0
        self._last: LineBlock | None = None

    def run_at(self, line_period_ns: float) -> None:
        """Go on at another line rate; time stamps go on from where they are."""
        self._since = self.encoder, self._stamp(self.encoder)
        self._period_ns = line_period_ns

    def _stamp(self, encoder: int) -> float:
        since, stamp = self._since
        return stamp + (encoder - since) * self._period_ns

    def run(self, board: SourceBoard, number: int) -> Iterator[Shot]:
        """Yield the shots of one board, the `number`th of the line."""
        if board.pixels is None:
            yield self._unreadable(board)
            return
        pixels, leading, position = board.pixels, self.encoder, 0
        length = pixels.shape[0]
        while position < length:
            end = min(position + self._height, length)
            fault = self._faults.take(number, end)
            whole = LineBlock(
                pixels=read_only(pixels[position:end]),
                frame_id=self._next_id(),
                timestamp_ns=int(self._stamp(leading + position)),
                encoder=leading + position,
                encoder_end=leading + end,
                starts_board=position == 0,
                ends_board=end == length,
                serial=board.serial if position == 0 else None,
            )
            if fault is not None and fault.kind is FaultKind.LOSE_LINES:
                whole, end = self._lose_lines(whole, pixels, position, fault)
                fault = None
            position, self.encoder = end, leading + end
            for shot in self._shots(whole, fault):
                self._last = shot.block or self._last
                yield shot
                if shot.vanish_s:
                    return
        self.encoder += self._gap_lines

    def _next_id(self) -> int:
        self._frame_id += 1
        return self._frame_id - 1

    def _unreadable(self, board: SourceBoard) -> Shot:
        block = LineBlock(
            pixels=np.zeros((0, UNREAD_WIDTH), np.uint8),
            frame_id=self._next_id(),
            timestamp_ns=int(self._stamp(self.encoder)),
            is_incomplete=True,
            starts_board=True,
            ends_board=True,
            serial=board.serial,
            problem=board.problem,
        )
        return Shot(self.encoder, block)

    def _lose_lines(self, whole: LineBlock, pixels: Pixels, position: int, fault: Fault) -> tuple[LineBlock, int]:
        """Skip lines; those after them move up, as when a camera ignores line triggers."""
        length = pixels.shape[0]
        first = max(position, fault.line)
        after = min(first + int(fault.amount), length)
        end = min(after + self._height - (first - position), length)
        block = replace(
            whole,
            pixels=np.concatenate([pixels[position:first], pixels[after:end]]),
            encoder_end=(whole.encoder or 0) + end - position,
            ends_board=end == length,
        )
        return block, end

    def _shots(self, whole: LineBlock, fault: Fault | None) -> Iterator[Shot]:
        shot = Shot(self.encoder, whole)
        if fault is None:
            yield shot
            return
        lines = min(int(fault.amount), whole.lines)
        if fault.kind is FaultKind.SHORT_BLOCK:
            yield replace(shot, block=replace(whole, pixels=whole.pixels[: whole.lines - lines]))
        elif fault.kind is FaultKind.PADDED_BLOCK:
            padded = whole.pixels.copy()
            padded[whole.lines - lines :] = 0
            yield replace(shot, block=replace(whole, pixels=padded, encoder_end=(whole.encoder_end or 0) - lines))
        elif fault.kind is FaultKind.INCOMPLETE_BLOCK:
            old = self._last.pixels if self._last else np.zeros_like(whole.pixels)
            yield replace(shot, block=replace(whole, pixels=old, is_incomplete=True))
        elif fault.kind is FaultKind.STALE_BLOCK:
            yield replace(shot, block=self._last)
        elif fault.kind is FaultKind.STALL:
            yield replace(shot, block=None, stall_s=fault.amount)
            yield shot
        elif fault.kind is FaultKind.VANISH:
            yield replace(shot, block=None, vanish_s=fault.amount)
        elif fault.kind is FaultKind.PENDING:
            yield replace(shot, pending_s=fault.amount)
        elif fault.kind is FaultKind.DROP_BLOCK:
            if fault.amount > 1 and not whole.ends_board:
                self._faults.again(replace(fault, line=fault.line + self._height, amount=fault.amount - 1))
            yield replace(shot, block=None)
