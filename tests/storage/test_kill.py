"""kill -9 while boards are recorded: what was acknowledged is there, whole, once."""

from __future__ import annotations

import itertools
import multiprocessing
import random
import sqlite3
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import cv2
import pytest

from aoi_app.core.inspection import Verdict
from aoi_app.storage.history import BoardRecord, History
from aoi_app.storage.pictures import PicturePolicy
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.store import Store
from tests.storage.boards import board, defects

BACKENDS = ("sqlite",)


KILLS = 20


def _record_for_ever(folder: Path, first: int, answers: Connection) -> None:
    store = Store(folder, policy=PicturePolicy(whole_boards=frozenset({Verdict.FAILED})))
    for number in itertools.count(first):
        inspection, end = board(number, *defects(number % 5))
        store.record(inspection, end)
        answers.send(inspection.board_id)


def _files(record: BoardRecord) -> list[Path]:
    whole = [record.board_image] if record.row.verdict is Verdict.FAILED else []
    found = [record.row.preview, *(d.crop for d in record.defects), *whole]
    assert None not in found
    return [file for file in found if file is not None]


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork servers and SIGKILL")
@pytest.mark.slow
def test_twenty_kills_lose_at_most_the_board_in_flight(folder: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.storage.boards", "aoi_app.storage.store", "aoi_app.storage.migrate"])
    rng = random.Random(20)
    acknowledged: set[str] = set()
    seen: set[str] = set()
    for kill in range(KILLS):
        here, there = context.Pipe(duplex=False)
        child = context.Process(target=_record_for_ever, args=(folder, kill * 10_000, there), daemon=True)
        child.start()
        there.close()
        assert here.poll(60), "the child never recorded a board"
        time.sleep(rng.uniform(0, 0.25))
        child.kill()
        child.join()
        acknowledged |= _drained(here)

        with sqlite3.connect(folder / "aoi.db") as raw:
            assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert raw.execute("PRAGMA foreign_key_check").fetchall() == []
        history = History(folder)
        ids = [row.board_id for row in history.rows(HistoryQuery())]
        assert len(ids) == len(set(ids)), "a board is there twice"
        assert acknowledged <= set(ids), "an acknowledged board is missing"
        # One board a kill may be there without its answer having come through, and never more.
        assert len(set(ids) - acknowledged) <= 1
        acknowledged |= set(ids)
        for board_id in set(ids) - seen:
            record = history.board(board_id)
            assert record is not None and len(record.defects) == record.row.defects
            for file in _files(record):
                assert cv2.imread(str(file), cv2.IMREAD_UNCHANGED) is not None, f"{file} does not decode"
        seen |= set(ids)
        history.close()

    Store(folder).close()
    folders = {f.name for f in (folder / "images").glob("*/*")}
    assert folders == seen, "pictures without a row are left"
    assert len(seen) > KILLS


def _drained(answers: Connection) -> set[str]:
    got = set()
    try:
        while answers.poll():
            got.add(answers.recv())
    except EOFError:
        pass
    return got
