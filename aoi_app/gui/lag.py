"""How late the window's event loop is: the figure behind "the window does not freeze"."""

from __future__ import annotations

import time
from collections import deque

import numpy as np
from PySide6.QtCore import QObject, Qt, QTimer

PERIOD_MS = 10


class LagMeter(QObject):
    """Measures how much later than asked a precise timer fires.

    Parameters
    ----------
    kept
        Number of newest measurements that percentiles are taken from (10 ms each).
    """

    def __init__(self, parent: QObject | None = None, kept: int = 120_000) -> None:
        super().__init__(parent)
        # Allocated at once and touched: a meter that grows would be taken for a leak.
        self._lags = np.full(kept, np.nan, np.float32)
        self._count = 0
        self._last = time.perf_counter()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(PERIOD_MS)
        self._timer.timeout.connect(self._on_timeout)

    def start(self) -> None:
        """Begin to measure anew."""
        self._count = 0
        self._last = time.perf_counter()
        self._timer.start()

    def stop(self) -> None:
        """Stop measuring; what was measured stays."""
        self._timer.stop()

    def _on_timeout(self) -> None:
        now = time.perf_counter()
        self._lags[self._count % len(self._lags)] = max(0.0, (now - self._last) * 1000 - PERIOD_MS)
        self._count += 1
        self._last = now

    def figures(self) -> dict[str, float]:
        """Return p50, p99 and maximum of the lag in milliseconds, and the number of measurements."""
        lags = self._lags[: self._count]
        if not len(lags):
            return {"p50_ms": 0.0, "p99_ms": 0.0, "max_ms": 0.0, "n": 0.0}
        p50, p99 = np.percentile(lags, (50, 99))
        return {"p50_ms": float(p50), "p99_ms": float(p99), "max_ms": float(lags.max()), "n": float(len(lags))}


class PaintMeter:
    """Counts paints of a view over the last seconds."""

    def __init__(self, window_s: float = 2.0) -> None:
        self._window_s = window_s
        self._paints: deque[float] = deque()
        self.total = 0

    def count(self) -> None:
        """Note one paint now."""
        now = time.perf_counter()
        self.total += 1
        self._paints.append(now)
        while self._paints[0] < now - self._window_s:
            self._paints.popleft()

    def per_second(self) -> float:
        """Return paints per second over the window."""
        now = time.perf_counter()
        return sum(t >= now - self._window_s for t in self._paints) / self._window_s
