"""Measures the window under load: lag of its event loop, paints of the view."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import psutil
from PySide6.QtCore import QObject, QTimer

from aoi_app.gui.window import MainWindow
from aoi_app.station.load import LoadSamples

WARM_S = 10.0
"""Libraries and the engine are loaded in these seconds; the event loop is judged from here on."""


@dataclass(frozen=True, slots=True)
class WindowLoad:
    """What a window showed under load.

    Attributes
    ----------
    first_frame_s
        From the start of the process to the first paint of the window.
    view_fps_p5
        Paints of the board view per second in the worst twentieth of the seconds in which boards moved.
    """

    first_frame_s: float
    lag_p50_ms: float
    lag_p99_ms: float
    lag_max_ms: float
    view_fps_median: float
    view_fps_p5: float


class LoadMeter(QObject):
    """Samples a window once a second, and tells after `seconds` what it and its station did, by name."""

    def __init__(self, window: MainWindow, seconds: float, done: Callable[[Mapping[str, Any]], None]) -> None:
        super().__init__(window)
        self._window = window
        self._line = LoadSamples(window.station, seconds)
        self._began = self._last = time.monotonic()
        self._first_frame_s = time.time() - psutil.Process().create_time()
        self._paints = window.line.view.meter.total
        self._rates = np.zeros(int(seconds) + 60)
        self._count = 0
        timer = QTimer(self)
        timer.timeout.connect(self._on_second)
        timer.start(1_000)
        QTimer.singleShot(round(1e3 * WARM_S), window.lag.start)
        QTimer.singleShot(round(1e3 * seconds), lambda: done(self.figures()))

    def _on_second(self) -> None:
        self._line.take()
        now, painted = time.monotonic(), self._window.line.view.meter.total
        rate = (painted - self._paints) / (now - self._last)
        self._paints, self._last = painted, now
        if now - self._began > WARM_S and self._count < len(self._rates):
            self._rates[self._count] = rate
            self._count += 1

    def figures(self) -> dict[str, Any]:
        """Return what was measured so far."""
        rates = self._rates[: self._count]
        # The view stands still between boards only.
        moving = rates[rates > 0] if (rates > 0).any() else np.zeros(1)
        lag = self._window.lag.figures()
        window = WindowLoad(
            self._first_frame_s,
            lag["p50_ms"],
            lag["p99_ms"],
            lag["max_ms"],
            float(np.median(moving)),
            float(np.percentile(moving, 5)),
        )
        trend = self._line.trend()
        return {**asdict(self._line.figures()), **asdict(window), **(asdict(trend) if trend else {})}
