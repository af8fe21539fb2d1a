"""`aoi again`: a recorded board with today's recipe and engine, and what is found otherwise."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from aoi_app.cli.output import output, tables
from aoi_app.core.errors import StoreError
from aoi_app.core.inspection import Defect
from aoi_app.station.again import SecondLook

SAME, DIFFERENT = 0, 1


def again(
    board: Annotated[str, typer.Argument(help="Board id, or a serial number: then its newest inspection.")],
    data: Annotated[Path | None, typer.Option(help="Data folder; the station's own when not given.")] = None,
    model: Annotated[str, typer.Option(help="ONNX file, or a name from the engines folder.")] = "",
    runtime: Annotated[str, typer.Option(help="What runs the network; the settings' when not given.")] = "",
    precision: Annotated[str, typer.Option(help="fp32, fp16 or int8; the settings' when not given.")] = "",
    json_out: Annotated[str, typer.Option("--json", metavar="FILE|-", help="Write the comparison as JSON.")] = "",
    overlay: Annotated[Path | None, typer.Option(help="Folder for the board as it was inspected then and now.")] = None,
) -> None:
    """Inspect a recorded board again, with the newest revision of its recipe and the engine of the settings.

    The station may run meanwhile. Exit status: 0 the same verdict and defects, 1 different ones, 2 not inspected.
    """
    from aoi_app.app import recipe_book, second_look
    from aoi_app.core.folders import settings_file
    from aoi_app.core.settings import load_settings
    from aoi_app.golden_boards import LineGolden
    from aoi_app.station.overlay import write_overlay
    from aoi_app.storage.folders import existing_record
    from aoi_app.storage.history import History
    from aoi_app.storage.query import HistoryQuery

    changes = {"model": model, "runtime": runtime, "precision": precision}
    settings = load_settings(settings_file(data)).with_changes(**{k: v for k, v in changes.items() if v})
    where = existing_record(data)
    history, book = History(where.folder, where.url), recipe_book(data)
    try:
        record = history.board(board)
        if record is None:
            newest = history.page(HistoryQuery(serial=board), limit=1)
            record = history.board(newest[0].board_id) if newest and newest[0].serial == board else None
        if record is None:
            raise StoreError(f"Board {board!r} is not in the record.", "`aoi history` lists what is.")
        look = second_look(record, settings, book, LineGolden(lambda: settings, None, recorded=True))
    finally:
        history.close()
        book.close()
    with output(json_out) as write:
        if write is not None:
            write(json_format.dumps(look_object(look), indent=2, ensure_ascii=False) + "\n")
    if overlay is not None:
        for name, defects in (("then", look.record.inspection.defects), ("now", look.now.defects)):
            write_overlay(overlay, f"{record.row.serial}-{name}", look.image, defects)
    if json_out != "-":
        _print(look)
    raise typer.Exit(SAME if look.same else DIFFERENT)


def look_object(look: SecondLook) -> dict[str, object]:
    """Return a second look as JSON values."""
    then, now, found = look.record.inspection, look.now, look.difference
    return {
        "board": then.board_id,
        "serial": then.serial,
        "same": look.same,
        "verdict": {"then": then.verdict.value, "now": now.verdict.value},
        "reason": {"then": then.reason, "now": now.reason},
        "recipe": {"name": now.recipe, "then": then.recipe_revision, "now": now.recipe_revision},
        "engine": {
            name: None if i.engine is None else {"model": i.engine.model, "sha256": i.engine.sha256}
            for name, i in (("then", then), ("now", now))
        },
        "both": [{"then": _defect(a), "now": _defect(b)} for a, b in found.both],
        "gone": [_defect(d) for d in found.gone],
        "new": [_defect(d) for d in found.new],
    }


def _defect(defect: Defect) -> dict[str, object]:
    return {
        "class": defect.defect_code,
        "confidence": round(defect.confidence, 4),
        "box": [round(v, 1) for v in defect.box],
        "component": defect.component,
        "region": defect.region,
        "counts": defect.counts,
    }


def _print(look: SecondLook) -> None:
    then, now = look.record.inspection, look.now
    console = tables()
    console.print(
        f"{then.serial}: {then.verdict.value} then (recipe {then.recipe}, revision {then.recipe_revision}), "
        f"{now.verdict.value} now (revision {now.recipe_revision})"
    )
    table = Table("", "class", "place", "then", "now", box=SIMPLE_HEAD)
    for sign, before, after in look.pairs:
        one = after or before
        assert one is not None
        x, y = (one.box[0] + one.box[2]) / 2, (one.box[1] + one.box[3]) / 2
        cells = (
            "-" if d is None else f"{d.confidence:.2f}" + ("" if d.counts else " (tolerated)") for d in (before, after)
        )
        table.add_row(sign, one.defect_code, one.component or one.region or f"x {x:.0f}, y {y:.0f}", *cells)
    console.print(table)
