"""Line profile and histogram of the newest block."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from pyqtgraph.GraphicsScene.mouseEvents import MouseClickEvent
from PySide6.QtWidgets import QWidget

from aoi_app.camera.figures import LineFigures
from aoi_app.gui.plotting import Panel
from aoi_app.gui.theme import tokens

LEVELS = 256
LEAST_COLUMNS = 16


class ProfilePlot(Panel):
    """Mean grey level of each column: light that falls off to the sides, dust and dead columns show here."""

    def __init__(self, parent: QWidget) -> None:
        self._curve: pg.PlotDataItem | None = None
        super().__init__("Line profile: grey level of each column", parent)
        self._curve = self.canvas.plot()
        self._curve.setDownsampling(auto=True, method="peak")
        self._curve.setClipToView(True)
        self._width = 0
        # Wheel and drag look at some columns closely: focus shows at single ones. A double click shows all again.
        self.canvas.setMouseEnabled(True, False)
        self.canvas.scene().sigMouseClicked.connect(self._on_click)
        self.canvas.setXRange(0, LEVELS, padding=0)
        self.canvas.setYRange(0, LEVELS - 1, padding=0.02)
        self.canvas.getAxis("left").setWidth(34)
        self.canvas.getAxis("left").setTicks([[(v, str(v)) for v in (0, 64, 128, 192, 255)]])
        self.use_theme()

    def show_figures(self, figures: LineFigures | None) -> None:
        """Draw a profile; None leaves the plot empty."""
        assert self._curve is not None
        if figures is None:
            self._curve.setData([], [])
            return
        width = figures.profile.shape[0]
        self._curve.setData(np.arange(width, dtype=np.float64), figures.profile)
        if width != self._width:
            self._width = width
            self.canvas.setLimits(xMin=0, xMax=max(width - 1, 1), minXRange=LEAST_COLUMNS)
            self.show_all()

    def show_all(self) -> None:
        """Show all columns."""
        self.canvas.setXRange(0, max(self._width - 1, 1), padding=0)

    def _on_click(self, event: MouseClickEvent) -> None:
        if event.double():
            self.show_all()

    def use_theme(self) -> None:
        """Draw in the colours of the theme in use."""
        super().use_theme()
        self.canvas.getAxis("left").setStyle(hideOverlappingLabels=False)
        if self._curve is not None:
            self._curve.setPen(pg.mkPen(tokens().plot[0], width=1))


class HistogramPlot(Panel):
    """Number of samples at each grey level, on a logarithmic scale: a few saturated ones must be seen as well."""

    def __init__(self, parent: QWidget) -> None:
        self._curve: pg.PlotDataItem | None = None
        super().__init__("Histogram (logarithmic)", parent)
        self._curve = self.canvas.plot(stepMode="center", fillLevel=0)
        self.canvas.setXRange(-8, LEVELS + 7, padding=0)
        self.canvas.setYRange(0, 1, padding=0.02)
        self.canvas.hideAxis("left")
        self.canvas.getAxis("bottom").setTicks([[(v, str(v)) for v in (0, 64, 128, 192, 255)]])
        self.use_theme()

    def show_figures(self, figures: LineFigures | None) -> None:
        """Draw a histogram; None leaves the plot empty."""
        assert self._curve is not None
        counts = np.zeros(LEVELS) if figures is None else np.log1p(figures.histogram.astype(np.float64))
        top = float(counts.max()) or 1.0
        self._curve.setData(np.arange(LEVELS + 1) - 0.5, counts / top)

    def use_theme(self) -> None:
        """Draw in the colours of the theme in use."""
        super().use_theme()
        self.canvas.getAxis("bottom").setStyle(hideOverlappingLabels=False)
        if self._curve is not None:
            shade = tokens().plot[0]
            self._curve.setPen(pg.mkPen(shade, width=1))
            self._curve.setFillBrush(pg.mkBrush(shade + "50"))
