"""Boards that somebody changed, removed, moved or put in by hand are found by name."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from aoi_app.core.errors import StoreError
from aoi_app.core.inspection import Verdict, Verification
from aoi_app.storage.backup import back_up, restore
from aoi_app.storage.checking import check
from aoi_app.storage.clock import DAY_US
from aoi_app.storage.database import Place, connect
from aoi_app.storage.history import History
from aoi_app.storage.pictures import PicturePolicy
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.retention import RetentionPolicy, expire
from aoi_app.storage.review import Review
from aoi_app.storage.seals import require_sealed, verify_seals
from aoi_app.storage.store import Store
from tests.storage.boards import START_US, board, changed, defects
from tests.storage.places import At

if TYPE_CHECKING:
    from tests.storage.postgres import Server

BOARDS = 9
_FORGET = "DELETE FROM inspection WHERE id"
CHANGES = {
    "verdict": ("UPDATE inspection SET verdict = 'PASSED' WHERE id = 5", "board board-000005"),
    "serial": ("UPDATE inspection SET serial = 'SN00001' WHERE id = 5", "board board-000005"),
    "time": ("UPDATE inspection SET ts_us = ts_us - 1 WHERE id = 1", "board board-000001"),
    "recipe": ("UPDATE inspection SET recipe_revision = 4 WHERE id = 5", "board board-000005"),
    "missing lines": ("UPDATE inspection SET missing_lines = 1 WHERE id = 5", "board board-000005"),
    "engine of a board": ("UPDATE inspection SET engine_id = NULL WHERE id = 5", "board board-000005"),
    "engine": ("UPDATE engine SET precision = 'fp16'", "engine 1"),
    "class": ("UPDATE defect SET defect_code = 'spur' WHERE inspection_id = 5 AND number = 1", "board board-000005"),
    "confidence": ("UPDATE defect SET confidence = 0.1 WHERE inspection_id = 5 AND number = 1", "board board-000005"),
    "counts": ("UPDATE defect SET counts = false WHERE inspection_id = 5 AND number = 0", "board board-000005"),
    "place": ("UPDATE defect SET component = 'R1' WHERE inspection_id = 5 AND number = 0", "board board-000005"),
    "defect gone": ("DELETE FROM defect WHERE inspection_id = 5 AND number = 1", "board board-000005"),
    "defect moved": ("UPDATE defect SET inspection_id = 4, number = 9 + number WHERE inspection_id = 5", "board board"),
    "picture": ("UPDATE inspection SET pictures = '{}' WHERE id = 5", "board board-000005"),
    "board gone": (f"{_FORGET} = 5", "board board-000006"),
    "first board gone": (f"{_FORGET} = 1", "board board-000002"),
    "last boards gone": (f"{_FORGET} > 7", "the end"),
    "all boards gone": ("DELETE FROM defect; DELETE FROM inspection", "the end"),
    "order": (
        "UPDATE inspection SET id = 100 WHERE id = 3; UPDATE inspection SET id = 3 WHERE id = 6; "
        "UPDATE inspection SET id = 6 WHERE id = 100",
        "board board-000006",
    ),
    "seal gone": ("UPDATE inspection SET seal = NULL WHERE id = 5", "board board-000005"),
    "board put in": (
        "INSERT INTO inspection SELECT 99, 'put-in', serial, station, verdict, final_verdict, reason, recipe, "
        "recipe_revision, engine_id, lines, width, pixel_format, missing_lines, missing_reasons, input_hash, "
        "started_us, ts_us, latency_ms, defect_count, open_defects, preview, board_image, registration, pictures, seal "
        "FROM inspection WHERE id = 9",
        "board put-in",
    ),
    "head": ("UPDATE seal_head SET boards = 3", "the end"),
    "head gone": ("DELETE FROM seal_head", "the end"),
}  # fmt: skip


def record(at: At, count: int = BOARDS, station: str = "") -> None:
    store = Store(*at, station=station)
    for number in range(1, count + 1):
        store.record(*board(number, *defects(number % 3)))
    store.close()


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    record(At(folder))
    return folder


def _by_hand(place: Place, statements: str) -> None:
    with connect(place, foreign_keys=False).begin() as connection:
        for statement in statements.split("; "):
            assert connection.execute(text(statement)).rowcount > 0


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_by_hand_names_the_board(recorded: Path, tmp_path: Path, change: str) -> None:
    statements, where = CHANGES[change]
    shutil.copyfile(recorded / "aoi.db", tmp_path / "aoi.db")
    _by_hand(Place(tmp_path), statements)
    proof = verify_seals(Place(tmp_path))
    assert proof.broken.startswith(where), proof
    with pytest.raises(StoreError, match="record of boards is broken"):
        require_sealed(proof)


def test_what_changes_by_right_breaks_no_seal(at: At) -> None:
    record(at)
    noted = verify_seals(Place(*at))
    assert (noted.boards, noted.unsealed, noted.broken) == (BOARDS, 0, "")
    review, history = Review(*at), History(*at)
    for found in history.records(HistoryQuery()):
        for row in found.defects:
            review.verify(row.id, Verification.DEFECT_REJECTED, "kim", 1.0)
    assert expire(Place(*at), RetentionPolicy(passed_days=1), START_US + 400 * DAY_US) == BOARDS
    store = Store(*at)
    store.record(*changed(board(50, *defects(2)), latency_ms={}, registration=(1, 0, 0.5, 1e-17, 1 / 3, 2.0)))
    store.close()
    for one in (review, history):
        one.close()
    proof = verify_seals(Place(*at), noted.seals.values())
    assert (proof.boards, proof.broken, proof.why) == (BOARDS + 1, "", "")


def test_an_older_copy_that_was_put_back_is_told_from_the_noted_seal(recorded: Path, tmp_path: Path) -> None:
    shutil.copyfile(recorded / "aoi.db", tmp_path / "aoi.db")
    store = Store(tmp_path)
    store.record(*board(50))
    store.close()
    today = verify_seals(Place(tmp_path)).seals[""]
    shutil.copyfile(recorded / "aoi.db", tmp_path / "aoi.db")
    assert verify_seals(Place(tmp_path)).broken == "", "alone it is whole"
    assert "older copy" in verify_seals(Place(tmp_path), [today]).why


def test_boards_from_before_there_were_seals_are_counted(at: At) -> None:
    record(at, 3)
    _by_hand(Place(*at), "UPDATE inspection SET seal = NULL; DELETE FROM seal_head")
    store = Store(*at)
    store.record(*board(50, *defects(1)))
    store.close()
    proof = verify_seals(Place(*at))
    assert (proof.boards, proof.unsealed, proof.broken) == (1, 3, "")


def test_the_seals_move_with_a_backup_and_go_on(at: At, tmp_path: Path) -> None:
    record(at, 4)
    back_up(Place(*at), tmp_path / "backup")
    there = At(tmp_path / "there")
    restore(Place(*there), tmp_path / "backup")
    store = Store(*there)
    store.record(*board(50))
    store.close()
    assert verify_seals(Place(*there), verify_seals(Place(*at)).seals.values()).boards == 5


def test_stations_on_one_server_have_chains_of_their_own_even_under_one_name(tmp_path: Path, postgres: Server) -> None:
    at = At(tmp_path, postgres.url(postgres.create()))
    names = ["north", "south", "south"]
    stores = [Store(at.folder / str(n), at.url, station=name) for n, name in enumerate(names)]

    def work(n: int) -> None:
        for number in range(n * 100, n * 100 + 15):
            stores[n].record(*board(number, *defects(1)))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(stores))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in stores:
        store.close()
    proof = verify_seals(Place(at.folder / "0", at.url))
    assert (proof.boards, proof.broken, set(proof.seals)) == (45, "", {"north", "south"})


def test_a_picture_that_was_swapped_is_found(tmp_path: Path) -> None:
    at = At(tmp_path)
    store = Store(*at, PicturePolicy(whole_boards=frozenset({Verdict.FAILED})))
    for number in (1, 2):
        store.record(*board(number, *defects(1)))
    store.close()
    assert list(check(Place(*at), decode=True)) == []
    one, other = sorted((at.folder / "images").glob("*/*/"))
    for name in ("preview.jpg", "board.png", "000.png"):
        shutil.copyfile(one / name, other / name)
    found = [(p.kind, Path(p.where).name) for p in check(Place(*at), decode=True)]
    assert sorted(found) == [("changed picture", name) for name in ("000.png", "board.png", "preview.jpg")]
