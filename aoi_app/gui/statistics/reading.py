"""Reads what the statistics page shows. Called in a worker thread."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from aoi_app.core.scan import Pixels
from aoi_app.gui.review.loading import read_file
from aoi_app.gui.services import HistoryReader, StatisticsReader
from aoi_app.gui.statistics.heat import heat_picture
from aoi_app.storage.charts import ControlChart, p_chart, u_chart
from aoi_app.storage.clock import to_us
from aoi_app.storage.figures import Figures
from aoi_app.storage.query import HistoryQuery

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
TODAY = -1


@dataclass(frozen=True, slots=True)
class Period:
    """A period up to now, and the width of the charts' subgroups; a length of `TODAY` begins at midnight."""

    title: str
    length_us: int
    subgroup_us: int


PERIODS = (
    Period("Last hour", HOUR_US, 2 * MINUTE_US),
    Period("Last 8 hours", 8 * HOUR_US, 15 * MINUTE_US),
    Period("Today", TODAY, 30 * MINUTE_US),
    Period("Last 24 hours", DAY_US, HOUR_US),
    Period("Last 7 days", 7 * DAY_US, 6 * HOUR_US),
    Period("Last 30 days", 30 * DAY_US, DAY_US),
)


@dataclass(frozen=True, slots=True, eq=False)
class PeriodView:
    """Everything that the page shows of a period."""

    figures: Figures
    not_passed: ControlChart
    defects: ControlChart
    heat: Pixels | None
    recipes: tuple[str, ...]


def bounds(period: Period) -> tuple[int, int]:
    """Return the period up to now, UTC microseconds."""
    now = time.time_ns() // 1000 + 1
    if period.length_us == TODAY:
        return to_us(datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)), now
    return now - period.length_us, now


def read_period(statistics: StatisticsReader, history: HistoryReader, period: Period, recipe: str) -> PeriodView:
    """Count a period."""
    since, until = bounds(period)
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
    )


def _heat(statistics: StatisticsReader, history: HistoryReader, query: HistoryQuery) -> Pixels | None:
    places = statistics.places(query)
    newest = history.page(query, None, 1)
    record = history.board(newest[0].board_id) if newest else None
    if record is None or not len(places):
        return None
    size = record.inspection.width, max(record.inspection.completeness.lines, 1)
    return heat_picture(places, read_file(record.row.preview), size)
