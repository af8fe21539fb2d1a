from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, event

from aoi_app.core.errors import AoiError, DatabaseLocked, DiskFull, StoreError
from aoi_app.core.inspection import Verdict
from aoi_app.core.recipe import Recipe
from aoi_app.storage import database
from aoi_app.storage.backup import back_up
from aoi_app.storage.database import Place
from aoi_app.storage.history import History
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.recipes import RecipeBook
from aoi_app.storage.store import Store
from tests.storage.boards import board, defects

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX rights and limits")
NOBODY = 65534
BACKENDS = ("sqlite",)


def _ids(folder: Path) -> set[str]:
    history = History(folder)
    try:
        return {row.board_id for row in history.rows(HistoryQuery())}
    finally:
        history.close()


def _is_told(error: AoiError, *pieces: str) -> None:
    assert all(piece in str(error) for piece in pieces), str(error)
    assert error.hint, "the message does not say what to do"


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "tiny"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
def test_a_disk_that_fills_up_loses_nothing_and_goes_on(tiny_disk: Path) -> None:
    store = Store(tiny_disk / "data")
    recorded: list[int] = []
    with pytest.raises(DiskFull) as caught:
        for number in range(10_000):
            store.record(*board(number, *defects(2)))
            recorded.append(number)
    _is_told(caught.value, "disk", "Free space")
    assert _ids(tiny_disk / "data") == {f"board-{n:06d}" for n in recorded}
    for leftover in recorded[:20]:
        shutil.rmtree(next((tiny_disk / "data" / "images").glob(f"*/board-{leftover:06d}")))
    again = len(recorded)
    store.record(*board(again, *defects(2)))
    assert f"board-{again:06d}" in _ids(tiny_disk / "data")
    store.close()


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a tmpfs")
def test_a_backup_onto_a_disk_that_is_too_small_is_told_and_leaves_nothing(
    tiny_disk: Path, folder: Path, store: Store
) -> None:
    store.record(*board(1))
    next((folder / "images").glob("2*/*/preview.jpg")).with_name("large.jpg").write_bytes(bytes(4 << 20))
    with pytest.raises(DiskFull) as caught:
        back_up(Place(folder), tiny_disk / "backup")
    _is_told(caught.value, "disk is full", "large.jpg")
    assert list(tiny_disk.iterdir()) == []


