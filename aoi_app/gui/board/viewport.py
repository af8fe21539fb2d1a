"""Which part of a board is on the screen, and how board pixels become screen pixels. Pure geometry."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

MOST_ZOOM = 40.0
MARGIN = 12.0


@dataclass(frozen=True, slots=True)
class Patch:
    """A rectangle of one pyramid level, and the whole screen pixels that it fills.

    Boxes are mapped with the very numbers that the picture is drawn with, rounded as they are: else they would swim
    against it by a pixel while zooming.

    Attributes
    ----------
    level
        Halvings of the board.
    rows, columns
        First and one past the last pixel of the level.
    x, y, width, height
        Screen pixels.
    """

    level: int
    rows: tuple[int, int]
    columns: tuple[int, int]
    x: int
    y: int
    width: int
    height: int

    @property
    def scale(self) -> tuple[float, float]:
        """Screen pixels per board pixel, across and along."""
        size = 1 << self.level
        return (
            self.width / ((self.columns[1] - self.columns[0]) * size),
            self.height / ((self.rows[1] - self.rows[0]) * size),
        )

    def to_screen(self, boxes: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return (n, 4) boxes x1 y1 x2 y2 of the board in screen pixels."""
        size, (sx, sy) = 1 << self.level, self.scale
        left, top = self.columns[0] * size, self.rows[0] * size
        moved = np.asarray(boxes, np.float64).reshape(-1, 4) - (left, top, left, top)
        result: NDArray[np.float64] = moved * (sx, sy, sx, sy) + (self.x, self.y, self.x, self.y)
        return result


@dataclass(frozen=True, slots=True)
class Viewport:
    """A window onto a board.

    Attributes
    ----------
    width, height
        Screen pixels.
    x, y
        Board pixel at the window's centre.
    scale
        Screen pixels per board pixel.
    """

    width: int
    height: int
    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0

    def to_board(self, x: float, y: float) -> tuple[float, float]:
        """Return the board position under a screen position."""
        return self.x + (x - self.width / 2) / self.scale, self.y + (y - self.height / 2) / self.scale

    def fitted(self, board: tuple[float, float]) -> Viewport:
        """Return the window that shows a whole board of (width, lines), with a margin."""
        across, along = max(board[0], 1.0), max(board[1], 1.0)
        room = max(self.width - 2 * MARGIN, 1.0), max(self.height - 2 * MARGIN, 1.0)
        return replace(self, x=across / 2, y=along / 2, scale=min(room[0] / across, room[1] / along, MOST_ZOOM))

    def following(self, board_width: float, lines: float) -> Viewport:
        """Return the window that shows the full width, with the newest line near the lower edge."""
        scale = max(self.width - 2 * MARGIN, 1.0) / max(board_width, 1.0)
        visible = self.height / scale
        return replace(self, x=board_width / 2, y=max(lines - visible * 0.4, visible / 2), scale=scale)

    def zoomed(self, factor: float, x: float, y: float, board: tuple[float, float]) -> Viewport:
        """Return the window zoomed so that the board position under screen (x, y) stays where it is."""
        least = self.fitted(board).scale / 2
        scale = min(max(self.scale * factor, least), MOST_ZOOM)
        bx, by = self.to_board(x, y)
        return replace(
            self, scale=scale, x=bx - (x - self.width / 2) / scale, y=by - (y - self.height / 2) / scale
        ).held_to(board)

    def panned(self, dx: float, dy: float, board: tuple[float, float]) -> Viewport:
        """Return the window after the picture was dragged by so many screen pixels."""
        return replace(self, x=self.x - dx / self.scale, y=self.y - dy / self.scale).held_to(board)

    def centred(self, box: tuple[float, float, float, float], board: tuple[float, float]) -> Viewport:
        """Return the window on a defect: it and its surroundings, at least at the scale it has now."""
        side = max(box[2] - box[0], box[3] - box[1], 24.0)
        scale = min(max(self.scale, min(self.width, self.height) / (6 * side)), MOST_ZOOM)
        centre = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        return replace(self, x=centre[0], y=centre[1], scale=scale).held_to(board)

    def held_to(self, board: tuple[float, float]) -> Viewport:
        """Return the window moved so that its centre lies on the board."""
        return replace(self, x=min(max(self.x, 0.0), board[0]), y=min(max(self.y, 0.0), board[1]))

    def resized(self, width: int, height: int) -> Viewport:
        """Return the window with another size and the same centre."""
        return replace(self, width=max(width, 1), height=max(height, 1))

    def visible(self) -> tuple[float, float, float, float]:
        """Return the board rectangle in view: x1, y1, x2, y2; may reach beyond the board."""
        half_w, half_h = self.width / 2 / self.scale, self.height / 2 / self.scale
        return self.x - half_w, self.y - half_h, self.x + half_w, self.y + half_h

    def patch(self, board_width: int, lines: int, levels: int) -> Patch | None:
        """Return what to draw of a pyramid of which `lines` lines of the board are in; None when nothing is in view.

        Parameters
        ----------
        levels
            Number of levels; level k has `board_width >> k` columns and `lines >> k` valid rows.
        """
        level = min(max(0, math.floor(math.log2(1 / self.scale))), levels - 1) if self.scale < 1 else 0
        size = 1 << level
        x1, y1, x2, y2 = self.visible()
        columns = max(0, math.floor(x1 / size)), min(board_width >> level, math.ceil(x2 / size))
        rows = max(0, math.floor(y1 / size)), min(lines >> level, math.ceil(y2 / size))
        if columns[0] >= columns[1] or rows[0] >= rows[1]:
            return None
        return Patch(
            level,
            rows,
            columns,
            round((columns[0] * size - x1) * self.scale),
            round((rows[0] * size - y1) * self.scale),
            max(1, round((columns[1] - columns[0]) * size * self.scale)),
            max(1, round((rows[1] - rows[0]) * size * self.scale)),
        )
