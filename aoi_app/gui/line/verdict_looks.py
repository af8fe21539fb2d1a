"""How each verdict looks: shape, word, place, then colour. Data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen, QPolygonF

from aoi_app.core.inspection import Verdict

Shape = Callable[[QPainter, QRectF], None]
"""Draws a sign into a square with the painter's pen; filled with its brush."""


def _circle_tick(painter: QPainter, box: QRectF) -> None:
    painter.drawEllipse(box)
    _strokes(painter, box, ((0.27, 0.53), (0.44, 0.70), (0.74, 0.34)))


def _octagon_cross(painter: QPainter, box: QRectF) -> None:
    cut = box.width() * 0.29
    x1, y1, x2, y2 = box.left(), box.top(), box.right(), box.bottom()
    corners = [(x1 + cut, y1), (x2 - cut, y1), (x2, y1 + cut), (x2, y2 - cut)]
    corners += [(x2 - cut, y2), (x1 + cut, y2), (x1, y2 - cut), (x1, y1 + cut)]
    painter.drawPolygon(QPolygonF([QPointF(*c) for c in corners]))
    _strokes(painter, box, ((0.32, 0.32), (0.68, 0.68)), ((0.68, 0.32), (0.32, 0.68)))


def _triangle_mark(painter: QPainter, box: QRectF) -> None:
    painter.drawPolygon(QPolygonF([QPointF(box.center().x(), box.top()), box.bottomRight(), box.bottomLeft()]))
    _strokes(painter, box, ((0.5, 0.38), (0.5, 0.66)), ((0.5, 0.82), (0.5, 0.83)))


def _bar_square(painter: QPainter, box: QRectF) -> None:
    painter.drawRect(box.adjusted(box.width() * 0.06, box.height() * 0.06, -box.width() * 0.06, -box.height() * 0.06))
    _strokes(painter, box, ((0.3, 0.5), (0.7, 0.5)))


def _dots(painter: QPainter, box: QRectF) -> None:
    _strokes(painter, box, *(((x, 0.5), (x + 0.01, 0.5)) for x in (0.22, 0.5, 0.78)))


def _strokes(painter: QPainter, box: QRectF, *lines: tuple[tuple[float, float], ...]) -> None:
    path = QPainterPath()
    for line in lines:
        points = [QPointF(box.left() + x * box.width(), box.top() + y * box.height()) for x, y in line]
        path.moveTo(points[0])
        for point in points[1:]:
            path.lineTo(point)
    pen = QPen(painter.pen())
    pen.setWidthF(box.width() * 0.11)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.strokePath(path, pen)


@dataclass(frozen=True, slots=True)
class VerdictLook:
    """How a verdict is shown.

    Attributes
    ----------
    word
        English; looked up in the language in use.
    back, front, edge
        Colour tokens.
    lamp
        Place of its sign in the column of signs, from the top; None for one without a place.
    striped
        Whether the rim is striped, as around a machine's danger zone: seen without any colour.
    """

    word: str
    shape: Shape
    back: str
    front: str
    edge: str
    lamp: int | None
    striped: bool = False


LOOKS: dict[Verdict, VerdictLook] = {
    Verdict.FAILED: VerdictLook("FAIL", _octagon_cross, "bad", "bad_text", "bad", 0),
    Verdict.ERROR: VerdictLook("ERROR", _triangle_mark, "warn", "warn_text", "warn", 1, striped=True),
    Verdict.ABORTED: VerdictLook("ABORTED", _bar_square, "raised", "text", "strong_line", 1, striped=True),
    Verdict.PASSED: VerdictLook("PASS", _circle_tick, "good_panel", "good", "line", 2),
}
WAITING = VerdictLook("WAITING", _dots, "panel", "muted", "line", None)
LAMPS = (Verdict.FAILED, Verdict.ERROR, Verdict.PASSED)
"""The column of signs, from the top, as on a signal tower."""
