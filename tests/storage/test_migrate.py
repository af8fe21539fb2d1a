from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from aoi_app.core.errors import StoreError
from aoi_app.storage.database import Place, connect
from aoi_app.storage.history import History
from aoi_app.storage.migrate import prepare, revision_of, run_command
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.schema import HEAD
from aoi_app.storage.store import Store
from tests.storage.boards import board, defects

BACKENDS = ("sqlite",)


@pytest.fixture
def filled(folder: Path) -> Place:
    store = Store(folder)
    for number in range(5):
        store.record(*board(number, *defects(number)))
    store.close()
    return Place(folder)


def _rows(place: Place) -> list[int]:
    with sqlite3.connect(place.folder / "aoi.db") as raw:
        return [raw.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in ("inspection", "defect", "engine")]


def test_the_models_and_the_migrations_agree(filled: Place) -> None:
    with connect(filled, foreign_keys=False).begin() as connection:
        run_command(connection, "check")
        assert revision_of(connection) == HEAD


def test_head_is_the_newest_script() -> None:
    from alembic.script import ScriptDirectory

    from aoi_app.storage import migrate

    assert ScriptDirectory(str(Path(migrate.__file__).parent / "migrations")).get_heads() == [HEAD]


def test_every_table_is_gone_and_back(filled: Place) -> None:
    with connect(filled, foreign_keys=False).begin() as connection:
        run_command(connection, "downgrade", "base")
        tables = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
        assert set(tables) - {"sqlite_sequence"} == {"alembic_version"}
        run_command(connection, "upgrade", "head")
    assert _rows(filled) == [0, 0, 0]


def test_nothing_is_done_and_copied_when_nothing_is_to_do(filled: Place) -> None:
    prepare(filled)
    assert not filled.backups.exists()


def test_an_older_record_is_copied_and_brought_forward(filled: Place) -> None:
    with connect(filled, foreign_keys=False).begin() as connection:
        run_command(connection, "downgrade", "0001")
    before = _rows(filled)
    store = Store(filled.folder)
    store.record(*board(77, *defects(1)))
    store.close()
    with connect(filled).connect() as connection:
        assert revision_of(connection) == HEAD
    assert _rows(filled) == [before[0] + 1, before[1] + 1, before[2]]
    (copy,) = filled.backups.glob(f"*-before-{HEAD}.db")
    with sqlite3.connect(copy) as raw:
        assert raw.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
        assert raw.execute("SELECT count(*) FROM inspection").fetchone() == (before[0],)


@pytest.mark.parametrize("revision", ["", "0001"])
def test_programs_that_start_at_once_share_the_work(filled: Place, tmp_path: Path, revision: str) -> None:
    """A station and its review windows, the first time after an upgrade, or ever."""
    place = filled if revision else Place(tmp_path / "new")
    if revision:
        with connect(filled, foreign_keys=False).begin() as connection:
            run_command(connection, "downgrade", revision)
    code = (
        "import sys; from pathlib import Path; from aoi_app.storage.database import Place; "
        "from aoi_app.storage.migrate import prepare; sys.stdin.readline(); prepare(Place(Path(sys.argv[1])))"
    )
    programs = [
        subprocess.Popen([sys.executable, "-c", code, str(place.folder)], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4)
    ]
    for program in programs:  # all at the same moment, not in the order in which they were loaded
        assert program.stdin is not None
        program.stdin.write(b"go\n")
        program.stdin.flush()
    said = [program.communicate(timeout=120)[1].decode() for program in programs]
    assert [program.returncode for program in programs] == [0] * 4, said
    with connect(place).connect() as connection:
        assert revision_of(connection) == HEAD


def test_a_record_of_a_newer_program_is_refused(filled: Place) -> None:
    with sqlite3.connect(filled.folder / "aoi.db") as raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreError, match=r"newer program \(its shape is 9999"):
        Store(filled.folder)


def test_a_file_that_is_no_database_is_refused(folder: Path) -> None:
    folder.mkdir()
    (folder / "aoi.db").write_bytes(b"not a database " * 1000)
    with pytest.raises(StoreError, match="not a database"):
        Store(folder)


def test_a_database_of_another_program_is_refused_by_history(folder: Path) -> None:
    folder.mkdir()
    sqlite3.connect(folder / "aoi.db").executescript("CREATE TABLE t(x)")
    with pytest.raises(StoreError, match="no record of this program"):
        History(folder)
    shutil.rmtree(folder)
    with pytest.raises(StoreError, match=r"aoi\.db is missing"):
        History(folder)


def test_rebuilding_a_parent_table_keeps_its_children(filled: Place) -> None:
    """SQLite rebuilds a table by dropping it, which deletes children while foreign keys are on."""
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    before = _rows(filled)
    with connect(filled, foreign_keys=False).begin() as connection:
        operations = Operations(MigrationContext.configure(connection))
        with operations.batch_alter_table("inspection", recreate="always"):
            pass
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall() == []
    assert _rows(filled) == before == [5, 10, 1]


def test_a_step_that_fails_leaves_the_record_as_it_was(filled: Place) -> None:
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    def tables() -> set[str]:
        with sqlite3.connect(filled.folder / "aoi.db") as raw:
            return {name for (name,) in raw.execute("SELECT name FROM sqlite_master")}

    before = tables()
    with pytest.raises(RuntimeError), connect(filled, foreign_keys=False).begin() as connection:
        operations = Operations(MigrationContext.configure(connection))
        with operations.batch_alter_table("defect", recreate="always"):
            pass
        operations.drop_table("recipe")
        raise RuntimeError("power cut")
    assert tables() == before
    assert sum(1 for _ in History(filled.folder).rows(HistoryQuery())) == 5
