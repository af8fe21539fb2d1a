"""Draws defect boxes and their labels over a board."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen

from aoi_app.gui.board.picture import Marks
from aoi_app.gui.board.viewport import Patch
from aoi_app.gui.class_colours import class_colour
from aoi_app.gui.texts import defect_title
from aoi_app.gui.theme import colour, ui_font

LEAST_SIDE = 11.0
"""Screen pixels: a smaller box is drawn this large around its centre, else nobody sees it on a whole board."""
LABEL_SIDE = 26.0
"""A box this large on the screen has its label."""
MOST_LABELS = 80
MOST_BOXES = 3_000
FEW_BOXES = 400
"""So few boxes have thick lines with a rim, which is seen on a board of any colour."""


def draw_marks(painter: QPainter, marks: Marks, patch: Patch, window: QRectF, selected: int | None) -> None:
    """Draw the boxes in view, those of one class together; what is selected, and labels where there is room."""
    if not len(marks):
        return
    boxes = _grown(patch.to_screen(marks.boxes))
    inside = (boxes[:, 2] >= window.left()) & (boxes[:, 0] <= window.right())
    inside &= (boxes[:, 3] >= window.top()) & (boxes[:, 1] <= window.bottom())
    shown = np.flatnonzero(inside)
    if len(shown) > MOST_BOXES:
        shown = shown[np.argsort(-marks.confidences[shown], kind="stable")[:MOST_BOXES]]
    painter.setBrush(Qt.BrushStyle.NoBrush)
    groups: dict[tuple[str, bool], list[QRectF]] = {}
    for k in shown.tolist():
        groups.setdefault((marks.codes[k], bool(marks.counts[k])), []).append(_rect(boxes[k]))
    few = len(shown) < FEW_BOXES
    for (code, counts), rects in groups.items():
        shade = class_colour(code)
        if counts and few:
            painter.setPen(QPen(_against(shade), 4))
            painter.drawRects(rects)
        pen = QPen(shade, 2 if counts and few else 1)
        pen.setCosmetic(True)
        if not counts:
            pen.setStyle(Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.drawRects(rects)
    true_sides = (marks.boxes[:, 2] - marks.boxes[:, 0]) * patch.scale[0]
    labelled = [k for k in shown.tolist() if marks.signs or true_sides[k] >= LABEL_SIDE][:MOST_LABELS]
    if selected is not None and selected < len(marks):
        _draw_selection(painter, _rect(boxes[selected]))
    # Last: the brackets of the selection must not cover the name of what is selected.
    _draw_labels(painter, marks, boxes, labelled, window)


def _grown(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = np.maximum((boxes[:, 2:] - boxes[:, :2]) / 2, LEAST_SIDE / 2)
    return np.concatenate([centre - half, centre + half], axis=1)


def _rect(box: NDArray[np.float64]) -> QRectF:
    x1, y1, x2, y2 = box.tolist()
    return QRectF(x1, y1, x2 - x1, y2 - y1)


def _draw_labels(
    painter: QPainter, marks: Marks, boxes: NDArray[np.float64], chosen: Sequence[int], window: QRectF
) -> None:
    font = ui_font(9)
    metrics = QFontMetricsF(font)
    painter.setFont(font)
    for k in chosen:
        sign = f"{marks.signs[k]} " if marks.signs else ""
        text = f"{sign}{defect_title(marks.codes[k], marks.component(k))} {marks.confidences[k]:.0%}"
        x1, y1, _, y2 = boxes[k].tolist()
        width, height = metrics.horizontalAdvance(text) + 8, metrics.height() + 2
        x = min(max(x1, window.left()), window.right() - width)
        y = y1 - height - 2 if y1 - height - 2 >= window.top() else y2 + 2
        back = class_colour(marks.codes[k])
        painter.fillRect(QRectF(x, y, width, height), back)
        painter.setPen(_against(back))
        painter.drawText(QPointF(x + 4, y + metrics.ascent() + 1), text)


def _against(shade: QColor) -> QColor:
    """Return black or white, whichever stands out from a colour."""
    bright = 0.299 * shade.redF() + 0.587 * shade.greenF() + 0.114 * shade.blueF() > 0.45
    return QColor("#000000" if bright else "#ffffff")


def _draw_selection(painter: QPainter, box: QRectF) -> None:
    """Draw corner brackets around the box, white on black: seen on any picture and in greyscale."""
    frame = box.adjusted(-7, -7, 7, 7)
    arm = min(14.0, frame.width() / 3, frame.height() / 3)
    corners = (
        (frame.topLeft(), 1, 1),
        (frame.topRight(), -1, 1),
        (frame.bottomLeft(), 1, -1),
        (frame.bottomRight(), -1, -1),
    )
    for shade, width in ((QColor("#000000"), 5), (QColor("#ffffff"), 2)):
        painter.setPen(QPen(shade, width))
        for point, right, down in corners:
            painter.drawLine(point, point + QPointF(arm * right, 0))
            painter.drawLine(point, point + QPointF(0, arm * down))


def draw_gaps(painter: QPainter, gaps: Sequence[tuple[int, int]], patch: Patch, board_width: int) -> None:
    """Hatch the rows that stand for lost lines."""
    if not gaps:
        return
    rows = np.array([(0, first, board_width, first + count) for first, count in gaps], np.float32)
    painter.setPen(QPen(colour("warn"), 1))
    for box in patch.to_screen(rows):
        rect = _rect(box)
        rect.setHeight(max(rect.height(), 3))
        painter.fillRect(rect, Qt.BrushStyle.BDiagPattern)
        painter.drawRect(rect)
