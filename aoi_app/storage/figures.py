"""Figures of a period: yield, DPMO, false calls, what fails where, time of review.

Vocabulary: IPC-9261A for DPMO of a process step. Only what a reviewer confirmed is a defect; a dismissed call is a
false call and has a rate of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.inspection import Verdict, Verification
from aoi_app.storage.intervals import Rate

REAL = (Verification.DEFECT_CONFIRMED, Verification.DEFECT_REPAIRED, Verification.DEFECT_CLOSED)
"""States of a defect that was there; an accepted one is within what the customer takes."""

REWORKED = (Verification.DEFECT_REPAIRED, Verification.DEFECT_CLOSED)


@dataclass(frozen=True, slots=True, eq=False)
class Subgroups:
    """Counts by interval of time, for charts.

    Attributes
    ----------
    start_us
        (k,) int64, beginning of each interval, UTC microseconds.
    boards, not_passed
        (k,) int64: units inspected for the first time, those that did not pass.
    inspected, confirmed, false_calls
        (k,) int64: inspections that passed or failed, repeated ones included, and their defects by outcome of review.
    """

    start_us: NDArray[np.int64]
    boards: NDArray[np.int64]
    not_passed: NDArray[np.int64]
    inspected: NDArray[np.int64]
    confirmed: NDArray[np.int64]
    false_calls: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """What a period gave.

    Attributes
    ----------
    since_us, until_us
        The period, UTC microseconds, end left out.
    verdicts
        Inspections by the station's verdict, repeated ones included.
    first_pass_yield
        Units whose first inspection of all lies in the period, and that passed it without repair, after review; `ERROR`
        did not pass. A unit that comes back from repair is not counted again, nor is one that was begun before.
    machine_yield
        The same as the station judged, before review.
    dpmo
        Confirmed defects out of opportunities (multiply by a million), exact interval; None when a recipe's
        opportunities are not known or there are fewer of them than defects.
    false_calls
        Dismissed calls out of all reviewed calls.
    false_calls_per_opportunity
        Dismissed calls out of the opportunities of all boards; None as for `dpmo`.
    boards_without_false_call
        Boards, review done, on which nothing was called that was not there.
    open_defects
        Calls that wait for a reviewer: while there are some, the other figures are not final.
    by_class, by_component, by_region
        Confirmed defects, most first.
    review_s, review_median_s
        Time spent on review, and the median of a defect; 0 and None when there was none.
    opportunities_not_set
        Recipes of which nobody knows how many opportunities a board has: there is no DPMO while there are some.
    recipes, station
        What alone was counted; empty for all.
    """

    since_us: int
    until_us: int
    verdicts: Mapping[Verdict, int]
    first_pass_yield: Rate
    machine_yield: Rate
    dpmo: Rate | None
    false_calls: Rate
    false_calls_per_opportunity: Rate | None
    boards_without_false_call: Rate
    open_defects: int
    by_class: tuple[tuple[str, int], ...]
    by_component: tuple[tuple[str, int], ...]
    by_region: tuple[tuple[str, int], ...]
    review_s: float
    review_median_s: float | None
    subgroups: Subgroups
    opportunities_not_set: tuple[str, ...] = ()
    recipes: tuple[str, ...] = ()
    station: str = ""
