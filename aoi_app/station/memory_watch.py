"""Samples the memory that the station uses, every so often."""

from __future__ import annotations

import time
from collections.abc import Callable

from aoi_app.core.protocols import GpuMonitor, MemorySample
from aoi_app.station.journal import Journal
from aoi_app.station.status import Level

SAMPLE_S = 0.5
AGAIN_S = 60.0
"""A monitor that fails is asked again so much later."""


class MemoryWatch:
    """Asks a monitor, which is opened with the first question; one that fails is said once, and asked again later."""

    def __init__(self, open_monitor: Callable[[], GpuMonitor], journal: Journal) -> None:
        self._open = open_monitor
        self._journal = journal
        self._monitor: GpuMonitor | None = None
        self._next = 0.0
        self.sample: MemorySample | None = None

    def step(self) -> None:
        """Take a sample when it is time."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + SAMPLE_S
        try:
            self._monitor = self._monitor or self._open()
            self.sample = self._monitor.sample()
        except Exception as error:
            if self.sample is not None or self._monitor is None:
                self._journal.error("station", error, Level.WARNING)
            self.sample, self._next = None, self._next + AGAIN_S

    def close(self) -> None:
        """Let go of the monitor."""
        if self._monitor is not None:
            self._monitor.close()
