"""Charts of a period: control charts and what fails most."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from aoi_app.gui.plotting import Panel
from aoi_app.gui.theme import tokens
from aoi_app.storage.charts import ControlChart

MOST_BARS = 8
DAY_US = 86_400_000_000


class ControlPlot(Panel):
    """A control chart: points, centre line, limits; what is out of control is a filled square in the alarm colour."""

    def __init__(self, title: str, parent: QWidget, percent: bool) -> None:
        self._factor = 100.0 if percent else 1.0
        self._shown: tuple[ControlChart, np.ndarray] | None = None
        super().__init__(title, parent)
        self.canvas.getAxis("left").setWidth(46)

    def show_chart(self, chart: ControlChart, start_us: np.ndarray) -> None:
        """Show a chart whose subgroups begin at `start_us`."""
        self._shown = (chart, start_us)
        t = tokens()
        item = self.canvas.getPlotItem()
        item.clear()
        x = np.arange(len(start_us), dtype=np.float64)
        values, low, high = (self._factor * v for v in (chart.values, chart.low, chart.high))
        limit = pg.mkPen(t.muted, width=1, style=Qt.PenStyle.DashLine)
        for limits in (low, high):
            item.plot(np.append(x, len(x)) - 0.5, limits, pen=limit, stepMode="center", connect="finite")
        if np.isfinite(chart.centre):
            item.addItem(pg.InfiniteLine(self._factor * chart.centre, angle=0, pen=pg.mkPen(t.strong_line, width=1)))
        item.plot(x, values, pen=pg.mkPen(t.plot[0], width=1), connect="finite")
        alarm = chart.beyond | chart.in_run
        for chosen, symbol, shade, size in ((~alarm, "o", t.plot[0], 5), (alarm, "s", t.bad, 9)):
            seen = chosen & np.isfinite(values)
            if seen.any():
                item.plot(
                    x[seen], values[seen], pen=None, symbol=symbol, symbolSize=size, symbolBrush=shade, symbolPen=None
                )
        top = np.nanmax(np.concatenate([values, high, [0.0]])) if len(values) else 0.0
        item.setYRange(0, top * 1.15 if np.isfinite(top) and top > 0 else 1.0, padding=0)
        item.setXRange(-0.6, max(len(x) - 0.4, 0.6), padding=0)
        item.getAxis("bottom").setTicks([time_ticks(start_us)])

    def use_theme(self) -> None:
        """Draw in the colours of the theme in use."""
        super().use_theme()
        if self._shown is not None:
            self.show_chart(*self._shown)


def time_ticks(start_us: Sequence[int] | np.ndarray, most: int = 6) -> list[tuple[int, str]]:
    """Return labels for some of the subgroups: the time of day, or the day when they span more than two."""
    if not len(start_us):
        return []
    form = "%m-%d" if int(start_us[-1]) - int(start_us[0]) > 2 * DAY_US else "%H:%M"
    step = max(1, -(-len(start_us) // most))
    return [(k, datetime.fromtimestamp(int(start_us[k]) / 1e6).strftime(form)) for k in range(0, len(start_us), step)]


class ParetoPlot(Panel):
    """What fails most, as bars from the top, with counts and the share they add up to."""

    def __init__(self, title: str, parent: QWidget) -> None:
        self._shown: tuple[tuple[str, int], ...] = ()
        super().__init__(title, parent)
        self.canvas.getAxis("left").setWidth(130)
        self.canvas.invertY(True)
        self.canvas.hideAxis("bottom")

    def show_counts(self, counts: Sequence[tuple[str, int]]) -> None:
        """Show names with counts, most first; the rest is not shown."""
        self._shown = tuple(counts)
        t = tokens()
        item = self.canvas.getPlotItem()
        item.clear()
        bars = self._shown[:MOST_BARS]
        total = sum(n for _, n in self._shown)
        y = np.arange(len(bars), dtype=np.float64)
        n = np.array([count for _, count in bars], np.float64)
        item.addItem(pg.BarGraphItem(x0=0, y=y, height=0.62, width=n, brush=t.plot[0], pen=None))
        summed = 0
        for k, (_, count) in enumerate(bars):
            summed += count
            label = pg.TextItem(f"{count:,}   {summed / total:.0%}", color=t.text, anchor=(0, 0.5))
            label.setPos(float(count), k)
            item.addItem(label)
        item.getAxis("left").setTicks([[(k, name) for k, (name, _) in enumerate(bars)]])
        item.setYRange(-0.6, max(len(bars), 4) - 0.4, padding=0)
        item.setXRange(0, max(float(n.max()) if len(n) else 0.0, 1.0) * 1.3, padding=0)

    def use_theme(self) -> None:
        """Draw in the colours of the theme in use."""
        super().use_theme()
        self.show_counts(self._shown)
