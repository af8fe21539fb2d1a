from __future__ import annotations

import itertools
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi_app.core.errors import StoreError
from aoi_app.core.inspection import Defect, Verdict, Verification
from aoi_app.storage.audit import Audit, require_whole
from aoi_app.storage.database import Place
from aoi_app.storage.history import DefectRow, History
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.review import AlreadyReviewed, Review, final_verdict, review_order
from aoi_app.storage.store import Store
from tests.storage.boards import board, changed, defects
from tests.storage.places import At

CONFIRMED, REJECTED, OPEN = (
    Verification.DEFECT_CONFIRMED,
    Verification.DEFECT_REJECTED,
    Verification.NOT_VERIFIED_YET,
)


@pytest.fixture
def reviewed(at: At, store: Store) -> At:
    for number in range(4):
        store.record(*board(number, *defects(number)))
    return at


def _defects(at: At, number: int) -> list[int]:
    record = History(*at).board(f"board-{number:06d}")
    assert record is not None
    return [d.id for d in record.defects]


@given(st.sampled_from(list(Verdict)), st.lists(st.sampled_from(list(Verification))))
def test_a_board_passes_only_when_every_defect_is_settled(verdict: Verdict, states: list[Verification]) -> None:
    final = final_verdict(verdict, states)
    if verdict is not Verdict.FAILED:
        assert final is verdict
    else:
        assert (final is Verdict.FAILED) is (not states or OPEN in states or CONFIRMED in states)


def test_the_verdict_follows_from_the_defects(reviewed: At) -> None:
    review = Review(*reviewed)
    first, second = _defects(reviewed, 2)
    assert (review.verify(first, REJECTED, "kim", 1.5).final_verdict, review.queue()) == (
        Verdict.FAILED,
        ("board-000001", "board-000002", "board-000003"),
    )
    done = review.verify(second, Verification.DEFECT_ACCEPTED, "kim", 2.0)
    assert done.final_verdict is Verdict.PASSED and done.open_defects == 0
    assert review.queue() == ("board-000001", "board-000003")
    record = History(*reviewed).board("board-000002")
    assert record is not None and record.row.final_verdict is Verdict.PASSED and record.row.verdict is Verdict.FAILED
    assert [(d.verification, d.reviewer, d.review_s) for d in record.defects] == [
        (REJECTED, "kim", 1.5),
        (Verification.DEFECT_ACCEPTED, "kim", 2.0),
    ]


@pytest.mark.parametrize("state", [s for s in Verification if s is not OPEN])
def test_every_state_can_be_given_and_undone(reviewed: At, state: Verification) -> None:
    review = Review(*reviewed)
    (defect,) = _defects(reviewed, 1)
    done = review.verify(defect, state, "kim", 1.0)
    assert done.final_verdict is (Verdict.FAILED if state is CONFIRMED else Verdict.PASSED)
    undone = review.undo("kim", 0.5)
    assert undone is not None and undone.state is OPEN and undone.open_defects == 1
    assert undone.final_verdict is Verdict.FAILED
    record = History(*reviewed).board("board-000001")
    assert record is not None
    row = record.defects[0]
    assert (row.verification, row.reviewer, row.verified_us, row.review_s) == (OPEN, "", None, 1.5)
    assert review.undo("kim") is None


def test_undo_goes_back_step_by_step_and_only_over_ones_own(reviewed: At) -> None:
    review = Review(*reviewed)
    mine = _defects(reviewed, 3)
    (theirs,) = _defects(reviewed, 1)
    for defect in mine:
        review.verify(defect, REJECTED, "kim", 1.0)
    review.verify(theirs, CONFIRMED, "lee", 1.0)
    undone = [review.undo("kim") for _ in mine]
    assert [u.defect_id for u in undone if u] == list(reversed(mine))
    assert review.undo("kim") is None
    assert [d.verification for d in _board(reviewed, 1)] == [CONFIRMED]


def _board(at: At, number: int) -> list[DefectRow]:
    record = History(*at).board(f"board-{number:06d}")
    assert record is not None
    return list(record.defects)


