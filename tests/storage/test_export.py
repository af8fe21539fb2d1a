from __future__ import annotations

import csv
import io
import json
import os
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from aoi_app.core.errors import DatabaseLocked, DiskFull, StoreError
from aoi_app.core.inspection import Verdict, Verification
from aoi_app.core.recipe import Recipe
from aoi_app.storage import commands
from aoi_app.storage.clock import from_us, parse_moment, to_us
from aoi_app.storage.database import Place
from aoi_app.storage.export import opened
from aoi_app.storage.goldens import keep_golden
from aoi_app.storage.history import History
from aoi_app.storage.recipes import RecipeBook
from aoi_app.storage.review import Review
from aoi_app.storage.store import Store
from tests.storage.boards import START_US, board, changed, defects

BACKENDS = ("sqlite",)


BOARDS = 6
CONFIRMED, REJECTED = Verification.DEFECT_CONFIRMED, Verification.DEFECT_REJECTED


@pytest.fixture
def recorded(folder: Path, store: Store) -> Path:
    for number in range(BOARDS):
        inspection, end = board(number, *defects(number))
        store.record(*changed((inspection, end), reason='1 x "short", 短路', serial=f"=SN[{number}]"))
    store.close()
    return folder


def _run(*arguments: str) -> str:
    app = typer.Typer()
    app.command()(commands.history)
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_csv_of_boards(recorded: Path, tmp_path: Path) -> None:
    _run("--data", str(recorded), "--csv", str(tmp_path / "out.csv"))
    assert (tmp_path / "out.csv").read_bytes().startswith(b"\xef\xbb\xbfboard,serial"), "spreadsheets need the mark"
    rows = list(csv.DictReader((tmp_path / "out.csv").open(encoding="utf-8-sig", newline="")))
    assert [r["board"] for r in rows] == [f"board-{n:06d}" for n in reversed(range(BOARDS))]
    assert rows[0]["reason"] == '1 x "short", 短路' and rows[0]["serial"] == "'=SN[5]", "a formula is text"
    assert [int(r["defects"]) for r in rows] == list(reversed(range(BOARDS)))
    assert to_us(datetime.fromisoformat(rows[-1]["ended"])) == START_US
    assert list(tmp_path.glob("*.part")) == []


def test_csv_of_defects(recorded: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(_run("--data", str(recorded), "--csv", "-", "--defects"))))
    assert len(rows) == sum(range(BOARDS))
    assert [float(rows[0][k]) for k in ("x1", "y1", "x2", "y2")] == [10.0, 30.0, 22.5, 41.25]
    assert {r["verification"] for r in rows} == {"NotVerifiedYet"}


def test_json_holds_every_fact(recorded: Path) -> None:
    objects = [json.loads(line) for line in _run("--data", str(recorded), "--json", "-").splitlines()]
    assert [o["board"] for o in objects] == [f"board-{n:06d}" for n in reversed(range(BOARDS))]
    newest = objects[0]
    assert newest["engine"]["sha256"] == "ab" * 32 and newest["recipe"] == {"name": "default", "revision": 3}
    assert newest["latency_ms"] == {"inference": 12.25, "verdict": 20.5}
    assert Path(newest["defects"][0]["crop"]).is_file() and Path(newest["preview"]).is_file()


def test_the_table_shows_boards_and_how_many_there_are(recorded: Path) -> None:
    shown = _run("--data", str(recorded), "--verdict", "failed", "--limit", "2")
    assert "=SN[5]" in shown and "board-000004" in shown and "board-000003" not in shown
    assert "2 of 5 boards: 5 FAILED" in shown


def test_one_board(recorded: Path) -> None:
    shown = json.loads(_run("--data", str(recorded), "--board", "board-000002"))
    assert [d["class"] for d in shown["defects"]] == ["short", "short"]
    with pytest.raises(StoreError, match="'no-board' is not in the record"):
        _run("--data", str(recorded), "--board", "no-board")


def test_filters_of_the_command_line(recorded: Path) -> None:
    middle = from_us(START_US + 3 * 60_000_000).isoformat()
    found = _run("--data", str(recorded), "--json", "-", "--since", middle, "--class", "short", "--serial", "=SN")
    assert len(found.splitlines()) == BOARDS - 3
    assert not _run("--data", str(recorded), "--json", "-", "--recipe", "another")
    assert len(_run("--data", str(recorded), "--json", "-", "--limit", "2").splitlines()) == 2


