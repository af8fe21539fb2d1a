"""Curves of the last minutes: FPS, latency, memory. A table of plots."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from aoi_app.gui.elided import ElidedLabel
from aoi_app.gui.plotting import paint_canvas, still_canvas
from aoi_app.gui.texts import message, tr
from aoi_app.gui.theme import tokens
from aoi_app.station.status import StationStatus

SPAN_S = 180.0
PERIOD_S = 0.2
KEPT = round(SPAN_S / PERIOD_S)
STYLES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine)

Value = Callable[[StationStatus], float | None]


@dataclass(frozen=True, slots=True)
class Curve:
    """A named value over time; "" for one that needs no name."""

    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot: title and the newest values as text, and its curves."""

    title: Callable[[StationStatus], str]
    newest: Callable[[StationStatus], str]
    curves: tuple[Curve, ...]


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _memory_title(status: StationStatus) -> str:
    label = status.memory.label if status.memory else "memory"
    return message(label[:1].upper() + label[1:])


def _memory_newest(status: StationStatus) -> str:
    memory = status.memory
    return "–" if memory is None else f"{memory.used_mib:,.0f} / {memory.total_mib:,.0f} MiB"


PLOTS = (
    Plot(
        lambda s: tr("FPS (tiles per second)"),
        lambda s: f"{s.rates.tiles_per_s:.1f}",
        (Curve("", lambda s: s.rates.tiles_per_s),),
    ),
    Plot(
        lambda s: tr("Verdict latency, ms"),
        lambda s: f"p50 {_ms(s.rates.verdict_p50_ms)}   p99 {_ms(s.rates.verdict_p99_ms)}",
        (Curve("p50", lambda s: s.rates.verdict_p50_ms), Curve("p99", lambda s: s.rates.verdict_p99_ms)),
    ),
    Plot(
        _memory_title,
        _memory_newest,
        (Curve("", lambda s: s.memory.used_mib if s.memory else None),),
    ),
)


class Ring:
    """The newest values against their age; what is older than the plot is forgotten."""

    def __init__(self, curves: int) -> None:
        self._times = np.full(KEPT, np.nan)
        self._values = np.full((curves, KEPT), np.nan)
        self._count = 0

    def add(self, now: float, values: tuple[float | None, ...]) -> None:
        """Keep one value a curve; None leaves a gap."""
        place = self._count % KEPT
        self._times[place] = now
        self._values[:, place] = [math.nan if v is None else v for v in values]
        self._count += 1

    def series(self, now: float, curve: int) -> tuple[np.ndarray, np.ndarray]:
        """Return age in seconds (negative, oldest first) and value of a curve."""
        used = min(self._count, KEPT)
        order = (np.arange(self._count - used, self._count)) % KEPT
        return self._times[order] - now, self._values[curve][order]


class _PlotPanel(QFrame):
    def __init__(self, plot: Plot, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self._plot = plot
        self._ring = Ring(len(plot.curves))
        self._status = StationStatus()
        self._title, self._newest = ElidedLabel(self), QLabel(self)
        self._title.setProperty("role", "title")
        header = QHBoxLayout()
        header.addWidget(self._title, 1)
        header.addWidget(self._newest)
        self._canvas = still_canvas(self, (0, 8, 8, 0))
        self._canvas.setXRange(-SPAN_S, 0, padding=0)
        self._canvas.getAxis("bottom").setHeight(18)
        self._canvas.getAxis("left").setWidth(44)
        self._curves = [self._canvas.plot() for _ in plot.curves]
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 10, 4)
        layout.setSpacing(2)
        layout.addLayout(header)
        layout.addWidget(self._canvas, 1)
        self.use_theme()
        self.retranslate()

    def use_theme(self) -> None:
        t = tokens()
        paint_canvas(self._canvas, t.faint)
        for curve, shade, style in zip(self._curves, t.plot, STYLES, strict=False):
            # Width 1: a wider pen takes more than three times as long to draw.
            curve.setPen(pg.mkPen(shade, width=1, style=style))

    def add(self, now: float, status: StationStatus) -> None:
        self._ring.add(now, tuple(curve.value(status) for curve in self._plot.curves))
        self._status = status
        self._write_values()
        highest = 0.0
        for number, curve in enumerate(self._curves):
            ages, values = self._ring.series(now, number)
            curve.setData(ages, values, connect="finite")
            finite = values[np.isfinite(values)]
            highest = max(highest, float(finite.max()) if finite.size else 0.0)
        self._canvas.setYRange(0, nice_top(highest), padding=0)

    def retranslate(self) -> None:
        ages = range(-round(SPAN_S), 1, 60)
        self._canvas.getAxis("bottom").setTicks([[(age, tr("{n} min", n=age // 60) if age else "0") for age in ages]])
        self._write_values()

    def _write_values(self) -> None:
        self._title.say_whole(self._plot.title(self._status))
        self._newest.setText(self._plot.newest(self._status))


def nice_top(highest: float) -> float:
    """Return a round number above the highest value, so that the axis does not change with every sample."""
    if highest <= 0:
        return 1.0
    wanted = highest * 1.15
    step = 10 ** math.floor(math.log10(wanted))
    return next(float(m * step) for m in (1, 1.5, 2, 3, 4, 5, 7.5, 10) if m * step >= wanted)


class Plots(QWidget):
    """All plots in a row."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        self._panels = [_PlotPanel(plot, self) for plot in PLOTS]
        for panel in self._panels:
            layout.addWidget(panel, 1)

    def add(self, status: StationStatus) -> None:
        """Take one snapshot into the curves; call it every `PERIOD_S`."""
        now = time.monotonic()
        for panel in self._panels:
            panel.add(now, status)

    def use_theme(self) -> None:
        """Draw in the colours of the theme in use."""
        for panel in self._panels:
            panel.use_theme()
