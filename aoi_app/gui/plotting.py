"""The look of all plots: a canvas that cannot be moved by accident, its axes, and a panel with a title."""

from __future__ import annotations

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from aoi_app.gui.texts import say
from aoi_app.gui.theme import tokens

AXES = ("left", "bottom")

Margins = tuple[float, float, float, float]


def still_canvas(parent: QWidget, margins: Margins = (0, 6, 10, 0)) -> pg.PlotWidget:
    """Return a canvas without menu, buttons and focus, that no mouse moves."""
    canvas = pg.PlotWidget(parent)
    canvas.setMenuEnabled(False)
    canvas.setMouseEnabled(False, False)
    canvas.hideButtons()
    canvas.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    canvas.getPlotItem().setContentsMargins(*margins)
    return canvas


def paint_canvas(canvas: pg.PlotWidget, figures: str | None = None) -> None:
    """Draw ground and axes in the colours of the theme in use; `figures` is that of the axes' figures."""
    t = tokens()
    canvas.setBackground(t.panel)
    for name in AXES:
        axis = canvas.getAxis(name)
        axis.setPen(pg.mkPen(t.line))
        axis.setTextPen(pg.mkPen(figures or t.muted))
        axis.setStyle(tickLength=-4, maxTickLevel=0, hideOverlappingLabels=True)


class Panel(QFrame):
    """A plot below its title."""

    def __init__(self, title: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        heading = QLabel(self)
        heading.setProperty("role", "title")
        say(heading, "setText", title)
        self.canvas = still_canvas(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 8, 6)
        layout.setSpacing(2)
        layout.addWidget(heading)
        layout.addWidget(self.canvas, 1)
        self.use_theme()

    def use_theme(self) -> None:
        """Draw in the colours of the theme in use."""
        paint_canvas(self.canvas)
