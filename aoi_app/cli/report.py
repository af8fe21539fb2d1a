"""`aoi report`: the report of a shift or of any period, on the screen or as PDF, CSV and JSON."""

from __future__ import annotations

import json as json_format
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from aoi_app.core.errors import SettingsError
from aoi_app.storage.alarms import AlarmRow, Alarms
from aoi_app.storage.clock import from_us, now_us, parse_moment, to_us
from aoi_app.storage.commands import Data, Since, Until, screen
from aoi_app.storage.export import opened
from aoi_app.storage.figures import Figures
from aoi_app.storage.folders import existing_record
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.record_settings import load_record_settings
from aoi_app.storage.report import Line, report_lines, report_object, write_report_csv
from aoi_app.storage.shifts import Shift, shift_at, shift_before, shift_named
from aoi_app.storage.statistics import Statistics

DEFAULT_PERIOD = "8h"
CURRENT, LAST = "current", "last"


def report(
    data: Data = None,
    since: Since = None,
    until: Until = None,
    shift: Annotated[
        str, typer.Option(metavar="NAME|current|last", help="A shift instead of --since and --until, by its name.")
    ] = "",
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day on which the named shift began; today's.")
    ] = None,
    recipe: Annotated[list[str] | None, typer.Option(help="Only boards inspected with this recipe.")] = None,
    station: Annotated[str, typer.Option(help="Only boards inspected by this station.")] = "",
    opportunities: Annotated[
        int | None,
        typer.Option(
            min=1, help="Opportunities for a defect on one board (components + placements + terminations), for DPMO."
        ),
    ] = None,
    pdf: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report as PDF; needs no display.")] = None,
    csv: Annotated[str, typer.Option(metavar="FILE|-", help="Write the report as CSV.")] = "",
    json: Annotated[str, typer.Option(metavar="FILE|-", help="Write the report as JSON.")] = "",
    lang: Annotated[str, typer.Option(metavar="zh|en", help="Language of the PDF; the settings' when not given.")] = "",
) -> None:
    """Report yield, defects, false calls and review of a shift; of the last 8 hours when no time is given.

    Shifts begin when `record.json`, or the settings in the window, say.
    """
    where = existing_record(data)
    if shift and (since or until):
        raise SettingsError("A shift and a time were given.", "Give --shift, or --since and --until.")
    if shift:
        begin, end, name = _shift_bounds(load_record_settings(where.folder).shifts, shift, day)
    else:
        begin, end, name = to_us(since or parse_moment(DEFAULT_PERIOD)), now_us() if until is None else to_us(until), ""
    if end <= begin:
        raise SettingsError("The report's end is not after its beginning.", "Give --since and --until in this order.")
    query = HistoryQuery(recipes=tuple(recipe or ()), station=station)
    alarms, statistics = Alarms(where.folder, where.url), Statistics(where.folder, where.url)
    try:
        raised = alarms.between(begin, end, station)
        chances = None if opportunities is None else _ForAll(opportunities)
        figures = statistics.figures(begin, end, query, chances)
    finally:
        alarms.close()
        statistics.close()
    filters = {"recipes": list(query.recipes), "station": station, "opportunities": opportunities, "shift": name}
    if pdf is not None:
        _write_pdf(figures, raised, pdf, lang, data)
    if csv:
        with opened(csv) as file:
            write_report_csv(figures, raised, file)
    if json:
        with opened(json) as file:
            file.write(json_format.dumps(report_object(figures, raised, filters), indent=2, ensure_ascii=False) + "\n")
    if "-" not in (csv, json):
        title = f"{name + ': ' if name else ''}{_local(begin)} to {_local(end)}"
        screen().print(_table(title, report_lines(figures, raised)))


def _shift_bounds(shifts: Sequence[Shift], wanted: str, day: datetime | None) -> tuple[int, int, str]:
    """Return beginning and end of a shift, no later than now, and its name."""
    now = now_us()
    current = shift_at(shifts, now)
    if wanted in (CURRENT, LAST):
        if day is not None:
            raise SettingsError(f"--day goes with the name of a shift, not with {wanted!r}.", "Leave one of them out.")
        period = current if wanted == CURRENT else shift_before(shifts, current)
    else:
        try:
            period = shift_named(shifts, wanted, date.today() if day is None else day.date())
        except ValueError as error:
            raise SettingsError(
                f"The report cannot be made: {error}.", "Give one of these, current or last."
            ) from error
    if period.since_us >= now:
        raise SettingsError(
            f"Shift {period.name!r} of {period.day} has not begun yet.", "Give an earlier --day, current or last."
        )
    return period.since_us, min(period.until_us, now), f"{period.name}, {period.day}"


def _write_pdf(figures: Figures, raised: Sequence[AlarmRow], file: Path, lang: str, data: Path | None) -> None:
    from aoi_app.core.folders import settings_file
    from aoi_app.core.settings import load_settings
    from aoi_app.gui.application import make_application
    from aoi_app.gui.statistics.pdf import write_pdf
    from aoi_app.gui.texts import LANGUAGES, use_language

    chosen = lang or load_settings(settings_file(data)).language
    if chosen not in LANGUAGES:
        raise SettingsError(f"There is no language {chosen!r}.", f"Choose one of {', '.join(LANGUAGES)}.")
    # Kept until the file is written: without an application there are no fonts.
    application = make_application(offscreen=True)
    use_language(chosen)
    write_pdf(figures, raised, file)
    application.processEvents()


class _ForAll(dict[str, int]):
    """The same number for every recipe."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def __contains__(self, recipe: object) -> bool:
        return True

    def __missing__(self, recipe: str) -> int:
        return self._number


def _local(us: int) -> str:
    return from_us(us).astimezone().strftime("%Y-%m-%d %H:%M")


def _table(title: str, lines: list[Line]) -> Table:
    table = Table("", "figure", "value", "n", "95 % interval", title=title, title_justify="left", box=SIMPLE_HEAD)
    section = ""
    for line in lines:
        bounds = (
            "" if line.low is None or line.high is None else f"{_shown(line.low, line)} to {_shown(line.high, line)}"
        )
        n = "" if line.n is None else f"{line.n:,}"
        table.add_row("" if line.section == section else line.section, line.name, _shown(line.value, line), n, bounds)
        section = line.section
    return table


def _shown(value: float | str | None, line: Line) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    return (
        f"{100 * value:.2f} %"
        if line.unit == "share"
        else f"{value:,.1f}"
        if isinstance(value, float)
        else f"{value:,}"
    )