def test_reviewed_boards_are_a_set_to_train_on(recorded: Path, tmp_path: Path) -> None:
    from aoi_app.training.data.layouts import history as layout

    review, reader = Review(recorded), History(recorded)
    for number, states in ((1, [CONFIRMED]), (2, [CONFIRMED, REJECTED]), (3, [CONFIRMED])):
        record = reader.board(f"board-{number:06d}")
        assert record is not None
        for row, state in zip(record.defects, states, strict=False):
            review.verify(row.id, state, "kim", 1.0)
    target = tmp_path / "history.jsonl"
    _run("--data", str(recorded), "--reviewed", "--json", str(target))
    found = layout.read(target)
    assert found.classes == ("short",) and found.problems == ()
    assert {s.board for s in found.samples} == {"board-000001", "board-000002"}
    # Crops show each other's defects; what was rejected is a label on none of them.
    assert sum(len(s.labels) for s in found.samples if s.board == "board-000001") == 1
    assert [len(s.labels) for s in found.samples if s.board == "board-000002"] == [1, 1]


def test_an_export_names_the_golden_board_and_how_it_lies(folder: Path, store: Store, tmp_path: Path) -> None:
    stored = keep_golden(Place(folder, "").images, np.zeros((40, 60), np.uint8))
    book = RecipeBook(folder)
    recipe = book.save(Recipe(name="card", golden=stored.name, golden_sha256=stored.sha256))
    book.close()
    for number in (1, 2):
        inspection, end = board(number, *defects(number))
        named = {"recipe": "card", "recipe_revision": recipe.revision} if number == 2 else {}
        store.record(*changed((inspection, end), registration=(1.0, 0.0, 3.0, 0.0, 1.0, 2.0), **named))
    store.close()
    second, first = (json.loads(line) for line in _run("--data", str(folder), "--json", "-").splitlines())
    assert Path(second["golden"]).name == f"{stored.sha256}.png" and Path(second["golden"]).is_file()
    assert second["registration"] == [1, 0, 3, 0, 1, 2] and first["golden"] is None


def test_a_time_that_is_none_is_explained() -> None:
    app = typer.Typer()
    app.command()(commands.history)
    result = CliRunner().invoke(app, ["--since", "whenever"])
    assert result.exit_code == 2 and "'whenever' is no time" in result.output


def test_an_export_that_breaks_off_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.write_text("old")
    with pytest.raises(DiskFull, match=r"out\.csv"), opened(str(target)) as file:
        file.write("half")
        raise OSError(28, "No space left on device")
    assert target.read_text() == "old" and list(tmp_path.iterdir()) == [target]
    with pytest.raises((StoreError, DatabaseLocked), match=r"could not be written|may not be written"):
        opened(str(tmp_path / "no" / "folder" / "out.csv")).__enter__()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", timedelta()),
        ("8h", timedelta(hours=8)),
        ("1.5d", timedelta(days=1.5)),
        ("30m", timedelta(minutes=30)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_ages(text: str, expected: timedelta) -> None:
    now = datetime(2026, 11, 20, 14, 0, tzinfo=timezone.utc)
    assert now - parse_moment(text, now) == expected


def test_dates_are_local_and_times_may_name_a_zone() -> None:
    assert parse_moment("2026-11-20") == datetime(2026, 11, 20).astimezone()
    assert parse_moment("2026-11-20T14:00:00+02:00") == datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
    now = datetime(2026, 11, 20, 14, 0).astimezone()
    assert parse_moment("today", now) == datetime(2026, 11, 20).astimezone()
    assert parse_moment("yesterday", now) == datetime(2026, 11, 19).astimezone()


def test_verdicts_have_a_colour() -> None:
    assert set(commands.COLOURS) == set(Verdict)


def test_exports_that_do_not_go_together_are_refused() -> None:
    app = typer.Typer()
    app.command()(commands.history)
    both = CliRunner().invoke(app, ["--csv", "-", "--json", "-"])
    assert both.exit_code == 2 and "one of --csv and --json" in both.output
    alone = CliRunner().invoke(app, ["--defects"])
    assert alone.exit_code == 2 and "nothing without --csv" in alone.output


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    with opened(str(pipe)) as file:
        file.write("a board")
    reader.join(60)
    assert got == ["a board"] and pipe.is_fifo() and list(tmp_path.iterdir()) == [pipe]
