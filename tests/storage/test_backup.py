from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from aoi_app.core.errors import DatabaseLocked, StoreError
from aoi_app.core.inspection import Verification
from aoi_app.core.recipe import Recipe
from aoi_app.storage import backup
from aoi_app.storage.accounts import Accounts
from aoi_app.storage.audit import Audit
from aoi_app.storage.backup import back_up, read_manifest, restore
from aoi_app.storage.checking import check
from aoi_app.storage.database import Place
from aoi_app.storage.export import record_object
from aoi_app.storage.history import History
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.recipes import RecipeBook
from aoi_app.storage.review import Review
from aoi_app.storage.schema import HEAD
from aoi_app.storage.store import Store
from tests.storage.boards import board, defects
from tests.storage.places import At

if TYPE_CHECKING:
    from tests.storage.postgres import Server

BOARDS = 7


@pytest.fixture
def lived(at: At, store: Store) -> At:
    """A record in which something of everything is."""
    for number in range(BOARDS):
        store.record(*board(number, *defects(number % 3)))
    accounts, book, review, history = Accounts(*at), RecipeBook(*at), Review(*at), History(*at)
    accounts.create_first("Ana", "1234")
    book.save(Recipe(name="panel"))
    record = history.board("board-000002")
    assert record is not None
    review.verify(record.defects[0].id, Verification.DEFECT_CONFIRMED, "Ana", 2.0)
    for one in (accounts, book, review, history):
        one.close()
    store.close()
    return at


def _facts(at: At) -> list[str]:
    history = History(*at)
    try:
        found = (json.dumps(record_object(r), sort_keys=True) for r in history.records(HistoryQuery()))
        return [line.replace(str(at.folder), "") for line in found]
    finally:
        history.close()


def test_what_was_backed_up_comes_back(lived: At, tmp_path: Path) -> None:
    manifest = back_up(Place(*lived), tmp_path / "backup")
    assert manifest.rows["inspection"] == BOARDS and manifest.pictures == len(list(lived.folder.glob("images/*/*/*")))
    elsewhere = At(tmp_path / "elsewhere")
    assert restore(Place(*elsewhere), tmp_path / "backup") == manifest == read_manifest(tmp_path / "backup")
    assert _facts(elsewhere) == _facts(lived)
    assert list(check(Place(*elsewhere), decode=True)) == []
    assert RecipeBook(*elsewhere).names() == ("panel",)
    assert Accounts(*elsewhere).log_in("Ana", "1234").name == "Ana"
    assert Audit(Place(*elsewhere)).verify(manifest.audit_head).broken is None
    # What comes after has numbers of its own.
    store = Store(*elsewhere)
    store.record(*board(99, *defects(2)))
    store.close()
    assert len(_facts(elsewhere)) == BOARDS + 1


def test_a_backup_moves_to_a_server(lived: At, tmp_path: Path, postgres: Server) -> None:
    back_up(Place(*lived), tmp_path / "backup")
    there = At(tmp_path / "there", postgres.url(postgres.empty()))
    restore(Place(*there), tmp_path / "backup")
    assert _facts(there) == _facts(lived)
    store = Store(*there)
    store.record(*board(99, *defects(2)))
    store.close()
    assert len(_facts(there)) == BOARDS + 1
    Accounts(*there).log_in("Ana", "1234")
    assert Audit(Place(*there)).verify().broken is None
    with pytest.raises(StoreError, match="is not empty"):
        restore(Place(*there), tmp_path / "backup")


def test_a_backup_while_the_station_runs(at: At, store: Store, tmp_path: Path) -> None:
    store.record(*board(0))
    stop = threading.Event()

    def work() -> None:
        number = 1
        while not stop.is_set():
            store.record(*board(number, *defects(2)))
            number += 1

    station = threading.Thread(target=work)
    station.start()
    manifest = back_up(Place(*at), tmp_path / "backup")
    stop.set()
    station.join()
    elsewhere = At(tmp_path / "elsewhere")
    restore(Place(*elsewhere), tmp_path / "backup")
    assert len(_facts(elsewhere)) == manifest.rows["inspection"] > 0
    # Every row that was copied has its pictures; pictures of later boards may be there too.
    assert {p.kind for p in check(Place(*elsewhere), decode=True)} <= {"orphan"}