def test_two_people_cannot_decide_on_one_defect_without_knowing(reviewed: At) -> None:
    review = Review(*reviewed)
    (defect,) = _defects(reviewed, 1)
    review.verify(defect, REJECTED, "kim", 1.0)
    with pytest.raises(AlreadyReviewed, match=r"kim has already decided.*DefectRejected"):
        review.verify(defect, CONFIRMED, "lee", 1.0)
    assert review.verify(defect, CONFIRMED, "lee", 1.0, seen=REJECTED).final_verdict is Verdict.FAILED
    with pytest.raises(AlreadyReviewed, match="lee has decided on this defect since"):
        review.undo("kim")


def test_an_incomplete_board_is_never_passed_by_review(at: At, store: Store) -> None:
    one = board(1, *defects(1))
    store.record(*changed(one, verdict=Verdict.ERROR, reason="12 lines are missing"))
    review = Review(*at)
    assert review.queue() == ()
    (defect,) = _defects(at, 1)
    assert review.verify(defect, REJECTED, "kim", 1.0).final_verdict is Verdict.ERROR


def test_a_tolerated_defect_neither_waits_nor_fails(at: At, store: Store) -> None:
    counting, tolerated = defects(2)
    tolerated = Defect(tolerated.defect_code, tolerated.confidence, tolerated.box, counts=False)
    store.record(*board(1, counting, tolerated))
    review = Review(*at)
    first, second = _defects(at, 1)
    assert review.verify(second, CONFIRMED, "kim", 1.0).open_defects == 1
    assert review.verify(first, REJECTED, "kim", 1.0).final_verdict is Verdict.PASSED


def test_a_defect_that_is_not_there(reviewed: At) -> None:
    with pytest.raises(StoreError, match="no defect 4711"):
        Review(*reviewed).verify(4711, CONFIRMED, "kim", 1.0)


def test_order_of_review_is_severity_then_place(at: At, store: Store) -> None:
    def spot(x: float, y: float, severity: int) -> Defect:
        return Defect("short", 0.5, (x, y, x + 5, y + 5), severity=severity)

    store.record(*board(1, spot(9, 5, 1), spot(200, 40, 3), spot(100, 90, 3), spot(50, 500, 3)))
    record = History(*at).board("board-000001")
    assert record is not None
    assert [d.defect.box[0] for d in review_order(record.defects)] == [100, 200, 50, 9]


def test_two_windows_and_a_station_at_once_lose_and_double_nothing(at: At, store: Store) -> None:
    boards, people = 12, ("kim", "lee", "ana")
    spent: dict[str, list[float]] = {name: [] for name in people}
    problems: list[BaseException] = []
    recorded = threading.Event()

    def work(name: str, verdicts: itertools.cycle[Verification]) -> None:
        try:
            review, history = Review(*at), History(*at)
            while not (recorded.is_set() and not review.queue()):
                for board_id in review.queue(limit=3):
                    record = history.board(board_id)
                    assert record is not None
                    for row in review_order(record.defects):
                        if row.verification is OPEN:
                            try:
                                review.verify(row.id, next(verdicts), name, 0.25)
                            except AlreadyReviewed:
                                continue
                            spent[name].append(0.25)
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(n, itertools.cycle((CONFIRMED, REJECTED)))) for n in people]
    for thread in threads:
        thread.start()
    for number in range(boards):
        store.record(*board(number, *defects(4)))
    recorded.set()
    for thread in threads:
        thread.join()
    assert not problems
    records = list(History(*at).records(HistoryQuery()))
    found = [d for r in records for d in r.defects]
    assert len(records) == boards and len(found) == 4 * boards
    assert all(d.verification is not OPEN for d in found)
    assert {n: sum(d.review_s for d in found if d.reviewer == n) for n in people} == {
        n: sum(seconds) for n, seconds in spent.items()
    }
    for record in records:
        assert record.row.open_defects == 0
        assert record.row.final_verdict is final_verdict(Verdict.FAILED, [d.verification for d in record.defects])
    proof = Audit(Place(*at)).verify()
    require_whole(proof)
    assert proof.entries == 4 * boards
