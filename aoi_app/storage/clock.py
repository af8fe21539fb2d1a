"""Time in the record: whole microseconds since 1970, UTC."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

DAY_US = 86_400_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def now_us() -> int:
    """Return the wall clock."""
    return time.time_ns() // 1000


def to_us(moment: datetime) -> int:
    """Return a moment as microseconds; one without a time zone is taken as local time."""
    return (moment.astimezone(timezone.utc) - _EPOCH) // timedelta(microseconds=1)


def from_us(us: int) -> datetime:
    """Return microseconds as a moment in UTC."""
    return _EPOCH + timedelta(microseconds=us)


def utc_day(us: int) -> str:
    """Return the day in UTC, e.g. `2026-11-20`."""
    return from_us(us).strftime("%Y-%m-%d")


def iso(us: int) -> str:
    """Return a moment as people and programs write it: `2026-11-20T14:03:07.120000+00:00`."""
    return from_us(us).isoformat(timespec="microseconds")
