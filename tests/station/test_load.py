"""Is memory flat? The rule that says so, and the samples it is given."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from aoi_app.station.control import StationControl
from aoi_app.station.load import LoadSamples, memory_trend
from aoi_app.station.metrics import Rate
from aoi_app.station.status import Counters, Rates, StationStatus

TEN_MINUTES = np.arange(1.0, 601.0)


def saw(height: float, period_s: int = 9) -> NDArray[np.float64]:
    """Return memory that rises and falls with every board."""
    return 600 + height * ((TEN_MINUTES % period_s) / period_s)


@pytest.mark.parametrize("height", [0.0, 16.0, 48.0])
def test_boards_that_come_and_go_are_no_growth(height: float) -> None:
    trend = memory_trend(TEN_MINUTES, saw(height))
    assert trend is not None and trend.memory_flat
    assert abs(trend.memory_slope_mib_min) < 0.1


@given(st.floats(1.0, 200.0), st.floats(0.0, 30.0))
def test_a_leak_is_no_flat_memory_whatever_lies_over_it(mib_a_minute: float, height: float) -> None:
    trend = memory_trend(TEN_MINUTES, saw(height) + TEN_MINUTES / 60 * mib_a_minute)
    assert trend is not None and not trend.memory_flat
    assert trend.memory_slope_mib_min == pytest.approx(mib_a_minute, abs=0.3)
    assert trend.memory_last_mib > trend.memory_first_mib


def test_the_first_minute_may_grow() -> None:
    trend = memory_trend(TEN_MINUTES, 600 - 300 * np.exp(-TEN_MINUTES / 8))
    assert trend is not None and trend.memory_flat and trend.memory_first_mib > 599


def test_memory_that_falls_is_flat() -> None:
    trend = memory_trend(TEN_MINUTES, 600 - TEN_MINUTES / 10)
    assert trend is not None and trend.memory_flat and trend.memory_growth_percent < 0


@pytest.mark.parametrize("seconds", [0, 1, 59, 61, 100, 119])
def test_a_short_run_tells_nothing(seconds: int) -> None:
    assert memory_trend(TEN_MINUTES[:seconds], saw(0)[:seconds]) is None


class Clock:
    """Seconds that pass when they are asked for."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


class Busy:
    """A station that inspected some boards."""

    def status(self) -> StationStatus:
        return StationStatus(counters=Counters(7, 4, 2, 1), rates=Rates(tiles_per_s=80.0))


def test_what_measures_does_not_grow() -> None:
    samples = LoadSamples(cast(StationControl, Busy()), 130, Clock())
    room = samples._rows.nbytes
    for _ in range(1_000):
        samples.take()
    assert samples._rows.nbytes == room
    figures, trend = samples.figures(), samples.trend()
    assert (figures.boards, figures.errors, figures.tiles_per_s, figures.seconds) == (7, 1, 80.0, 190.0)
    assert figures.memory_mib > 10 and trend is not None


def test_a_run_of_no_seconds_has_figures() -> None:
    samples = LoadSamples(cast(StationControl, Busy()), 0)
    assert samples.figures().seconds == 0 and samples.trend() is None


def test_a_rate_that_nobody_asks_for_remembers_its_window_only() -> None:
    clock = Clock()
    rate = Rate(3.0, clock)
    for _ in range(1_000):
        rate.add(2.0)
    assert len(rate._entries) <= 4
    assert rate.per_second() == pytest.approx(2.0, rel=0.4)
