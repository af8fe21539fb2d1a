"""Two reviewers never have the same board in hand, and nobody waits for one who has left."""

from __future__ import annotations

import threading

import pytest

from aoi_app.core.inspection import Verification
from aoi_app.storage import claims
from aoi_app.storage.clock import now_us
from aoi_app.storage.history import History
from aoi_app.storage.review import Review
from aoi_app.storage.store import Store
from tests.storage.boards import board, defects
from tests.storage.places import At

BOARDS = tuple(f"board-{number:06d}" for number in range(1, 5))


@pytest.fixture
def waiting(at: At, store: Store) -> At:
    for number in range(1, 5):
        store.record(*board(number, *defects(number)))
    return at


def test_a_board_in_hand_is_left_out_elsewhere(waiting: At) -> None:
    review = Review(*waiting)
    assert review.claim(BOARDS[0], "north", "kim") == ""
    assert review.claim(BOARDS[0], "north", "kim") == "", "held on"
    assert review.claim(BOARDS[0], "south", "lee") == "kim"
    assert review.queue(holder="north") == BOARDS
    assert review.queue(holder="south") == BOARDS[1:]
    assert review.queue() == BOARDS
    assert (review.elsewhere("north"), review.elsewhere("south")) == (0, 1)


def test_a_claim_ends_when_it_is_given_back_or_all_is_decided(waiting: At) -> None:
    review, history = Review(*waiting), History(*waiting)
    for one in BOARDS:
        review.claim(one, "north", "kim")
    review.release("north", BOARDS[2:3])
    assert review.queue(holder="south") == BOARDS[2:3]
    record = history.board(BOARDS[0])
    assert record is not None
    review.verify(record.defects[0].id, Verification.DEFECT_REJECTED, "kim", 1.0)
    assert review.elsewhere("south") == 2
    review.undo("kim")
    assert review.queue(holder="south") == (BOARDS[0], BOARDS[2])
    review.release("north")
    assert review.queue(holder="south") == BOARDS


def test_a_window_that_is_gone_keeps_its_boards_for_a_minute(waiting: At, monkeypatch: pytest.MonkeyPatch) -> None:
    review, now = Review(*waiting), now_us()
    review.claim(BOARDS[0], "north", "kim")
    monkeypatch.setattr("aoi_app.storage.claims.now_us", lambda: now + round(claims.LEASE_S * 1e6) - 1_000_000)
    assert review.claim(BOARDS[0], "south", "lee") == "kim"
    monkeypatch.setattr("aoi_app.storage.claims.now_us", lambda: now + round(claims.LEASE_S * 1e6) + 1_000_000)
    assert review.queue(holder="south") == BOARDS
    assert review.claim(BOARDS[0], "south", "lee") == ""
    assert review.claim(BOARDS[0], "north", "kim") == "lee"


def test_a_claim_from_before_the_clock_was_set_back_keeps_nobody_waiting(
    waiting: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    review, now = Review(*waiting), now_us()
    review.claim(BOARDS[0], "north", "kim")
    monkeypatch.setattr("aoi_app.storage.claims.now_us", lambda: now - 3_600_000_000)
    assert review.queue(holder="south") == BOARDS and review.elsewhere("south") == 0
    assert review.claim(BOARDS[0], "south", "lee") == ""
    assert review.claim(BOARDS[0], "north", "kim") == "lee"


def test_of_many_who_reach_for_one_board_one_has_it(waiting: At) -> None:
    reviews = [Review(*waiting) for _ in range(6)]
    start, answers = threading.Barrier(len(reviews)), [""] * len(reviews)

    def reach(number: int) -> None:
        start.wait()
        answers[number] = reviews[number].claim(BOARDS[1], f"window {number}", f"reviewer {number}")

    threads = [threading.Thread(target=reach, args=(k,)) for k in range(len(reviews))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = (k for k, answer in enumerate(answers) if answer == "")
    assert {a for k, a in enumerate(answers) if k != winner} == {f"reviewer {winner}"}


def test_a_board_that_is_not_there_cannot_be_claimed_and_harms_nobody(waiting: At) -> None:
    review = Review(*waiting)
    assert review.claim("no such board", "north", "kim") == ""
    review.release("north", ["no such board"])
    assert review.elsewhere("south") == 0
