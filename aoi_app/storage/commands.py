"""`aoi history`: search what was inspected, and export it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from aoi_app.core.errors import StoreError
from aoi_app.core.inspection import Verdict, Verification
from aoi_app.storage.clock import from_us, parse_moment, to_us
from aoi_app.storage.export import opened, record_object, write_boards_csv, write_defects_csv, write_json
from aoi_app.storage.folders import record_place
from aoi_app.storage.history import BoardRow, History
from aoi_app.storage.query import HistoryQuery

T = TypeVar("T")

PIPED_WIDTH = 240
"""Characters of a line that goes into a file or another program: nothing is cut off."""

COLOURS = {Verdict.PASSED: "green", Verdict.FAILED: "red", Verdict.ERROR: "magenta", Verdict.ABORTED: "magenta"}


def moment(text: str) -> datetime:
    """Read a time from the command line."""
    try:
        return parse_moment(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


Data = Annotated[Path | None, typer.Option(help="Data folder; the station's own when not given.")]
Since = Annotated[
    datetime | None,
    typer.Option(
        parser=moment, metavar="TIME", help="From this time on: 2026-11-20, '2026-11-20 14:00', today, 8h, 7d."
    ),
]
Until = Annotated[datetime | None, typer.Option(parser=moment, metavar="TIME", help="Before this time.")]


def history(
    data: Data = None,
    since: Since = None,
    until: Until = None,
    verdict: Annotated[list[Verdict] | None, typer.Option(case_sensitive=False, help="As the station judged.")] = None,
    final: Annotated[
        list[Verdict] | None, typer.Option(case_sensitive=False, help="As it stands after review.")
    ] = None,
    defect_class: Annotated[list[str] | None, typer.Option("--class", help="With a defect of this class.")] = None,
    place: Annotated[list[str] | None, typer.Option(help="With a defect at this component or region.")] = None,
    recipe: Annotated[list[str] | None, typer.Option(help="Inspected with this recipe.")] = None,
    serial: Annotated[str, typer.Option(help="Serial number, or its beginning.")] = "",
    engine: Annotated[str, typer.Option(help="Beginning of the engine's hash, or part of the model's name.")] = "",
    station: Annotated[str, typer.Option(help="Inspected by this station.")] = "",
    reviewer: Annotated[list[str] | None, typer.Option(help="With a defect reviewed by this person.")] = None,
    state: Annotated[
        list[Verification] | None, typer.Option(case_sensitive=False, help="With a defect in this state of review.")
    ] = None,
    to_review: Annotated[bool, typer.Option("--to-review", help="With defects that wait for a reviewer.")] = False,
    reviewed: Annotated[
        bool, typer.Option("--reviewed", help="Failed, and every defect decided on: with --json, a set to train on.")
    ] = False,
    board: Annotated[str, typer.Option(help="Print everything that is known of one board.")] = "",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Boards at most; 20 on the screen, all in an export.")
    ] = None,
    csv: Annotated[str, typer.Option(metavar="FILE|-", help="Write one line a board as CSV.")] = "",
    defects: Annotated[bool, typer.Option("--defects", help="With --csv: one line a defect.")] = False,
    json: Annotated[str, typer.Option(metavar="FILE|-", help="Write one JSON object a board and line.")] = "",
) -> None:
    """Search what was inspected, newest first, and export it.

    Options of one kind add up (`--class open --class short` finds either); different ones must all hold.
    It works while the station runs.
    """
    if csv == json == "-":
        raise typer.BadParameter("Standard output takes one of --csv and --json; name a file for the other.")
    if defects and not csv:
        raise typer.BadParameter("It says nothing without --csv.", param_hint="--defects")
    query = HistoryQuery(
        since_us=None if since is None else to_us(since),
        until_us=None if until is None else to_us(until),
        verdicts=tuple(verdict or ()),
        final_verdicts=tuple(final or ()),
        recipes=tuple(recipe or ()),
        serial=serial,
        engine=engine,
        station=station,
        classes=tuple(defect_class or ()),
        places=tuple(place or ()),
        reviewers=tuple(reviewer or ()),
        verifications=tuple(state or ()),
        to_review=to_review,
        reviewed=reviewed,
    )
    where = record_place(data)
    reader = History(where.folder, where.url)
    # On standard output there is nothing but the export; what is for people goes to standard error.
    people = Console(stderr=True, highlight=False)
    try:
        if board:
            _show_board(reader, board)
        elif csv or json:
            _export(reader, query, limit, csv, json, defects, people)
        else:
            _show_table(reader, query, limit or 20)
    finally:
        reader.close()


def screen() -> Console:
    """Return standard output for tables."""
    console = Console()
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    return console


def _show_board(reader: History, board_id: str) -> None:
    record = reader.board(board_id)
    if record is None:
        raise StoreError(
            f"Board {board_id!r} is not in the record.", "`aoi history --serial` finds boards by serial number."
        )
    Console().print_json(data=record_object(record, reader.golden_of(record.row)))


def _show_table(reader: History, query: HistoryQuery, limit: int) -> None:
    rows, counts = reader.page(query, limit=limit), reader.counts(query)
    table = Table("time", "serial", "verdict", "defects", "reason", "recipe", "board", box=SIMPLE_HEAD, highlight=False)
    for row in rows:
        table.add_row(*_cells(row))
    console = screen()
    console.print(table)
    total = sum(counts.values())
    summary = ", ".join(f"{n:,} {verdict.value}" for verdict, n in sorted(counts.items(), key=lambda item: -item[1]))
    console.print(f"{len(rows):,} of {total:,} boards" + (f": {summary}" if summary else ""), highlight=False)


def _cells(row: BoardRow) -> tuple[str, ...]:
    verdict = f"[{COLOURS[row.verdict]}]{row.verdict.value}[/]"
    if row.final_verdict is not row.verdict:
        verdict += f" -> {row.final_verdict.value}"
    return (
        from_us(row.ended_us).astimezone().strftime("%Y-%m-%d %H:%M:%S"),
        _plain(row.serial),
        verdict,
        str(row.defects),
        _plain(row.reason),
        f"{_plain(row.recipe)}, {row.recipe_revision}",
        _plain(row.board_id),
    )


def _plain(text: str) -> str:
    return text.replace("[", r"\[")


def _export(
    reader: History, query: HistoryQuery, limit: int | None, csv: str, json: str, defects: bool, people: Console
) -> None:
    total = sum(reader.counts(query).values())
    total = total if limit is None else min(limit, total)
    with Progress(console=people, transient=True) as progress:
        if csv:
            with opened(csv) as file:
                if defects:
                    write_defects_csv(_counted(progress, csv, reader.records(query), total), file)
                else:
                    write_boards_csv(_counted(progress, csv, reader.rows(query), total), file)
        if json:
            with opened(json) as file:
                write_json(_counted(progress, json, reader.records(query), total), file, reader.golden_of)
    people.print(f"{total:,} boards exported")


def _counted(progress: Progress, target: str, items: Iterable[T], total: int) -> Iterator[T]:
    """Pass on up to `total` items and show how far it is; boards that come in meanwhile wait for the next export."""
    task = progress.add_task("standard output" if target == "-" else _plain(target), total=total)
    for item in islice(items, total):
        yield item
        progress.advance(task)
