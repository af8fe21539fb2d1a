"""The signs of the verdicts as small pictures, for tables and lists."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QBrush, QPainter, QPen, QPixmap

from aoi_app.core.inspection import Verdict
from aoi_app.gui.line.verdict_looks import LOOKS
from aoi_app.gui.theme import colour

SIZE = 20


def verdict_pixmap(verdict: Verdict, size: int = SIZE) -> QPixmap:
    """Return a verdict's sign: filled for what is bad, an outline for what passed."""
    look = LOOKS[verdict]
    result = QPixmap(2 * size, 2 * size)
    result.fill(Qt.GlobalColor.transparent)
    result.setDevicePixelRatio(2)
    painter = QPainter(result)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    filled = look.lamp != 2
    painter.setBrush(QBrush(colour(look.back)) if filled else Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(colour(look.front), 1.4))
    look.shape(painter, QRectF(1.5, 1.5, size - 3, size - 3))
    painter.end()
    return result
