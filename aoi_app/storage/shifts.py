"""The shifts of a plant: when each begins, and from when to when the one of a moment lasts. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from aoi_app.storage.clock import from_us, to_us


class Shift(BaseModel):
    """A shift by name; it ends when the next one begins.

    Attributes
    ----------
    begins
        Local time of day.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=40)]
    begins: time


DEFAULT_SHIFTS = (
    Shift(name="early", begins=time(6)),
    Shift(name="late", begins=time(14)),
    Shift(name="night", begins=time(22)),
)


@dataclass(frozen=True, slots=True)
class ShiftPeriod:
    """One shift of one day, UTC microseconds from (included) and to (left out); the day is that of its beginning."""

    name: str
    day: date
    since_us: int
    until_us: int


def sorted_shifts(shifts: Sequence[Shift]) -> tuple[Shift, ...]:
    """Return shifts by the time of day. Raises ValueError when two begin together or have one name, or none is left."""
    if not shifts:
        raise ValueError("there is no shift; a plant that works around the clock has one")
    if len({s.begins for s in shifts}) < len(shifts) or len({s.name for s in shifts}) < len(shifts):
        raise ValueError("two shifts have the same name or begin at the same time")
    if any(s.begins.tzinfo is not None for s in shifts):
        raise ValueError("a shift begins at local time; leave the time zone out")
    return tuple(sorted(shifts, key=lambda s: s.begins))


def shift_at(shifts: Sequence[Shift], moment_us: int) -> ShiftPeriod:
    """Return the shift that a moment lies in."""
    local = from_us(moment_us).astimezone()
    around = (local.date() + timedelta(days=d) for d in (-1, 0, 1))
    periods = [period for day in around for period in shifts_of(shifts, day)]
    return next(p for p in periods if p.since_us <= moment_us < p.until_us)


def shift_before(shifts: Sequence[Shift], period: ShiftPeriod) -> ShiftPeriod:
    """Return the shift that ended when another began."""
    return shift_at(shifts, period.since_us - 1)


def shifts_of(shifts: Sequence[Shift], day: date) -> tuple[ShiftPeriod, ...]:
    """Return the shifts that begin on a day, in order; the last one may end on the next day.

    Clocks that are set forward or back make one of them an hour shorter or longer: each ends when the next begins.
    """
    ordered = sorted_shifts(shifts)
    begins = [_moment(day, s.begins) for s in ordered] + [_moment(day + timedelta(days=1), ordered[0].begins)]
    return tuple(
        ShiftPeriod(shift.name, day, since, until)
        for shift, since, until in zip(ordered, begins[:-1], begins[1:], strict=True)
    )


def shift_named(shifts: Sequence[Shift], name: str, day: date) -> ShiftPeriod:
    """Return a shift of a day. Raises ValueError when there is none of that name."""
    found = next((p for p in shifts_of(shifts, day) if p.name == name), None)
    if found is None:
        raise ValueError(f"there is no shift {name!r}; there are {', '.join(s.name for s in sorted_shifts(shifts))}")
    return found


def _moment(day: date, begins: time) -> int:
    return to_us(datetime.combine(day, begins).astimezone())
