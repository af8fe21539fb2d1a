"""A station at full load: what it does, and whether its memory is flat."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import psutil
from numpy.typing import NDArray

from aoi_app.station.control import StationControl

SETTLED_S = 60.0
"""Memory is expected to be flat from here on: libraries, engine and buffers are in."""
PART_S = 10.0
"""Memory is looked at in parts of this length, by their medians: boards come and go within them."""
LEAST_PARTS = 6
MOST_GROWTH = 0.01
"""Memory is flat when the line through the parts rises by no more than this share of it over the run."""


@dataclass(frozen=True, slots=True)
class MemoryTrend:
    """The memory of a process from the first minute on.

    Attributes
    ----------
    memory_first_mib, memory_last_mib
        Medians of the first and of the last part of `PART_S`.
    memory_slope_mib_min
        Of the line through all parts: the median of the slopes between any two of them (Theil and Sen), which a single
        step or an odd part does not tilt.
    memory_growth_percent
        The rise of that line over the run.
    memory_flat
        Whether it is no more than `MOST_GROWTH`.
    """

    memory_first_mib: float
    memory_last_mib: float
    memory_slope_mib_min: float
    memory_growth_percent: float
    memory_flat: bool


def memory_trend(seconds: NDArray[np.float64], memory_mib: NDArray[np.float64]) -> MemoryTrend | None:
    """Judge samples of a process's memory; None for a run that is too short to tell.

    Parameters
    ----------
    seconds
        (n,) since the start, rising.
    memory_mib
        (n,) resident memory.
    """
    late = seconds >= SETTLED_S
    parts = ((seconds[late] - SETTLED_S) // PART_S).astype(int)
    if parts.size == 0 or parts[-1] < LEAST_PARTS:
        return None
    # The last part is seldom whole.
    numbers = np.unique(parts[parts < parts[-1]])
    medians = np.array([np.median(memory_mib[late][parts == number]) for number in numbers])
    first, second = np.triu_indices(len(numbers), 1)
    slope = float(np.median((medians[second] - medians[first]) / (numbers[second] - numbers[first]))) / PART_S
    growth = slope * PART_S * float(numbers[-1] - numbers[0]) / float(np.median(medians))
    return MemoryTrend(float(medians[0]), float(medians[-1]), 60 * slope, 100 * growth, growth <= MOST_GROWTH)


@dataclass(frozen=True, slots=True)
class LineLoad:
    """What a station under load did.

    Attributes
    ----------
    errors
        Boards that could not be inspected.
    tiles_per_s
        Median of the seconds.
    memory_mib
        At the end.
    """

    seconds: float
    boards: int
    errors: int
    tiles_per_s: float
    memory_mib: float


class LoadSamples:
    """Samples of a station under load, in memory that is there from the start: what measures must not grow.

    Parameters
    ----------
    seconds
        Length of the run; one sample a second is room for it.
    """

    def __init__(self, station: StationControl, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._station = station
        self._process = psutil.Process()
        self._clock = clock
        self._began = clock()
        self._rows = np.full((3, int(seconds) + 60), np.nan)
        self._count = 0

    def take(self) -> None:
        """Take a sample; beyond the length of the run, none."""
        if self._count < self._rows.shape[1]:
            tiles = self._station.status().rates.tiles_per_s
            memory = self._process.memory_info().rss / 2**20
            self._rows[:, self._count] = self._clock() - self._began, tiles, memory
            self._count += 1

    def watch(self, seconds: float) -> None:
        """Take a sample every second for so long."""
        while (left := self._began + seconds - self._clock()) > 0:
            time.sleep(min(1.0, left))
            self.take()

    def figures(self) -> LineLoad:
        """Return what the station did so far."""
        seconds, tiles, memory = self._taken()
        counters = self._station.status().counters
        return LineLoad(
            float(seconds[-1]), counters.boards, counters.errors, float(np.median(tiles)), float(memory[-1])
        )

    def trend(self) -> MemoryTrend | None:
        """Judge the memory so far."""
        seconds, _, memory = self._taken()
        return memory_trend(seconds, memory)

    def _taken(self) -> NDArray[np.float64]:
        return self._rows[:, : self._count] if self._count else np.zeros((3, 1))
