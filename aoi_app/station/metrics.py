"""Rates and percentiles of the last seconds."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable

import numpy as np

from aoi_app.core.inspection import Inspection, Verdict
from aoi_app.station.status import Counters, Rates

Clock = Callable[[], float]


class Rate:
    """Amount per second over a sliding window."""

    def __init__(self, window_s: float, clock: Clock) -> None:
        self._window_s = window_s
        self._clock = clock
        self._began = clock()
        self._entries: deque[tuple[float, float]] = deque()
        self._sum = 0.0

    def add(self, amount: float) -> None:
        """Count `amount` now."""
        now = self._clock()
        # Here as well: a station that nobody watches must not remember everything.
        self._forget(now)
        self._entries.append((now, amount))
        self._sum += amount

    def _forget(self, now: float) -> None:
        while self._entries and self._entries[0][0] < now - self._window_s:
            self._sum -= self._entries.popleft()[1]

    def per_second(self) -> float:
        """Return the mean over the window, or since the start where that is shorter."""
        now = self._clock()
        self._forget(now)
        span = min(self._window_s, now - self._began)
        return max(self._sum, 0.0) / span if span > 0.2 else 0.0


class Metrics:
    """Everything the dashboard counts. All methods may be called from any thread."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._lines_of = ("", 0)
        self._clear()

    def _clear(self) -> None:
        self._tiles = Rate(3.0, self._clock)
        self._lines = Rate(3.0, self._clock)
        self._boards = Rate(60.0, self._clock)
        self._verdict_ms: deque[float] = deque(maxlen=500)
        self._tile_ms: deque[float] = deque(maxlen=2_000)
        self._verdicts: Counter[Verdict] = Counter()

    def reset(self) -> None:
        """Begin anew."""
        with self._lock:
            self._clear()

    def lines(self, board_id: str, lines: int) -> None:
        """Count the lines that came in: so many of a board are in now."""
        with self._lock:
            board, before = self._lines_of
            self._lines_of = board_id, lines
            self._lines.add(lines - before if board == board_id else lines)

    def tiles(self, count: int, milliseconds: float) -> None:
        """Count tiles that were inspected, and the time they took together."""
        if count <= 0:
            return
        with self._lock:
            self._tiles.add(count)
            self._tile_ms.append(milliseconds / count)

    def inspected(self, inspection: Inspection) -> None:
        """Count a verdict."""
        with self._lock:
            self._boards.add(1)
            self._verdicts[inspection.verdict] += 1
            self._verdict_ms.append(inspection.latency_ms.get("verdict", 0.0))

    def counters(self) -> Counters:
        """Return the boards so far."""
        with self._lock:
            count = self._verdicts
            errors = count[Verdict.ERROR] + count[Verdict.ABORTED]
            return Counters(sum(count.values()), count[Verdict.PASSED], count[Verdict.FAILED], errors)

    def rates(self) -> Rates:
        """Return the figures of now."""
        with self._lock:
            verdict, tile = _percentiles(self._verdict_ms), _percentiles(self._tile_ms)
            return Rates(
                self._tiles.per_second(), self._lines.per_second(), 60 * self._boards.per_second(), *verdict, *tile
            )


def _percentiles(values: deque[float]) -> tuple[float | None, float | None]:
    if not values:
        return None, None
    p50, p99 = np.percentile(np.fromiter(values, np.float64, len(values)), (50, 99))
    return float(p50), float(p99)
