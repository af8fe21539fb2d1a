"""One station and two review windows on one database, each a process of its own.

`AOI_SOAK_SECONDS=300 pytest tests/storage/test_soak.py` runs it for five minutes on each database.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event

import pytest

from aoi_app.core.inspection import Verification
from aoi_app.storage.audit import Audit
from aoi_app.storage.checking import check
from aoi_app.storage.database import Place
from aoi_app.storage.history import History
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.review import AlreadyReviewed, Review, review_order
from aoi_app.storage.store import Store
from tests.storage.boards import board, defects
from tests.storage.places import At
from tests.storage.processes import side_by_side

SECONDS = float(os.environ.get("AOI_SOAK_SECONDS", "1.5"))
BOARDS_PER_S = 20.0
FEWEST = 10
"""Boards that are recorded however long they take."""
DEFECTS = 3
OPEN = Verification.NOT_VERIFIED_YET


def _station(at: At, told: Connection, stopped: Event) -> None:
    store, begin, number = Store(*at), time.monotonic(), 0
    while time.monotonic() - begin < SECONDS or number < FEWEST:
        store.record(*board(number, *defects(DEFECTS)))
        number += 1
        time.sleep(max(0.0, begin + number / BOARDS_PER_S - time.monotonic()))
    store.close()
    stopped.set()
    told.send(number)


def _window(at: At, told: Connection, stopped: Event, name: str) -> None:
    review, history = Review(*at), History(*at)
    decided = 0
    states = itertools.cycle((Verification.DEFECT_CONFIRMED, Verification.DEFECT_REJECTED))
    while not stopped.is_set() or review.queue(limit=1):
        for board_id in review.queue(limit=5):
            record = history.board(board_id)
            assert record is not None
            for row in review_order(record.defects):
                if row.verification is OPEN:
                    try:
                        review.verify(row.id, next(states), name, 0.125)
                        decided += 1
                    except AlreadyReviewed:
                        continue
    told.send(decided)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a fork server")
@pytest.mark.slow
@pytest.mark.timeout(SECONDS * 3 + 600)
def test_nothing_is_lost_or_doubled_and_no_lock_reaches_a_person(at: At) -> None:
    Store(*at).close()
    shared = ("tests.storage.boards", "aoi_app.storage.store", "aoi_app.storage.migrate")
    jobs = ((_station,), (_window, "kim"), (_window, "lee"))
    boards, *decided = side_by_side(at, jobs, SECONDS * 2 + 200, shared)

    history = History(*at)
    records = list(history.records(HistoryQuery()))
    history.close()
    found = [d for r in records for d in r.defects]
    assert len({r.row.board_id for r in records}) == len(records) == boards >= FEWEST
    assert len(found) == DEFECTS * boards == sum(decided)
    for name, n in zip(("kim", "lee"), decided, strict=True):
        mine = [d for d in found if d.reviewer == name]
        assert len(mine) == n
        assert sum(d.review_s for d in mine) == 0.125 * n
    audit = Audit(Place(*at))
    proof = audit.verify()
    audit.close()
    assert (proof.entries, proof.broken) == (len(found), None)
    assert list(check(Place(*at))) == []
