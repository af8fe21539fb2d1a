"""Shifts: every moment lies in one of them, whatever the clocks do."""

from __future__ import annotations

import itertools
import os
import sys
import time as clock
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi_app.storage.clock import to_us
from aoi_app.storage.shifts import DEFAULT_SHIFTS, Shift, shift_at, shift_before, shift_named, shifts_of, sorted_shifts

HOUR_US = 3_600_000_000


@pytest.fixture(params=["UTC", "Europe/Berlin", "Asia/Shanghai", "America/New_York"])
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    if sys.platform == "win32":
        pytest.skip("the zone of a process is set on POSIX only")
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    clock.tzset()
    yield request.param
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    clock.tzset()


def local(*parts: int) -> int:
    return to_us(datetime(*parts).astimezone())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("moment", "name", "day"),
    [
        ((2026, 11, 20, 6, 0), "early", date(2026, 11, 20)),
        ((2026, 11, 20, 13, 59), "early", date(2026, 11, 20)),
        ((2026, 11, 20, 14, 0), "late", date(2026, 11, 20)),
        ((2026, 11, 20, 23, 30), "night", date(2026, 11, 20)),
        ((2026, 11, 21, 5, 59), "night", date(2026, 11, 20)),
    ],
)
def test_a_moment_lies_in_its_shift(zone: str, moment: tuple[int, ...], name: str, day: date) -> None:
    found = shift_at(DEFAULT_SHIFTS, local(*moment))
    assert (found.name, found.day) == (name, day)
    assert found.since_us <= local(*moment) < found.until_us
    assert shift_named(DEFAULT_SHIFTS, name, day) == found


def test_the_night_is_longer_or_shorter_when_the_clocks_change() -> None:
    before = os.environ.get("TZ")
    if sys.platform == "win32":
        pytest.skip("the zone of a process is set on POSIX only")
    os.environ["TZ"] = "Europe/Berlin"
    clock.tzset()
    try:
        hours = {
            day: (period.until_us - period.since_us) / HOUR_US
            for day in (date(2026, 3, 28), date(2026, 10, 24), date(2026, 11, 20))
            for period in [shift_named(DEFAULT_SHIFTS, "night", day)]
        }
    finally:
        os.environ.pop("TZ") if before is None else os.environ.__setitem__("TZ", before)
        clock.tzset()
    assert list(hours.values()) == [7, 9, 8]


times = st.lists(st.times().map(lambda t: t.replace(microsecond=0, fold=0)), min_size=1, max_size=6, unique=True)
moments = st.integers(1_500_000_000_000_000, 2_500_000_000_000_000)


@given(times, moments)
def test_shifts_follow_one_another_without_a_gap(begins: list[time], moment: int) -> None:
    shifts = [Shift(name=str(k), begins=begin) for k, begin in enumerate(begins)]
    now = shift_at(shifts, moment)
    assert now.since_us <= moment < now.until_us
    before = shift_before(shifts, now)
    assert before.until_us == now.since_us
    day = shifts_of(shifts, now.day)
    assert all(a.until_us == b.since_us for a, b in itertools.pairwise(day))
    assert day[-1].until_us == shifts_of(shifts, now.day + timedelta(days=1))[0].since_us


@pytest.mark.parametrize(
    "shifts",
    [
        [],
        [Shift(name="a", begins=time(6)), Shift(name="a", begins=time(7))],
        [Shift(name="a", begins=time(6)), Shift(name="b", begins=time(6))],
    ],
)
def test_shifts_that_cannot_be(shifts: list[Shift]) -> None:
    with pytest.raises(ValueError, match="shift"):
        sorted_shifts(shifts)


def test_a_shift_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="early, late, night"):
        shift_named(DEFAULT_SHIFTS, "noon", date(2026, 1, 1))
