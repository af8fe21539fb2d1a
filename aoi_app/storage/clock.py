"""Time in the record: whole microseconds since 1970, UTC."""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta, timezone

DAY_US = 86_400_000_000

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AGE = re.compile(r"(\d+(?:\.\d+)?)([mhdw])")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MINUTE_US = 60_000_000
_MADE_US = 1_767_225_600_000_000
"""The first of January 2026: no board was inspected by this program before."""


def now_us() -> int:
    """Return the wall clock."""
    return time.time_ns() // 1000


def behind_the_record(now: int, newest: int) -> tuple[str, str] | None:
    """Say that the clock cannot be right, and what to do; None where it may be. Times in microseconds.

    A computer whose battery is empty begins in some year long gone: boards would be listed and removed by that. A board
    that is dated more than a year ahead was itself inspected under a wrong clock, and says nothing of the one of now.
    """
    hint = "Set the clock: boards are listed, counted and kept by it."
    if now < _MADE_US:
        return f"The clock of this computer stands in {from_us(now):%Y}.", hint
    minutes = (newest - now) // _MINUTE_US
    if minutes > 0 and newest - now < 365 * DAY_US:
        return f"The clock of this computer is {minutes} min behind the newest board of the record.", hint
    return None


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


def parse_moment(text: str, now: datetime | None = None) -> datetime:
    """Read a moment as people type it: a date, a date and time, `today`, `yesterday`, or an age such as `8h`.

    Without a time zone it is local time.

    Raises
    ------
    ValueError
        The text is none of these.
    """
    now = (now or datetime.now(timezone.utc)).astimezone()
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    named = {"now": now, "today": midnight, "yesterday": midnight - timedelta(days=1)}
    word = text.strip().lower()
    if word in named:
        return named[word]
    if age := _AGE.fullmatch(word):
        return now - timedelta(**{_UNITS[age[2]]: float(age[1])})
    try:
        moment = datetime.fromisoformat(re.sub(r"[zZ]$", "+00:00", text.strip()))
    except ValueError as error:
        raise ValueError(
            f"{text!r} is no time; write 2026-11-20, '2026-11-20 14:00', today, yesterday, 8h or 7d"
        ) from error
    return moment.astimezone()
