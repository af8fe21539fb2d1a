"""`aoi report`, `aoi audit`, `aoi backup`, `aoi restore`."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from aoi_app.core.errors import SettingsError, StoreError
from aoi_app.storage.alarms import Alarms
from aoi_app.storage.audit import Audit, require_whole
from aoi_app.storage.backup import back_up, default_target
from aoi_app.storage.backup import restore as bring_back
from aoi_app.storage.checking import check as look_for_problems
from aoi_app.storage.checking import remove_orphans
from aoi_app.storage.clock import from_us, now_us, parse_moment, to_us
from aoi_app.storage.commands import Data, Since, Until, screen
from aoi_app.storage.export import opened
from aoi_app.storage.folders import existing_record, record_place
from aoi_app.storage.lock import StationLock
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.report import Line, report_lines, report_object, write_report_csv
from aoi_app.storage.statistics import Statistics

DEFAULT_PERIOD = "8h"

audit = typer.Typer(no_args_is_help=True)


def report(
    data: Data = None,
    since: Since = None,
    until: Until = None,
    recipe: Annotated[list[str] | None, typer.Option(help="Only boards inspected with this recipe.")] = None,
    station: Annotated[str, typer.Option(help="Only boards inspected by this station.")] = "",
    opportunities: Annotated[
        int | None,
        typer.Option(
            min=1, help="Opportunities for a defect on one board (components + placements + terminations), for DPMO."
        ),
    ] = None,
    csv: Annotated[str, typer.Option(metavar="FILE|-", help="Write the report as CSV.")] = "",
    json: Annotated[str, typer.Option(metavar="FILE|-", help="Write the report as JSON.")] = "",
) -> None:
    """Report yield, defects, false calls and review of a shift; of the last 8 hours when no time is given."""
    begin = to_us(since or parse_moment(DEFAULT_PERIOD))
    end = now_us() if until is None else to_us(until)
    if end <= begin:
        raise SettingsError("The report's end is not after its beginning.", "Give --since and --until in this order.")
    query = HistoryQuery(recipes=tuple(recipe or ()), station=station)
    where = existing_record(data)
    alarms, statistics = Alarms(where.folder, where.url), Statistics(where.folder, where.url)
    try:
        raised = alarms.between(begin, end)
        chances = None if opportunities is None else _ForAll(opportunities)
        figures = statistics.figures(begin, end, query, chances)
    finally:
        alarms.close()
        statistics.close()
    filters = {"recipes": list(query.recipes), "station": station, "opportunities": opportunities}
    if csv:
        with opened(csv) as file:
            write_report_csv(figures, raised, file)
    if json:
        with opened(json) as file:
            file.write(json_format.dumps(report_object(figures, raised, filters), indent=2, ensure_ascii=False) + "\n")
    if "-" not in (csv, json):
        title = f"{_local(begin)} to {_local(end)}"
        screen().print(_table(title, report_lines(figures, raised)))


@audit.command()
def verify(
    data: Data = None,
    head: Annotated[str, typer.Option(help="Hash that an earlier verification printed: it must be found again.")] = "",
) -> None:
    """Follow the audit from its beginning; exit status 1 and the first broken link when somebody changed it."""
    reader = Audit(existing_record(data))
    try:
        proof = reader.verify(head)
    finally:
        reader.close()
    try:
        require_whole(proof)
    except StoreError as error:
        typer.secho(str(error), fg="red", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{proof.entries:,} entries, none changed. Head, to be noted elsewhere: {proof.head}")


@audit.command()
def check(
    data: Data = None,
    decode: Annotated[bool, typer.Option("--decode", help="Also read every picture; takes minutes.")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Remove pictures that no row refers to.")] = False,
) -> None:
    """Check database, rows and pictures against each other; exit status 1 when something does not fit."""
    where = existing_record(data)
    # A board whose pictures are there and whose row is about to come is no orphan: no station while removing.
    lock = StationLock(where.folder) if repair else None
    try:
        people = Console(stderr=True, highlight=False)
        with people.status("checking"):
            problems = list(look_for_problems(where, decode))
        for problem in problems:
            typer.echo(f"{problem.kind}: {problem.where}: {problem.what}")
        removed = remove_orphans(where, problems) if repair else 0
    finally:
        if lock is not None:
            lock.release()
    people.print(f"{len(problems)} problems" + (f", {removed} orphans removed" if repair else ""))
    raise typer.Exit(int(len(problems) > removed))


def backup(
    target: Annotated[Path | None, typer.Argument(help="Folder to make; in the data folder when not given.")] = None,
    data: Data = None,
    pictures: Annotated[bool, typer.Option(help="Also copy the pictures.")] = True,
) -> None:
    """Copy the record, database and pictures, while the station runs."""
    where = record_place(data)
    folder = target or default_target(where)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("copying", total=None)
        manifest = back_up(where, folder, pictures, lambda done, of: progress.update(task, completed=done, total=of))
    boards = manifest.rows.get("inspection", 0)
    typer.echo(f"{folder}: {boards:,} boards, {manifest.pictures:,} pictures")


def restore(
    source: Annotated[Path, typer.Argument(help="Folder that `aoi backup` made.")],
    data: Data = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Bring a backup back; the record that is there now is kept beside it. The station must not be running."""
    where = record_place(data)
    if not yes:
        typer.confirm(f"Replace the record in {where.name} by the backup {source}?", abort=True)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("restoring", total=None)
        manifest = bring_back(where, source, lambda done, of: progress.update(task, completed=done, total=of))
    typer.echo(f"{manifest.rows.get('inspection', 0):,} boards of {_local(manifest.made_us)} are back in {where.name}")


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