def test_a_full_database_is_told_and_the_board_can_be_recorded_later(folder: Path, store: Store) -> None:
    store.record(*board(0, *defects(1)))
    full = True

    # SQLite's own limit gives the very error of a full disk.
    @event.listens_for(store._database, "begin")
    def _limit(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count={1 if full else 1_000_000}")

    with pytest.raises(DiskFull) as caught:
        for number in range(1, 1_000):
            store.record(*board(number, *defects(50)))
    _is_told(caught.value, "aoi.db", "full", "Free space")
    last = f"board-{number:06d}"
    assert last not in _ids(folder)
    assert not list((folder / "images").glob(f"*/{last}")), "pictures of a board that is not in the record"
    full = False
    store.record(*board(number, *defects(50)))
    assert last in _ids(folder)


@posix
def test_pictures_that_cannot_be_written_leave_no_row(folder: Path, store: Store) -> None:
    import resource

    store.record(*board(0, *defects(1)))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, hard))
    try:
        with pytest.raises(DiskFull) as caught:
            store.record(*board(1, *defects(3)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    _is_told(caught.value, "disk is full", "images")
    assert _ids(folder) == {"board-000000"}
    assert not list((folder / "images").glob("*/board-000001")) and not list((folder / "images" / ".staging").iterdir())
    store.record(*board(1, *defects(3)))
    assert _ids(folder) == {"board-000000", "board-000001"}


_HOLD = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 100)


@pytest.mark.usefixtures("impatient")
def test_a_database_held_by_another_program_is_told_and_read_meanwhile(folder: Path) -> None:
    store = Store(folder)
    store.record(*board(0, *defects(1)))
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(folder / "aoi.db")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == b"held\n"
        with pytest.raises(DatabaseLocked) as caught:
            store.record(*board(1, *defects(1)))
        _is_told(caught.value, "Another program holds the database", "aoi.db", "Close")
        assert _ids(folder) == {"board-000000"}
        book = RecipeBook(folder)
        assert book.names() == ()
        with pytest.raises(DatabaseLocked):
            book.save(Recipe())
    store.record(*board(1, *defects(1)))
    assert _ids(folder) == {"board-000000", "board-000001"}
    store.close()


@pytest.fixture
def as_nobody() -> Iterator[Callable[[Path], None]]:
    """Give a folder to an account without rights, and become it: root may write anywhere."""
    was = os.geteuid()

    def become(folder: Path) -> None:
        if was == 0:
            for path in (folder, *folder.rglob("*")):
                os.chown(path, NOBODY, NOBODY)
            os.seteuid(NOBODY)

    yield become
    os.seteuid(was)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A data folder on a path that every account can walk."""
    root = Path(tempfile.mkdtemp(prefix="aoi-"))
    root.chmod(0o755)
    (root / "data").mkdir()
    yield root / "data"
    for path in (root, *root.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(root)


@posix
def test_a_folder_that_may_not_be_written_is_told(open_folder: Path, as_nobody: Callable[[Path], None]) -> None:
    as_nobody(open_folder)
    open_folder.chmod(0o555)
    with pytest.raises(DatabaseLocked) as caught:
        Store(open_folder)
    _is_told(caught.value, str(open_folder), "may not be written", "Let the account")


@posix
def test_a_record_on_a_read_only_disk_can_be_read(open_folder: Path, as_nobody: Callable[[Path], None]) -> None:
    store = Store(open_folder)
    store.record(*board(0, *defects(1)))
    store.close()
    as_nobody(open_folder)
    open_folder.chmod(0o555)
    (open_folder / "aoi.db").chmod(0o444)
    assert _ids(open_folder) == {"board-000000"}
    with pytest.raises(DatabaseLocked):
        Store(open_folder)


@posix
def test_a_database_that_turns_read_only_under_way(open_folder: Path, as_nobody: Callable[[Path], None]) -> None:
    as_nobody(open_folder)
    store = Store(open_folder)
    store.record(*board(0, *defects(1)))
    store.close()
    (open_folder / "aoi.db").chmod(0o444)
    with pytest.raises(DatabaseLocked) as caught:
        Store(open_folder)
    _is_told(caught.value, "aoi.db", "may not be written")
    for path in open_folder.glob("aoi.db*"):
        path.chmod(0o644)
    store = Store(open_folder)
    for path in ((open_folder / "images"), *(open_folder / "images").glob("*")):
        path.chmod(0o555)
    with pytest.raises(DatabaseLocked) as caught:
        store.record(*board(1, *defects(1)))
    _is_told(caught.value, "images", "may not be written")
    for path in ((open_folder / "images"), *(open_folder / "images").glob("*")):
        path.chmod(0o755)
    store.record(*board(1, *defects(1)))
    store.close()
    assert _ids(open_folder) == {"board-000000", "board-000001"}


def test_a_damaged_database_is_told(folder: Path, store: Store) -> None:
    for number in range(30):
        store.record(*board(number, *defects(3)))
    store.close()
    with (folder / "aoi.db").open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    with pytest.raises(StoreError) as caught:
        History(folder).counts(HistoryQuery(verdicts=(Verdict.FAILED,)))
    _is_told(caught.value, "damaged", "backup")


def test_close_leaves_one_file_and_may_be_called_twice(folder: Path, store: Store) -> None:
    store.record(*board(1, *defects(1)))
    store.close()
    store.close()
    assert not (folder / "aoi.db-wal").exists()
    with sqlite3.connect(folder / "aoi.db") as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_pictures_survive_a_database_that_was_replaced(folder: Path, store: Store) -> None:
    for number in range(20):
        store.record(*board(number))
    store.close()
    (folder / "aoi.db").unlink()
    again = Store(folder)
    assert again.swept == 0
    again.close()
    assert len(list((folder / "images").glob("*/*/preview.jpg"))) == 20


@posix
def test_a_database_that_was_moved_away_stops_the_station_and_loses_nothing(store: Store, folder: Path) -> None:
    store.record(*board(1))
    (folder / "aoi.db").rename(folder / "moved.db")
    with pytest.raises(StoreError, match="was moved, removed or replaced"):
        store.record(*board(2))
    shutil.copyfile(folder / "moved.db", folder / "aoi.db")
    with pytest.raises(StoreError, match="was moved, removed or replaced"):
        store.record(*board(2))
    (folder / "moved.db").replace(folder / "aoi.db")
    store.record(*board(2))
    assert {row.serial for row in History(folder).rows(HistoryQuery())} == {"SN00001", "SN00002"}
