"""Draws regions and components over the picture of a board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPen, QPolygonF

from aoi_app.core.components import BoardFrame, Component, outline
from aoi_app.gui.recipes.drawn import CODE, IGNORE, DrawnRegion
from aoi_app.gui.texts import tr
from aoi_app.gui.theme import colour, ui_font

LABEL_SIDE = 22.0
"""A component this large on the screen has its designator beside it."""


@dataclass(frozen=True, slots=True)
class ToScreen:
    """From pixels of the golden board to logical pixels of the widget."""

    left: float
    top: float
    scale: float

    def box(self, x: float, y: float, w: float, h: float) -> QRectF:
        """Return a rectangle on the screen."""
        return QRectF((x - self.left) * self.scale, (y - self.top) * self.scale, w * self.scale, h * self.scale)

    def points(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (n, 2) places on the screen."""
        return np.asarray((places - (self.left, self.top)) * self.scale, np.float64)


def draw_region(painter: QPainter, item: DrawnRegion, screen: ToScreen, chosen: bool) -> None:
    """Draw a region: hatched where nothing is judged, dashed where the bar code is; told apart without colour."""
    region = item.region
    box = screen.box(region.x, region.y, region.w, region.h)
    shade = colour("warn" if item.kind == IGNORE else "accent" if item.kind == CODE else "act")
    fill = QColor(shade)
    fill.setAlpha(60 if item.kind == IGNORE else 28)
    painter.fillRect(box, fill)
    if item.kind == IGNORE:
        painter.fillRect(box, _hatched(shade))
    pen = QPen(shade, 3 if chosen else 1.5)
    pen.setStyle(Qt.PenStyle.DashLine if item.kind == CODE else Qt.PenStyle.SolidLine)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(box)
    painter.setFont(ui_font(9.5))
    text = region.name or tr(item.kind)
    metrics = painter.fontMetrics()
    label = QRectF(box.left(), box.top(), metrics.horizontalAdvance(text) + 12, metrics.height() + 4)
    painter.fillRect(label, shade)
    dark = {IGNORE: "warn_text", CODE: "window"}.get(item.kind, "act_text")
    painter.setPen(colour(dark))
    painter.drawText(label, Qt.AlignmentFlag.AlignCenter, text)


class ComponentOutlines:
    """The outlines of a recipe's components, computed once for all paints."""

    def __init__(self, components: Sequence[Component] = (), frame: BoardFrame | None = None) -> None:
        self.references = [component.reference for component in components]
        frame = frame or BoardFrame()
        shapes = [outline(component, frame) for component in components]
        self.corners = np.stack(shapes) if shapes else np.zeros((0, 4, 2))

    def at(self, x: float, y: float) -> str:
        """Return the component whose centre is nearest to a place within its outline's circle; empty for none."""
        if not self.references:
            return ""
        centres = self.corners.mean(axis=1)
        distance = np.hypot(*(centres - (x, y)).T)
        reach = np.hypot(*(self.corners[:, 0] - centres).T)
        inside = distance <= reach
        return self.references[int(np.argmin(np.where(inside, distance, np.inf)))] if inside.any() else ""

    def draw(self, painter: QPainter, screen: ToScreen, window: QRectF, chosen: str) -> None:
        """Draw those in view, the designators where there is room."""
        if not self.references:
            return
        shown = screen.points(self.corners)
        low, high = shown.min(axis=1), shown.max(axis=1)
        seen = (high >= (window.left(), window.top())).all(axis=1) & (low <= (window.right(), window.bottom())).all(
            axis=1
        )
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setFont(ui_font(8.5))
        for k in np.flatnonzero(seen).tolist():
            is_chosen = self.references[k] == chosen
            shape = QPolygonF([QPointF(x, y) for x, y in shown[k].tolist()])
            # Light on dark: seen on any board.
            for shade, width in ((QColor(0, 0, 0, 170), 3), (QColor(255, 255, 255), 1)):
                painter.setPen(QPen(colour("act") if is_chosen else shade, 4 if is_chosen else width))
                painter.drawPolygon(shape)
            if is_chosen or min(high[k] - low[k]) >= LABEL_SIDE:
                _draw_label(painter, self.references[k], QPointF(low[k, 0], low[k, 1]), is_chosen)


def _draw_label(painter: QPainter, text: str, corner: QPointF, chosen: bool) -> None:
    metrics = painter.fontMetrics()
    height = metrics.height()
    box = QRectF(corner.x(), corner.y() - height, metrics.horizontalAdvance(text) + 6, height)
    painter.fillRect(box, colour("act") if chosen else QColor(0, 0, 0, 170))
    painter.setPen(QColor("#ffffff"))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


def _hatched(shade: QColor) -> QBrush:
    pale = QColor(shade)
    pale.setAlpha(110)
    return QBrush(pale, Qt.BrushStyle.BDiagPattern)
