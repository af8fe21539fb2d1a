from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import aoi_app.storage.query as asking
from aoi_app.core.inspection import Defect, Verdict, Verification
from aoi_app.storage.bench import CLASSES, RECIPES, fill
from aoi_app.storage.database import Place, connect
from aoi_app.storage.history import BoardRecord, BoardRow, History
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.store import Store
from tests.storage.boards import board, defects
from tests.storage.places import At

if TYPE_CHECKING:
    from tests.storage.postgres import Server

DEFECTS = 3_000


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def large(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[At]:
    folder = tmp_path_factory.mktemp("large")
    if request.param == "sqlite":
        fill(folder, DEFECTS, seed=7)
        yield At(folder)
        return
    server: Server = request.getfixturevalue("postgres")
    database = server.create()
    fill(folder, DEFECTS, server.url(database), seed=7)
    yield At(folder, server.url(database))
    server.drop(database)


@pytest.fixture(scope="module")
def history(large: At) -> Iterator[History]:
    history = History(*large)
    yield history
    history.close()


@pytest.fixture(scope="module")
def everything(history: History) -> list[BoardRecord]:
    return list(history.records(HistoryQuery()))


def _holds(query: HistoryQuery, record: BoardRecord) -> bool:
    """Tell whether a board is asked for, the plain way."""
    row, engine = record.row, record.inspection.engine
    if query.since_us is not None and row.ended_us < query.since_us:
        return False
    if query.until_us is not None and row.ended_us >= query.until_us:
        return False
    wanted = [
        not query.verdicts or row.verdict in query.verdicts,
        not query.recipes or row.recipe in query.recipes,
        row.serial.startswith(query.serial),
        not query.engine
        or (engine is not None and (engine.sha256.startswith(query.engine) or query.engine in engine.model)),
        not query.to_review or row.open_defects > 0,
        not query.asks_for_defects
        or any(
            (not query.classes or d.defect.defect_code in query.classes)
            and (not query.places or d.defect.component in query.places or d.defect.region in query.places)
            and (not query.reviewers or d.reviewer in query.reviewers)
            and (not query.verifications or d.verification in query.verifications)
            for d in record.defects
        ),
    ]
    return all(wanted)


_COMBINATIONS = [
    *itertools.chain.from_iterable(
        (replace(base, classes=classes), replace(base, classes=classes, verdicts=(Verdict.FAILED, Verdict.PASSED)))
        for base in (HistoryQuery(), HistoryQuery(recipes=RECIPES[1:3]), HistoryQuery(serial="SN0000001"))
        for classes in ((), CLASSES[:1], CLASSES[3:])
    ),
    HistoryQuery(classes=CLASSES[:2], places=("R17", "edge")),
    HistoryQuery(classes=CLASSES[:2], reviewers=("kim",)),
    HistoryQuery(places=("R17",), reviewers=("lee", "kim"), verifications=(Verification.DEFECT_CONFIRMED,)),
    HistoryQuery(engine="model 2", to_review=True),
    HistoryQuery(engine="no such engine"),
    HistoryQuery(verifications=(Verification.NOT_VERIFIED_YET,), recipes=("panel A",)),
]


@pytest.mark.parametrize("query", _COMBINATIONS, ids=str)
def test_filters_find_what_they_say(history: History, everything: list[BoardRecord], query: HistoryQuery) -> None:
    middle = everything[len(everything) // 2].row.ended_us
    for asked in (query, replace(query, since_us=middle), replace(query, until_us=middle)):
        expected = [r.row for r in everything if _holds(asked, r)]
        found = list(itertools.islice(history.rows(asked), len(expected) + 1))
        assert found == expected
        counts = history.counts(asked)
        assert counts == {v: n for v in Verdict if (n := sum(r.verdict is v for r in expected))}


def test_pages_follow_each_other_without_gap_or_repetition(history: History, everything: list[BoardRecord]) -> None:
    rows: list[BoardRow] = []
    after = None
    while page := history.page(HistoryQuery(), after, limit=97):
        rows += page
        after = page[-1].key
    assert rows == [r.row for r in everything]
    assert [r.key for r in rows] == sorted((r.key for r in rows), reverse=True)


@pytest.mark.parametrize("newest", [1, 50, 120])
def test_however_few_of_the_newest_are_looked_at_pages_are_the_same(
    history: History, everything: list[BoardRecord], newest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "NEWEST", newest)
    for serial in ("SN", everything[-1].row.serial[:-1], "nobody's"):
        found: list[BoardRow] = []
        after = None
        while page := history.page(HistoryQuery(serial=serial), after, limit=50):
            found += page
            after = page[-1].key
        assert found == [r.row for r in everything if r.row.serial.startswith(serial)]


def test_boards_of_the_same_microsecond_are_paged_one_by_one(at: At, store: Store) -> None:
    ids = set()
    for number in range(5):
        inspection, end = board(number, *defects(1))
        store.record(replace(inspection, ended_ns=10**18), end)
        ids.add(inspection.board_id)
    history = History(*at)
    for query in (HistoryQuery(), HistoryQuery(classes=("short",))):
        found: list[BoardRow] = []
        after = None
        while page := history.page(query, after, limit=2):
            found += page
            after = page[-1].key
        assert len(found) == 5 and {r.board_id for r in found} == ids


def test_pareto_counts_defects(history: History, everything: list[BoardRecord]) -> None:
    for query in (HistoryQuery(), HistoryQuery(recipes=("panel A",)), HistoryQuery(reviewers=("kim",))):
        counted: dict[str, int] = {}
        for record in everything:
            if not query.recipes or record.row.recipe in query.recipes:
                for d in record.defects:
                    if not query.reviewers or d.reviewer in query.reviewers:
                        counted[d.defect.defect_code] = counted.get(d.defect.defect_code, 0) + 1
        assert dict(history.pareto(query)) == counted
        numbers = [n for _, n in history.pareto(query)]
        assert numbers == sorted(numbers, reverse=True)


def test_what_there_is_to_choose_from(history: History, everything: list[BoardRecord]) -> None:
    assert set(history.recipes()) == {r.row.recipe for r in everything}
    assert set(history.classes()) == {d.defect.defect_code for r in everything for d in r.defects}


@pytest.mark.parametrize("serial", ["a%b", "a_b", "a\\b", "ÄÖ-板", "\U0010fffd"])
def test_signs_of_a_serial_number_are_just_signs(at: At, store: Store, serial: str) -> None:
    for number, name in enumerate((serial, f"{serial}x", "aXb", "other")):
        inspection, end = board(number)
        store.record(replace(inspection, serial=name), end)
    found = {r.serial for r in History(*at).rows(HistoryQuery(serial=serial))}
    assert found == {serial, f"{serial}x"}


def test_reading_from_many_threads_while_the_station_writes(at: At, store: Store) -> None:
    store.record(*board(0, *defects(1)))
    history, problems, stop = History(*at), [], threading.Event()

    def read() -> None:
        try:
            while not stop.is_set():
                for record in history.records(HistoryQuery()):
                    # A board is seen with all of its defects and pictures, or not at all.
                    assert len(record.defects) == record.row.defects
                    assert all(d.crop is not None and d.crop.is_file() for d in record.defects)
        except BaseException as error:
            problems.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(1, 30):
        store.record(*board(number, *defects(number % 4)))
    stop.set()
    for reader in readers:
        reader.join()
    assert not problems
    assert sum(history.counts(HistoryQuery()).values()) == 30


def test_history_cannot_change_the_record(at: At, store: Store) -> None:
    store.record(*board(1, Defect("open", 0.5, (1.0, 1.0, 5.0, 5.0))))
    with connect(Place(*at), read_only=True).connect() as connection, pytest.raises(Exception, match=r"read-?only"):
        connection.exec_driver_sql("DELETE FROM defect")
