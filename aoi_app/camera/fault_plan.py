"""Faults that the simulated line produces on demand."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from aoi_app.core.errors import CameraError


class FaultKind(str, Enum):
    """What goes wrong; in brackets what `amount` counts."""

    LOSE_LINES = "lose_lines"
    """Line triggers are ignored within a block (lines)."""
    DROP_BLOCK = "drop_block"
    """Blocks never arrive (blocks)."""
    SHORT_BLOCK = "short_block"
    """A block ends early (lines that are missing from it)."""
    STALE_BLOCK = "stale_block"
    """The block before is delivered once more instead of this one (unused)."""
    PADDED_BLOCK = "padded_block"
    """The last lines of a block are blank (lines)."""
    INCOMPLETE_BLOCK = "incomplete_block"
    """Packets of the block are missing and the driver says so (unused)."""
    STALL = "stall"
    """Nothing comes for a while, then all goes on (seconds)."""
    VANISH = "vanish"
    """The camera is gone, and back after a while (seconds); the rest of the board goes by unseen."""
    PENDING = "pending"
    """A camera on a network sends its lines, but asks for more time whenever it is asked something (seconds)."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, once.

    Attributes
    ----------
    board
        Number of the board since the line was set up, from 0.
    line
        Line of the board at which it happens.
    amount
        How much of it; see `FaultKind`.
    """

    kind: FaultKind
    board: int
    line: int = 0
    amount: float = 1


_FAULT = re.compile(r"(?P<kind>[a-z_]+)@(?P<board>\d+)(:(?P<line>\d+))?(x(?P<amount>\d+(\.\d+)?))?")


class FaultPlan:
    """The faults of a simulated line: each happens once.

    Parameters
    ----------
    faults
        In any order; two in the same block happen one block after the other.
    """

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._left = sorted(faults, key=lambda f: (f.board, f.line))

    @staticmethod
    def parse(text: str) -> FaultPlan:
        """Read a plan such as ``lose_lines@3:1000x5, vanish@5:200x4``: kind @ board : line x amount.

        Raises
        ------
        CameraError
            Names the part that is not a fault.
        """
        return FaultPlan(_parse_one(part.strip()) for part in text.split(",") if part.strip())

    def take(self, board: int, end: int) -> Fault | None:
        """Return the first fault of a board that is due before line `end`, and strike it off."""
        for index, fault in enumerate(self._left):
            if fault.board == board and fault.line < end:
                return self._left.pop(index)
        return None

    def has(self, kind: FaultKind) -> bool:
        """Tell whether a kind of fault is still to come."""
        return any(fault.kind is kind for fault in self._left)

    def again(self, fault: Fault) -> None:
        """Add a fault that goes on in a later block."""
        self._left.insert(0, fault)


def _parse_one(part: str) -> Fault:
    match = _FAULT.fullmatch(part)
    kinds = [k.value for k in FaultKind]
    if match is None or match["kind"] not in kinds:
        raise CameraError(
            f"{part!r} is not a fault of the simulated camera.",
            f"Write KIND@BOARD:LINExAMOUNT, where KIND is one of {', '.join(kinds)}.",
        )
    return Fault(FaultKind(match["kind"]), int(match["board"]), int(match["line"] or 0), float(match["amount"] or 1))
