"""Measures the window under load: lag of its event loop, paints of the view, memory of the process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import psutil
from PySide6.QtCore import QObject, QTimer

from aoi_app.gui.window import MainWindow

WARM_S = 10.0
"""Libraries and the engine are loaded in these seconds; the event loop is judged from here on."""
SETTLED_S = 60.0
"""Memory is expected to be flat from here on."""


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """What a run under load showed.

    Attributes
    ----------
    first_frame_s
        From the start of the process to the first paint of the window.
    view_fps_p5
        Paints of the board view per second in the worst twentieth of the seconds in which boards moved.
    memory_slope_mib_h
        Growth of the process's memory after the first minute, by least squares; None in a run too short for it.
    """

    seconds: float
    first_frame_s: float
    lag_p50_ms: float
    lag_p99_ms: float
    lag_max_ms: float
    view_fps_median: float
    view_fps_p5: float
    memory_first_mib: float
    memory_last_mib: float
    memory_slope_mib_h: float | None
    boards: int
    tiles_per_s: float


class LoadMeter(QObject):
    """Samples a window once a second, and tells after `seconds` what it saw."""

    def __init__(self, window: MainWindow, seconds: float, done: Callable[[LoadFigures], None]) -> None:
        super().__init__(window)
        self._window = window
        self._process = psutil.Process()
        self._began = time.monotonic()
        self._first_frame_s = time.time() - self._process.create_time()
        self._paints = window.line.view.meter.total
        self._samples: list[tuple[float, float, float]] = []
        self._tiles: list[float] = []
        self._last = self._began
        timer = QTimer(self)
        timer.timeout.connect(self._on_second)
        timer.start(1_000)
        QTimer.singleShot(round(1e3 * WARM_S), window.lag.start)
        QTimer.singleShot(round(1e3 * seconds), lambda: done(self.figures()))

    def _on_second(self) -> None:
        now = time.monotonic()
        painted = self._window.line.view.meter.total
        rate = (painted - self._paints) / (now - self._last)
        self._paints, self._last = painted, now
        self._samples.append((now - self._began, rate, self._process.memory_info().rss / 2**20))
        self._tiles.append(self._window.station.status().rates.tiles_per_s)

    def figures(self) -> LoadFigures:
        """Return what was measured so far."""
        samples = np.array(self._samples or [(0.0, 0.0, 0.0)])
        seconds, rates, memory = samples.T
        # The view stands still between boards only.
        moving = rates[(seconds > WARM_S) & (rates > 0)]
        late = seconds > SETTLED_S
        slope = float(np.polyfit(seconds[late], memory[late], 1)[0]) * 3600 if late.sum() > 60 else None
        settled = memory[late] if late.any() else memory
        lag = self._window.lag.figures()
        return LoadFigures(
            float(seconds[-1]),
            self._first_frame_s,
            lag["p50_ms"],
            lag["p99_ms"],
            lag["max_ms"],
            float(np.median(moving)) if len(moving) else 0.0,
            float(np.percentile(moving, 5)) if len(moving) else 0.0,
            float(settled[0]),
            float(settled[-1]),
            slope,
            self._window.station.status().counters.boards,
            float(np.median(self._tiles)) if self._tiles else 0.0,
        )
