"""Reads what the statistics page shows. Called in a worker thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from aoi_app.core.scan import Pixels
from aoi_app.gui.review.loading import read_file
from aoi_app.gui.services import AlarmBook, HistoryReader, StatisticsReader
from aoi_app.gui.statistics.heat import heat_picture
from aoi_app.station.golden_boards import scan_on_golden
from aoi_app.storage.alarms import AlarmRow
from aoi_app.storage.charts import ControlChart, p_chart, u_chart
from aoi_app.storage.clock import to_us
from aoi_app.storage.figures import Figures
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.shifts import Shift, shift_at, shift_before

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
Bounds = tuple[int, int]
"""From (included) and to (left out), UTC microseconds."""


def back(length_us: int) -> Callable[[int, Sequence[Shift]], Bounds]:
    """Return a period of a fixed length up to now."""
    return lambda now, shifts: (now - length_us, now)


def today(now: int, shifts: Sequence[Shift]) -> Bounds:
    """Return the time since midnight."""
    return to_us(datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)), now


def this_shift(now: int, shifts: Sequence[Shift]) -> Bounds:
    """Return the shift that runs, up to now."""
    return shift_at(shifts, now).since_us, now


def last_shift(now: int, shifts: Sequence[Shift]) -> Bounds:
    """Return the shift before, whole."""
    period = shift_before(shifts, shift_at(shifts, now))
    return period.since_us, period.until_us


@dataclass(frozen=True, slots=True)
class Period:
    """A period that can be chosen: its name, its bounds at a moment, and the width of the charts' subgroups."""

    title: str
    find: Callable[[int, Sequence[Shift]], Bounds]
    subgroup_us: int

    def bounds(self, shifts: Sequence[Shift]) -> Bounds:
        """Return the period as it is now."""
        return self.find(time.time_ns() // 1000 + 1, shifts)


PERIODS = (
    Period("Last hour", back(HOUR_US), 2 * MINUTE_US),
    Period("Last 8 hours", back(8 * HOUR_US), 15 * MINUTE_US),
    Period("This shift", this_shift, 15 * MINUTE_US),
    Period("Last shift", last_shift, 15 * MINUTE_US),
    Period("Today", today, 30 * MINUTE_US),
    Period("Last 24 hours", back(DAY_US), HOUR_US),
    Period("Last 7 days", back(7 * DAY_US), 6 * HOUR_US),
    Period("Last 30 days", back(30 * DAY_US), DAY_US),
)


@dataclass(frozen=True, slots=True, eq=False)
class PeriodView:
    """Everything that the page shows of a period."""

    figures: Figures
    not_passed: ControlChart
    defects: ControlChart
    heat: Pixels | None
    recipes: tuple[str, ...]
    alarms: tuple[AlarmRow, ...] = ()


def read_period(
    statistics: StatisticsReader,
    history: HistoryReader,
    alarms: AlarmBook | None,
    period: Period,
    bounds: Bounds,
    recipe: str,
) -> PeriodView:
    """Count a period."""
    since, until = bounds
    query = HistoryQuery(since_us=since, until_us=until, recipes=(recipe,) if recipe else ())
    figures = statistics.figures(since, until, query, None, period.subgroup_us)
    groups = figures.subgroups
    sizes = groups.boards.tolist()
    return PeriodView(
        figures,
        p_chart(groups.not_passed.tolist(), sizes),
        u_chart(groups.confirmed.tolist(), sizes),
        _heat(statistics, history, query),
        history.recipes(),
        () if alarms is None else alarms.between(since, until),
    )


def _heat(statistics: StatisticsReader, history: HistoryReader, query: HistoryQuery) -> Pixels | None:
    places = statistics.places(query)
    newest = history.page(query, None, 1)
    record = history.board(newest[0].board_id) if newest else None
    if record is None or not len(places):
        return None
    size = record.inspection.width, max(record.inspection.completeness.lines, 1)
    preview, laid = read_file(record.row.preview), record.inspection.registration
    if preview is not None and laid is not None:
        # The places are on the golden board: so must the picture below them be.
        preview = scan_on_golden(preview, laid, size[0] / preview.shape[1])
    return heat_picture(places, preview, size)
