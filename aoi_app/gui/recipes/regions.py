"""A board on which regions are drawn, chosen, moved and resized, with the mouse and with keys."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from aoi_app.core.recipe import Region
from aoi_app.gui.board.view import BoardView
from aoi_app.gui.recipes.drawn import CODE, IGNORE, INSPECT, DrawnRegion, regions_of, with_regions
from aoi_app.gui.recipes.region_painter import ComponentOutlines, ToScreen, draw_region

__all__ = ["CODE", "IGNORE", "INSPECT", "DrawnRegion", "RegionView", "regions_of", "with_regions"]

LEAST_SIDE = 4.0
"""Board pixels; a smaller rectangle was a slip of the mouse."""
NUDGE, FAR_NUDGE = 1.0, 10.0
"""Board pixels that an arrow key moves a region, and with Shift."""
ARROWS = {Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, -1), Qt.Key.Key_Down: (0, 1)}


class RegionView(BoardView):
    """A board view on which rectangles are drawn.

    The picture may be smaller than the board: regions are in board pixels, `factor` of them to one of the picture.
    """

    drawn = Signal(object)
    """A new `DrawnRegion`."""
    changed = Signal(int, object)
    """A region was moved or resized: its number, and what it is now."""
    chosen = Signal(int)
    """Number of the region under a click, -1 for none."""
    picked = Signal(float, float)
    """A place of the board that somebody points at, after `pick`."""
    component_clicked = Signal(str)
    """Reference designator of the component under a click."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, "Let a board pass to draw regions on its picture")
        self.regions: tuple[DrawnRegion, ...] = ()
        self.outlines = ComponentOutlines()
        self.component = ""
        self.factor = 1.0
        self.kind: str | None = None
        self._picking = False
        self._chosen = -1
        self._from: QPointF | None = None
        self._moving: tuple[int, DrawnRegion] | None = None
        self._to = QPointF()

    def show_regions(self, regions: tuple[DrawnRegion, ...], chosen: int) -> None:
        """Show regions, one of them chosen."""
        self.regions, self._chosen = regions, chosen
        self.update()

    def show_components(self, outlines: ComponentOutlines, chosen: str = "") -> None:
        """Show the outlines of components, one of them chosen."""
        self.outlines, self.component = outlines, chosen
        self.update()

    def draw(self, kind: str | None) -> None:
        """Draw the next region with the mouse, or stop doing so."""
        self.kind, self._picking = kind, False
        self.setCursor(Qt.CursorShape.CrossCursor if kind else Qt.CursorShape.ArrowCursor)

    def pick(self, on: bool) -> None:
        """Tell the next place that is clicked by `picked`, or stop doing so."""
        self.kind, self._picking = None, on
        self.setCursor(Qt.CursorShape.CrossCursor if on else Qt.CursorShape.ArrowCursor)

    def _place(self, event: QMouseEvent) -> QPointF:
        """Return the board position under the cursor, held to the board."""
        at = event.position() * self.devicePixelRatioF()
        x, y = self.viewport.to_board(at.x(), at.y())
        width, lines = self.board_size
        return QPointF(min(max(x, 0.0), width), min(max(y, 0.0), lines)) * self.factor

    def _number_at(self, place: QPointF) -> int:
        hits = [k for k, d in enumerate(self.regions) if d.region.contains(place.x(), place.y())]
        return min(hits, key=lambda k: self.regions[k].region.area, default=-1)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a rectangle, point at a place, take hold of the chosen region, or of the picture."""
        place = self._place(event)
        if event.button() != Qt.MouseButton.LeftButton or self.picture is None:
            super().mousePressEvent(event)
        elif self._picking:
            self.pick(False)
            self.picked.emit(place.x(), place.y())
        elif self.kind is not None:
            self._from = self._to = place
        elif 0 <= self._chosen < len(self.regions) and self._number_at(place) == self._chosen:
            self._from = self._to = place
            self._moving = (self._chosen, self.regions[self._chosen])
        else:
            super().mousePressEvent(event)
            number = self._number_at(place)
            if number != self._chosen:
                self.chosen.emit(number)
            component = self.outlines.at(place.x(), place.y())
            if component:
                self.component_clicked.emit(component)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Grow the rectangle, or move it."""
        if self._from is None:
            super().mouseMoveEvent(event)
            return
        self._to = self._place(event)
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Finish the rectangle, or leave it where it is."""
        if self._from is None:
            super().mouseReleaseEvent(event)
            return
        result = self._in_hand()
        moving, self._moving, self._from = self._moving, None, None
        if moving is not None and result is not None:
            self.changed.emit(moving[0], result)
        elif result is not None and min(result.region.w, result.region.h) >= LEAST_SIDE:
            self.drawn.emit(result)
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the chosen region with the arrows; with Ctrl, resize it; with Shift, in larger steps."""
        arrow = ARROWS.get(Qt.Key(event.key()))
        if arrow is None or not 0 <= self._chosen < len(self.regions):
            super().keyPressEvent(event)
            return
        held = event.modifiers()
        step = FAR_NUDGE if held & Qt.KeyboardModifier.ShiftModifier else NUDGE
        dx, dy = arrow[0] * step, arrow[1] * step
        region = self.regions[self._chosen]
        resizes = bool(held & Qt.KeyboardModifier.ControlModifier)
        self.changed.emit(self._chosen, region.resized(dx, dy, LEAST_SIDE) if resizes else region.moved(dx, dy))

    def _in_hand(self) -> DrawnRegion | None:
        """Return the rectangle as the mouse has it now; None for one without an area."""
        if self._from is None:
            return None
        if self._moving is not None:
            step = self._to - self._from
            return self._moving[1].moved(step.x(), step.y())
        box = QRectF(self._from, self._to).normalized()
        if self.kind is None or box.width() <= 0 or box.height() <= 0:
            return None
        x, y, w, h = (round(v, 1) for v in (box.x(), box.y(), box.width(), box.height()))
        return DrawnRegion(self.kind, Region(x=x, y=y, w=max(w, 0.1), h=max(h, 0.1)))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the board, then components and regions over it."""
        super().paintEvent(event)
        if self.picture is None:
            return
        painter = QPainter(self)
        left, top, _, _ = self.viewport.visible()
        scale = self.viewport.scale / self.devicePixelRatioF()
        screen = ToScreen(left * self.factor, top * self.factor, scale / self.factor)
        self.outlines.draw(painter, screen, QRectF(self.rect()), self.component)
        shown = list(self.regions)
        if self._moving is not None:
            shown[self._moving[0]] = self._in_hand() or self._moving[1]
        elif (new := self._in_hand()) is not None:
            shown.append(new)
        for number, item in enumerate(shown):
            draw_region(painter, item, screen, number == self._chosen)
