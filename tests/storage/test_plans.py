"""No question of the history may read the whole record: the plan is looked at, not the clock."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.dialects import sqlite

from aoi_app.storage.bench import bench_history, fill, questions
from aoi_app.storage.database import Place, connect
from aoi_app.storage.query import AnySelect, newest_keys, page_keys

DEFECTS = 20_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    folder = tmp_path_factory.mktemp("large")
    return folder, fill(folder, DEFECTS, seed=7)


def _plan(connection: Connection, asked: AnySelect) -> str:
    statement = asked.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    return "\n".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}"))


@pytest.mark.parametrize("name", questions(0))
def test_every_question_is_answered_from_an_index(large: tuple[Path, int], name: str) -> None:
    folder, last_us = large
    with connect(Place(folder), read_only=True).connect() as connection:
        plan = _plan(connection, page_keys(questions(last_us)[name], None, 100))
    steps = [s for s in plan.splitlines() if re.match(r"(SCAN|SEARCH) (inspection|defect)\b", s)]
    assert steps, plan
    assert all("INDEX" in s or "INTEGER PRIMARY KEY" in s for s in steps), plan


@pytest.mark.parametrize("name", ["newest", "class", "recipe", "component", "reviewer", "to review", "rare verdict"])
def test_the_page_is_read_in_order_and_never_sorted(large: tuple[Path, int], name: str) -> None:
    with connect(Place(large[0]), read_only=True).connect() as connection:
        plan = _plan(connection, page_keys(questions(large[1])[name], None, 100))
    # Boards of one microsecond may be sorted ("right part"); so may the union of component and region, a page each.
    read = plan if name != "component" else plan[: plan.rindex("SCAN")]
    assert "TEMP B-TREE FOR ORDER BY" not in read and "TEMP B-TREE FOR DISTINCT" not in read, plan


def test_a_serial_number_that_most_boards_begin_with_is_looked_for_among_the_newest(large: tuple[Path, int]) -> None:
    asked = newest_keys(questions(large[1])["any serial number"], None, 100)
    assert asked is not None
    with connect(Place(large[0]), read_only=True).connect() as connection:
        plan = _plan(connection, asked)
    assert "ix_inspection_serial" not in plan and "INTEGER PRIMARY KEY (rowid=?)" in plan, plan


def test_the_bench_asks_every_question(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    timings = bench_history(tmp_path, 500, repeat=2, progress=lambda done, of: told.append((done, of)))
    assert [t.question for t in timings] == list(questions(0))
    assert all(0 < t.p50_ms <= t.worst_ms for t in timings)
    assert told[-1] == (500, 500)
