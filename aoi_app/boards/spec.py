"""What kind of board is to be drawn."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class BoardKind(str, Enum):
    """What stands on the board."""

    BARE = "bare"
    ASSEMBLED = "assembled"


class Look(str, Enum):
    """How the scan looks.

    `IDEAL` is the drawing itself, `BINARY` what a threshold makes of a scan (as DeepPCB's files are), `LINE_SCAN` a
    lit and noisy grey or colour picture.
    """

    IDEAL = "ideal"
    BINARY = "binary"
    LINE_SCAN = "line-scan"


@dataclass(frozen=True, slots=True)
class BoardSpec:
    """A board to be drawn.

    Attributes
    ----------
    width, lines
        Size in pixels.
    px_per_mm
        Resolution; 48 is that of DeepPCB.
    defects
        Least and greatest number of defects.
    look
        How the scan looks.
    misregistration_px
        Greatest shift of the golden picture against the scan, pixels; 0 lays them exactly on each other.
    colour
        RGB rather than grey (assembled boards).
    """

    kind: BoardKind = BoardKind.BARE
    width: int = 640
    lines: int = 640
    px_per_mm: float = 48.0
    defects: tuple[int, int] = (3, 12)
    look: Look = Look.BINARY
    misregistration_px: float = 0.0
    colour: bool = False

    def __post_init__(self) -> None:
        if self.width < 64 or self.lines < 64:
            raise ValueError(f"a board of {self.width} x {self.lines} px is too small; the least side is 64 px")
        if not 1 <= self.px_per_mm <= 200:
            raise ValueError(f"px_per_mm is {self.px_per_mm}; it must lie between 1 and 200")
        if not 0 <= self.defects[0] <= self.defects[1]:
            raise ValueError(f"defects is {self.defects}; it must be two numbers, the lesser first")
