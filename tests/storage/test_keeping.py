"""Retention, disk guard, consistency check."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import text

from aoi_app.core.inspection import Verdict, Verification
from aoi_app.storage.checking import check, remove_orphans
from aoi_app.storage.clock import DAY_US
from aoi_app.storage.database import Place, connect
from aoi_app.storage.history import History
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.retention import DiskGuard, RetentionPolicy, Space, expire, expire_whole
from aoi_app.storage.review import Review
from aoi_app.storage.store import Store
from tests.storage.boards import START_US, board, changed, defects
from tests.storage.places import At

NOW = START_US + 30 * DAY_US


@pytest.fixture
def recorded(at: At, store: Store) -> At:
    """One board a day: passed, failed in turns, then an incomplete one."""
    for day in range(20):
        one = board(day, *defects(day % 2))
        store.record(*changed(one, ended_ns=(START_US + day * DAY_US) * 1000))
    store.record(*changed(board(20), verdict=Verdict.ERROR))
    return at


def _with_pictures(at: At) -> set[str]:
    history = History(*at)
    try:
        return {r.board_id for r in history.rows(HistoryQuery()) if r.preview is not None}
    finally:
        history.close()


def _problems(at: At, decode: bool = True) -> list[tuple[str, str]]:
    return [(p.kind, p.where) for p in check(Place(*at), decode)]


def test_pictures_go_by_verdict_and_age_and_rows_stay(recorded: At) -> None:
    _review_all(recorded)
    policy = RetentionPolicy(passed_days=20, failed_days=15, error_days=None)
    assert expire(Place(*recorded), policy, NOW) == 10
    # After review all boards but the incomplete one have passed.
    assert _with_pictures(recorded) == {f"board-{n:06d}" for n in range(10, 21)}
    assert sum(History(*recorded).counts(HistoryQuery()).values()) == 21
    assert _problems(recorded) == []


def _review_all(at: At) -> None:
    review, history = Review(*at), History(*at)
    for record in history.records(HistoryQuery()):
        for row in record.defects:
            review.verify(row.id, Verification.DEFECT_REJECTED, "kim", 1.0)
    review.close()
    history.close()


def test_boards_that_wait_for_review_keep_their_pictures(recorded: At) -> None:
    policy = RetentionPolicy(passed_days=1, failed_days=1, error_days=1)
    expire(Place(*recorded), policy, NOW)
    assert _with_pictures(recorded) == {f"board-{n:06d}" for n in range(1, 20, 2)}
    assert not any(f.is_dir() and not any(f.iterdir()) for f in (recorded.folder / "images").glob("2*"))
    assert expire(Place(*recorded), policy, NOW) == 0


def test_looking_for_what_is_due_keeps_nobody_waiting(recorded: At) -> None:
    """The station may be writing meanwhile: only what is removed is written."""
    with connect(Place(*recorded)).begin() as station:
        station.execute(text("UPDATE seal_head SET boards = boards"))
        assert expire(Place(*recorded), RetentionPolicy(passed_days=1), START_US) == 0
        assert expire_whole(Place(*recorded), 0) == 0


def test_for_ever_is_for_ever(recorded: At) -> None:
    never = RetentionPolicy(passed_days=None, failed_days=None, error_days=None)
    assert expire(Place(*recorded), never, NOW + 10_000 * DAY_US) == 0
    with pytest.raises(ValidationError):
        RetentionPolicy(passed_days=0)


@pytest.mark.parametrize(("free", "space"), [(100, Space.ENOUGH), (10, Space.ENOUGH), (9, Space.LOW), (1, Space.OUT)])
def test_the_guard_warns_then_stops(tmp_path: Path, free: int, space: Space) -> None:
    guard = DiskGuard(tmp_path, warn_bytes=10, stop_bytes=2, free=lambda _: free)
    assert guard.space is space
    assert guard.keeps(Verdict.FAILED) and guard.keeps(Verdict.ERROR)
    assert guard.keeps(Verdict.PASSED) is (space is not Space.OUT)


def test_the_fuller_of_both_disks_counts(tmp_path: Path) -> None:
    """The archive is often another disk than the database's, mounted there or linked."""
    free = {tmp_path: 100, tmp_path / "images": 1}
    assert DiskGuard(tmp_path, 10, 2, free.__getitem__).space is Space.ENOUGH
    (tmp_path / "images").mkdir()
    assert DiskGuard(tmp_path, 10, 2, free.__getitem__).space is Space.OUT
    free[tmp_path], free[tmp_path / "images"] = 1, 100
    assert DiskGuard(tmp_path, 10, 2, free.__getitem__).space is Space.OUT


def test_without_room_passed_boards_have_a_row_and_no_pictures(at: At) -> None:
    store = Store(*at, guard=DiskGuard(at.folder, free=lambda _: 0))
    store.record(*board(0))
    store.record(*board(1, *defects(1)))
    assert store.space is Space.OUT
    store.close()
    assert sum(History(*at).counts(HistoryQuery()).values()) == 2
    assert _with_pictures(at) == {"board-000001"}


def test_a_sound_record_has_no_problems(recorded: At) -> None:
    assert _problems(recorded) == []
    _review_all(recorded)
    assert _problems(recorded) == []


def test_every_kind_of_problem_is_found(recorded: At) -> None:
    images = recorded.folder / "images"
    gone, broken = (next(images.glob(f"*/board-{n:06d}/preview.jpg")) for n in (2, 4))
    gone.unlink()
    broken.write_bytes(broken.read_bytes()[:100])
    (images / "2027-01-01" / "nobody").mkdir(parents=True)
    with connect(Place(*recorded)).begin() as connection:
        for statement in (
            "DELETE FROM defect WHERE inspection_id = (SELECT id FROM inspection WHERE board_id = 'board-000001')",
            "UPDATE inspection SET final_verdict = 'PASSED' WHERE board_id = 'board-000003'",
            "UPDATE inspection SET open_defects = 7 WHERE board_id = 'board-000005'",
        ):
            connection.execute(text(statement))
    assert sorted(_problems(recorded)) == [
        ("broken picture", str(broken.relative_to(images))),
        ("missing picture", str(gone.relative_to(images))),
        ("orphan", "2027-01-01/nobody"),
        ("rows", "board-000001"),
        ("rows", "board-000003"),
        ("rows", "board-000005"),
    ]
    assert remove_orphans(Place(*recorded), list(check(Place(*recorded)))) == 1
    assert not (images / "2027-01-01" / "nobody").exists()