def test_a_board_that_retention_removes_meanwhile_is_left_out(
    lived: At, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = next((lived.folder / "images").glob("2*/board-000005"))

    def linked(source: str, target: str) -> None:
        if gone.name in source:
            shutil.rmtree(gone, ignore_errors=True)
        os.link(source, target)

    monkeypatch.setattr(backup, "_link_or_copy", linked)
    back_up(Place(*lived), tmp_path / "backup")
    there = {board.name for board in (tmp_path / "backup" / "images").glob("2*/*")}
    assert there == {f"board-{n:06d}" for n in range(BOARDS) if n != 5}


def test_restoring_keeps_what_was_there(lived: At, tmp_path: Path) -> None:
    if lived.url:
        pytest.skip("a server's database must be empty")
    back_up(Place(*lived), tmp_path / "backup", pictures=False)
    store = Store(*lived)
    store.record(*board(50))
    store.close()
    restore(Place(*lived), tmp_path / "backup")
    assert len(_facts(lived)) == BOARDS
    (aside,) = (lived.folder / "backups").glob("*before-restore.db")
    with sqlite3.connect(aside) as raw:
        assert raw.execute("SELECT count(*) FROM inspection").fetchone() == (BOARDS + 1,)


def test_the_log_of_a_killed_station_is_kept_with_its_database(lived: At, tmp_path: Path) -> None:
    if lived.url:
        pytest.skip("a server has no log beside it")
    back_up(Place(*lived), tmp_path / "backup", pictures=False)
    killed = tmp_path / "killed"
    store = Store(*lived)
    store.record(*board(50))
    killed.mkdir()
    for name in ("aoi.db", "aoi.db-wal"):  # as a power cut leaves them: the last board is in the log alone
        (killed / name).write_bytes((lived.folder / name).read_bytes())
    store.close()
    restore(Place(killed), tmp_path / "backup")
    (aside,) = (killed / "backups").glob("*before-restore.db")
    with sqlite3.connect(f"file:{aside}?immutable=1", uri=True) as raw:
        assert raw.execute("SELECT count(*) FROM inspection").fetchone() == (BOARDS + 1,)
    assert not (killed / "aoi.db-wal").exists() and len(_facts(At(killed))) == BOARDS


def test_a_damaged_database_is_put_aside_and_replaced(lived: At, tmp_path: Path) -> None:
    back_up(Place(*lived), tmp_path / "backup", pictures=False)
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "aoi.db").write_bytes(b"rubbish" * 1000)
    (broken / "aoi.db-wal").write_bytes(b"rubbish")
    restore(Place(broken), tmp_path / "backup")
    assert len(_facts(At(broken))) == BOARDS
    assert (next((broken / "backups").glob("*before-restore.db"))).read_bytes() == b"rubbish" * 1000


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_in_a_backup_lead_nowhere(lived: At, tmp_path: Path) -> None:
    """A backup comes from a stick that anybody may have had: nothing outside of it is copied into the archive."""
    back_up(Place(*lived), tmp_path / "backup")
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key").write_text("secret")
    day = next((tmp_path / "backup" / "images").glob("2*"))
    (day / "board-x").symlink_to(secret, target_is_directory=True)
    (day.parent / "2027-01-01").symlink_to(tmp_path, target_is_directory=True)
    (next(day.glob("board-0*")) / "link").symlink_to(secret / "key")
    there = tmp_path / "there"
    restore(Place(there), tmp_path / "backup")
    assert not [file for file in there.rglob("*") if file.name in ("key", "link", "board-x", "2027-01-01")]


def test_how_far_the_pictures_are_is_told(lived: At, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    back_up(Place(*lived), tmp_path / "backup", progress=lambda done, of: told.append((done, of)))
    assert told[-1] == (BOARDS, BOARDS)


def test_a_running_station_is_not_pulled_away(at: At, store: Store, tmp_path: Path) -> None:
    store.record(*board(0))
    back_up(Place(*at), tmp_path / "backup")
    with pytest.raises(DatabaseLocked, match="Another station"):
        restore(Place(*at), tmp_path / "backup")


def test_a_backup_that_was_changed_is_refused(lived: At, tmp_path: Path) -> None:
    back_up(Place(*lived), tmp_path / "backup")
    with (tmp_path / "backup" / "aoi.db").open("r+b") as file:
        file.seek(5000)
        file.write(b"x")
    with pytest.raises(StoreError, match="is not what was backed up"):
        restore(Place(tmp_path / "elsewhere"), tmp_path / "backup")
    assert not (tmp_path / "elsewhere" / "aoi.db").exists()


def test_a_backup_of_a_newer_program_replaces_nothing(lived: At, tmp_path: Path) -> None:
    back_up(Place(*lived), tmp_path / "backup", pictures=False)
    manifest = tmp_path / "backup" / "backup.json"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(f'"{HEAD}"', '"9999"'), encoding="utf-8")
    before = _facts(lived)
    with pytest.raises(StoreError, match=r"newer program \(its shape is 9999"):
        restore(Place(*lived), tmp_path / "backup")
    assert _facts(lived) == before and not list(lived.folder.glob("backups/*restore*"))


def test_other_folders_are_refused(lived: At, tmp_path: Path) -> None:
    (tmp_path / "something").mkdir()
    with pytest.raises(StoreError, match="no backup of this program"):
        restore(Place(*lived), tmp_path / "something")
    with pytest.raises(StoreError, match="exists already"):
        back_up(Place(*lived), tmp_path / "something")
    with pytest.raises(StoreError, match="no record"):
        back_up(Place(tmp_path / "something"), tmp_path / "backup")
    assert not list(tmp_path.glob("backup*"))
