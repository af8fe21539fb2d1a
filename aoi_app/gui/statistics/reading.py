"""Reads what the statistics page shows. Called in a worker thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from aoi_app.core.errors import AoiError
from aoi_app.core.scan import Pixels
from aoi_app.gui.review.loading import read_file
from aoi_app.gui.services import AlarmBook, HistoryReader, StatisticsReader
from aoi_app.gui.statistics.heat import heat_picture
from aoi_app.station.golden_boards import scan_on_golden
from aoi_app.storage.alarms import AlarmRow
from aoi_app.storage.charts import ControlChart, p_chart, u_chart
from aoi_app.storage.clock import to_us
from aoi_app.storage.figures import Figures
from aoi_app.storage.history import BoardRecord
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.shifts import Shift, shift_at, shift_before

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
WIDTHS_US = tuple(n * MINUTE_US for n in (2, 15, 30, 60, 360, 1_440, 10_080, 43_200))
MOST_SUBGROUPS = 40
Bounds = tuple[int, int]
"""From (included) and to (left out), UTC microseconds."""
GoldenOf = Callable[[str, int], Pixels | None]
"""Finds the golden board of a recipe's revision; None where it has none. Raises AoiError."""


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
    """A period that can be chosen: its name, its bounds at a moment, and the width of the charts' subgroups.

    `find` is None for the one whose bounds a person types.
    """

    title: str
    find: Callable[[int, Sequence[Shift]], Bounds] | None
    subgroup_us: int = 0

    def bounds(self, shifts: Sequence[Shift], typed: Bounds = (0, 0)) -> Bounds:
        """Return the period as it is now."""
        return typed if self.find is None else self.find(time.time_ns() // 1000 + 1, shifts)

    def width_us(self, bounds: Bounds) -> int:
        """Return the width of a subgroup: of a typed period the least one that leaves a chart room."""
        length = bounds[1] - bounds[0]
        return self.subgroup_us or next((w for w in WIDTHS_US if length <= MOST_SUBGROUPS * w), length)


PERIODS = (
    Period("Last hour", back(HOUR_US), 2 * MINUTE_US),
    Period("Last 8 hours", back(8 * HOUR_US), 15 * MINUTE_US),
    Period("This shift", this_shift, 15 * MINUTE_US),
    Period("Last shift", last_shift, 15 * MINUTE_US),
    Period("Today", today, 30 * MINUTE_US),
    Period("Last 24 hours", back(DAY_US), HOUR_US),
    Period("Last 7 days", back(7 * DAY_US), 6 * HOUR_US),
    Period("Last 30 days", back(30 * DAY_US), DAY_US),
    Period("From … to …", None),
)


@dataclass(frozen=True, slots=True, eq=False)
class PeriodView:
    """Everything that the page shows of a period; `heat_of` is the recipe whose boards the map is of."""

    figures: Figures
    not_passed: ControlChart
    defects: ControlChart
    heat: Pixels | None
    heat_of: str
    recipes: tuple[str, ...]
    alarms: tuple[AlarmRow, ...] = ()


def read_period(
    statistics: StatisticsReader,
    history: HistoryReader,
    alarms: AlarmBook | None,
    period: Period,
    bounds: Bounds,
    recipe: str,
    golden_of: GoldenOf = lambda recipe, revision: None,
) -> PeriodView:
    """Count a period."""
    since, until = bounds
    query = HistoryQuery(since_us=since, until_us=until, recipes=(recipe,) if recipe else ())
    figures = statistics.figures(since, until, query, None, period.width_us(bounds))
    groups = figures.subgroups
    return PeriodView(
        figures,
        p_chart(groups.not_passed.tolist(), groups.boards.tolist()),
        u_chart(groups.confirmed.tolist(), groups.inspected.tolist()),
        *_heat(statistics, history, query, golden_of),
        history.recipes(),
        () if alarms is None else alarms.between(since, until),
    )


def _heat(
    statistics: StatisticsReader, history: HistoryReader, query: HistoryQuery, golden_of: GoldenOf
) -> tuple[Pixels | None, str]:
    """Return the map of the product that was inspected last, and its recipe: two products lie on no one board."""
    newest = history.page(query, None, 1)
    record = history.board(newest[0].board_id) if newest else None
    if record is None:
        return None, ""
    recipe = record.row.recipe
    places = statistics.places(replace(query, recipes=(recipe,)))
    if not len(places):
        return None, recipe
    return heat_picture(places, *(_golden(record, golden_of) or _newest(record))), recipe


def _golden(record: BoardRecord, golden_of: GoldenOf) -> tuple[Pixels, tuple[int, int]] | None:
    """Return the golden board of a board's recipe and its size; None where it has none that fits."""
    try:
        golden = golden_of(record.row.recipe, record.row.recipe_revision)
    except AoiError:
        return None  # who inspects or reviews is told; the newest scan shows the places as well
    if golden is None or golden.shape[1] != record.inspection.width:
        return None
    return golden, (golden.shape[1], golden.shape[0])


def _newest(record: BoardRecord) -> tuple[Pixels | None, tuple[int, int]]:
    """Return the preview of a board, laid where its golden board lies, and the size that places are in."""
    size = record.inspection.width, max(record.inspection.completeness.lines, 1)
    preview, laid = read_file(record.row.preview), record.inspection.registration
    if preview is not None and laid is not None:
        preview = scan_on_golden(preview, laid, size[0] / preview.shape[1])
    return preview, size
