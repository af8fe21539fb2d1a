"""Control charts of the printed report: black on white, read without colours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPen, QPolygonF

from aoi_app.gui.statistics.plots import time_ticks
from aoi_app.storage.charts import ControlChart

SIZE = 1_360, 400
"""Pixels: more than it takes on paper, so that it is sharp."""
PRINTED = 590, 174
"""What it takes on paper, 1/96 inch: as wide as the text between the margins of an A4 page."""
MARGIN = QRectF(96, 20, 1_244, 330)
INK, GREY, ALARM = QColor("#1d2124"), QColor("#868d94"), QColor("#b3261e")


def chart_picture(chart: ControlChart, start_us: NDArray[np.int64], percent: bool) -> QImage:
    """Return a chart; points that are out of control are filled squares, the others rings.

    Parameters
    ----------
    percent
        Whether its values are shares.
    """
    image = QImage(*SIZE, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.white)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    font = QFont()
    font.setPixelSize(22)
    painter.setFont(font)
    factor, n = 100.0 if percent else 1.0, max(len(start_us), 1)
    values, low, high = (factor * v for v in (chart.values, chart.low, chart.high))
    known = np.concatenate([values, high])
    top = 1.1 * float(np.nanmax(known)) if np.isfinite(known).any() and np.nanmax(known) > 0 else 1.0

    def place(k: float, value: float) -> QPointF:
        return QPointF(MARGIN.left() + (k + 0.5) / n * MARGIN.width(), MARGIN.bottom() - value / top * MARGIN.height())

    painter.setPen(QPen(GREY, 2))
    painter.drawLine(MARGIN.bottomLeft(), MARGIN.bottomRight())
    painter.drawLine(MARGIN.bottomLeft(), MARGIN.topLeft())
    for share in (0.0, 0.5, 1.0):
        y = place(0, share * top).y()
        text = f"{share * top:,.0f} %" if percent else f"{share * top:,.2f}"
        painter.drawText(QRectF(0, y - 14, MARGIN.left() - 10, 28), Qt.AlignmentFlag.AlignRight, text)
    for k, text in time_ticks(start_us):
        painter.drawText(
            QRectF(place(k, 0).x() - 60, MARGIN.bottom() + 8, 120, 30), Qt.AlignmentFlag.AlignHCenter, text
        )
    painter.setPen(QPen(GREY, 2, Qt.PenStyle.DashLine))
    for limits in (low, high):
        for k in np.flatnonzero(np.isfinite(limits)).tolist():
            painter.drawLine(place(k - 0.5, limits[k]), place(k + 0.5, limits[k]))
    if np.isfinite(chart.centre):
        painter.setPen(QPen(GREY, 2))
        painter.drawLine(place(-0.5, factor * chart.centre), place(n - 0.5, factor * chart.centre))
    shown = np.flatnonzero(np.isfinite(values)).tolist()
    painter.setPen(QPen(INK, 2))
    painter.drawPolyline(QPolygonF([place(k, values[k]) for k in shown]))
    alarm = chart.beyond | chart.in_run
    for k in shown:
        at = place(k, values[k])
        painter.setPen(QPen(ALARM if alarm[k] else INK, 2))
        painter.setBrush(ALARM if alarm[k] else Qt.GlobalColor.white)
        if alarm[k]:
            painter.drawRect(QRectF(at.x() - 8, at.y() - 8, 16, 16))
        else:
            painter.drawEllipse(at, 5, 5)
    painter.end()
    return image
