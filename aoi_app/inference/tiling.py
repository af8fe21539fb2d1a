"""Plan of overlapping tiles over a board whose length is not known until its trailing edge."""

from __future__ import annotations

from dataclasses import dataclass

from aoi_app.core.errors import EngineError


def fitting_overlap(wanted: int, size: tuple[int, int]) -> int:
    """Return what tiles of (height, width) pixels share: half a tile at most, for models that are smaller than usual.

    More would leave no step between small tiles, or have each pixel inspected dozens of times.
    """
    return min(wanted, min(size) // 2)


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile: corner in pixels of the board. It reaches beyond a board that is smaller than a tile."""

    x: int
    y: int


@dataclass(frozen=True, slots=True)
class TilePlan:
    """Where the tiles of a board lie.

    Columns are spread evenly over the width, the last one aligned to the right edge. Rows start every
    `height - overlap` lines; the last one is aligned to the trailing edge when that has passed.

    Attributes
    ----------
    board_width
        Pixels across the board.
    height, width
        Of a tile, pixels: the model's input size.
    overlap
        Pixels that neighbours share at least; a defect no longer than this is seen whole by one tile.
    """

    board_width: int
    height: int
    width: int
    overlap: int

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < min(self.height, self.width):
            raise EngineError(
                f"A tile overlap of {self.overlap} px does not fit a model of {self.width} x {self.height} px.",
                f"Set the overlap to less than {min(self.height, self.width)} px; a quarter of it is usual.",
            )

    @property
    def columns(self) -> tuple[int, ...]:
        """Left edges of the tiles of a row."""
        room = self.board_width - self.width
        if room <= 0:
            return (0,)
        steps = -(-room // (self.width - self.overlap))
        return tuple(room * i // steps for i in range(steps + 1))

    @property
    def step(self) -> int:
        """Lines between the starts of two rows."""
        return self.height - self.overlap

    def rows_within(self, lines: int) -> int:
        """Return how many rows are complete when `lines` lines are in."""
        return 0 if lines < self.height else (lines - self.height) // self.step + 1

    def last_row(self, lines: int) -> int | None:
        """Return the first line of the extra row that a board of `lines` lines needs at its end, or None."""
        full = self.rows_within(lines)
        if full == 0:
            return 0 if lines > 0 else None
        return None if (full - 1) * self.step + self.height == lines else lines - self.height

    def row(self, index: int) -> tuple[Tile, ...]:
        """Return the tiles of complete row `index`."""
        return self.row_at(index * self.step)

    def row_at(self, y: int) -> tuple[Tile, ...]:
        """Return the tiles of the row that starts at line `y`."""
        return tuple(Tile(x, y) for x in self.columns)

    def tiles(self, lines: int) -> tuple[Tile, ...]:
        """Return all tiles of a finished board of `lines` lines, in the order in which they are inspected."""
        rows = [self.row(i) for i in range(self.rows_within(lines))]
        last = self.last_row(lines)
        if last is not None:
            rows.append(self.row_at(last))
        return tuple(tile for row in rows for tile in row)
