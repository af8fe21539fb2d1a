"""Regions of a recipe on the picture of a board: drawn, chosen and moved with the mouse."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QBrush, QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from aoi_app.core.recipe import Recipe, Region
from aoi_app.gui.board.view import BoardView
from aoi_app.gui.texts import tr
from aoi_app.gui.theme import colour, ui_font

LEAST_SIDE = 4.0
"""Board pixels; a smaller rectangle was a slip of the mouse."""

INSPECT, IGNORE = "Inspection region", "Ignore region"


@dataclass(frozen=True, slots=True)
class DrawnRegion:
    """A region and what it is for: `INSPECT` or `IGNORE`."""

    kind: str
    region: Region


def regions_of(recipe: Recipe) -> tuple[DrawnRegion, ...]:
    """Return all regions of a recipe."""
    return (
        *(DrawnRegion(INSPECT, region) for region in recipe.regions),
        *(DrawnRegion(IGNORE, region) for region in recipe.ignore_regions),
    )


def with_regions(recipe: Recipe, drawn: tuple[DrawnRegion, ...]) -> Recipe:
    """Return the recipe with other regions."""
    kinds = {kind: tuple(d.region for d in drawn if d.kind == kind) for kind in (INSPECT, IGNORE)}
    return recipe.model_copy(update={"regions": kinds[INSPECT], "ignore_regions": kinds[IGNORE]})


class RegionView(BoardView):
    """A board view on which rectangles are drawn.

    The picture may be smaller than the board: regions are in board pixels, `factor` of them to one of the picture.
    """

    drawn = Signal(object)
    """A new `DrawnRegion`."""
    changed = Signal(int, object)
    """A region was moved: its number, and what it is now."""
    chosen = Signal(int)
    """Number of the region under a click, -1 for none."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, "Let a board pass to draw regions on its picture")
        self.regions: tuple[DrawnRegion, ...] = ()
        self.factor = 1.0
        self.kind: str | None = None
        self._chosen = -1
        self._from: QPointF | None = None
        self._moving: tuple[int, DrawnRegion] | None = None
        self._to = QPointF()

    def show_regions(self, regions: tuple[DrawnRegion, ...], chosen: int) -> None:
        """Show regions, one of them chosen."""
        self.regions, self._chosen = regions, chosen
        self.update()

    def draw(self, kind: str | None) -> None:
        """Draw the next region with the mouse, or stop doing so."""
        self.kind = kind
        self.setCursor(Qt.CursorShape.CrossCursor if kind else Qt.CursorShape.ArrowCursor)

    def _place(self, event: QMouseEvent) -> QPointF:
        """Return the board position under the cursor, held to the board."""
        at = event.position() * self.devicePixelRatioF()
        x, y = self.viewport.to_board(at.x(), at.y())
        width, lines = self.board_size
        return QPointF(min(max(x, 0.0), width), min(max(y, 0.0), lines)) * self.factor

    def _number_at(self, place: QPointF) -> int:
        hits = [k for k, d in enumerate(self.regions) if d.region.contains(place.x(), place.y())]
        return min(hits, key=lambda k: self.regions[k].region.w * self.regions[k].region.h, default=-1)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a rectangle, take hold of the chosen one, or of the picture."""
        place = self._place(event)
        if event.button() != Qt.MouseButton.LeftButton or self.picture is None:
            super().mousePressEvent(event)
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

    def _in_hand(self) -> DrawnRegion | None:
        """Return the rectangle as the mouse has it now; None for one without an area."""
        if self._from is None:
            return None
        if self._moving is not None:
            old, step = self._moving[1], self._to - self._from
            region = old.region
            x, y = max(0.0, region.x + step.x()), max(0.0, region.y + step.y())
            return replace(old, region=region.model_copy(update={"x": round(x, 1), "y": round(y, 1)}))
        box = QRectF(self._from, self._to).normalized()
        if self.kind is None or box.width() <= 0 or box.height() <= 0:
            return None
        x, y, w, h = (round(v, 1) for v in (box.x(), box.y(), box.width(), box.height()))
        return DrawnRegion(self.kind, Region(x=x, y=y, w=max(w, 0.1), h=max(h, 0.1)))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the board, then the regions over it."""
        super().paintEvent(event)
        if self.picture is None:
            return
        painter = QPainter(self)
        painter.setFont(ui_font(9.5))
        shown = list(self.regions)
        if self._moving is not None:
            shown[self._moving[0]] = self._in_hand() or self._moving[1]
        elif (new := self._in_hand()) is not None:
            shown.append(new)
        for number, item in enumerate(shown):
            self._paint_region(painter, item, number == self._chosen)

    def _paint_region(self, painter: QPainter, item: DrawnRegion, chosen: bool) -> None:
        view, ratio = self.viewport, self.devicePixelRatioF()
        left, top, _, _ = view.visible()
        scale = view.scale / ratio
        region = item.region
        box = QRectF(
            (region.x / self.factor - left) * scale,
            (region.y / self.factor - top) * scale,
            region.w / self.factor * scale,
            region.h / self.factor * scale,
        )
        ignore = item.kind == IGNORE
        shade = QColor(colour("warn" if ignore else "act"))
        fill = QColor(shade)
        fill.setAlpha(60 if ignore else 28)
        painter.fillRect(box, fill)
        if ignore:
            # Hatched: told from an inspection region without colour.
            painter.fillRect(box, _hatched(shade))
        painter.setPen(QPen(shade, 3 if chosen else 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(box)
        text = region.name or tr(item.kind)
        metrics = painter.fontMetrics()
        label = QRectF(box.left(), box.top(), metrics.horizontalAdvance(text) + 12, metrics.height() + 4)
        painter.fillRect(label, shade)
        painter.setPen(colour("warn_text" if ignore else "act_text"))
        painter.drawText(label, Qt.AlignmentFlag.AlignCenter, text)


def _hatched(shade: QColor) -> QBrush:
    pale = QColor(shade)
    pale.setAlpha(110)
    return QBrush(pale, Qt.BrushStyle.BDiagPattern)
