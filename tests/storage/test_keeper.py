from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from aoi_app.core.errors import SettingsError, StoreError
from aoi_app.core.inspection import Verdict
from aoi_app.core.protocols import ResultStore
from aoi_app.storage.accounts import Account, Role
from aoi_app.storage.alarms import Alarms
from aoi_app.storage.checking import check
from aoi_app.storage.database import Place, connect
from aoi_app.storage.history import History
from aoi_app.storage.keeper import Keeper
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.record_settings import RecordSettings, load_record_settings, save_record_settings
from aoi_app.storage.retention import RetentionPolicy, expire_whole
from aoi_app.storage.stop_rules import Alarm, StopRules
from tests.storage.boards import board, changed, defects
from tests.storage.places import At

THREE = RecordSettings(stop_rules=StopRules(in_a_row=3, min_first_pass_yield=None, max_reject_rate=None))


def test_alarms_are_recorded_and_told_once(at: At) -> None:
    told: list[Alarm] = []
    keeper = Keeper(*at, "north", THREE, told.append)
    store: ResultStore = keeper
    for number in range(3):
        store.record(*board(number, *defects(1)))
    store.record(*board(2, *defects(1)))
    store.close()
    store.close()
    (row,) = Alarms(*at).standing()
    assert [a.rule for a in told] == ["in_a_row"] == [row.rule]
    assert row.station == "north" and row.what == told[0].what
    assert History(*at).counts(HistoryQuery()) == {Verdict.FAILED: 3}


def answer(at: At) -> None:
    """Acknowledge whatever stands."""
    alarms = Alarms(*at)
    for row in alarms.standing():
        alarms.acknowledge(row.id, Account("anna", Role.ENGINEER, True), "stencil cleaned")
    alarms.close()


def test_a_cause_that_lasts_is_one_alarm_until_somebody_answers_it(at: At) -> None:
    told: list[Alarm] = []
    keeper = Keeper(*at, "north", THREE, told.append)
    here, there = defects(4)[:1], defects(4)[3:]  # 60 px apart
    for number in range(9):
        keeper.record(*board(number, *here))
    assert len(told) == 1, "the sixth and the ninth board tell nothing new"
    for number in range(9, 12):
        keeper.record(*board(number, *there))
    assert len(told) == 2, "another place is another cause"
    answer(at)
    for number in range(12, 15):
        keeper.record(*board(number, *there))
    assert len(told) == 3, "answered, and still there"
    keeper.close()
    assert len(Alarms(*at).standing()) == 1


def test_yield_that_stays_low_is_one_alarm_until_somebody_answers_it(at: At) -> None:
    rules = StopRules(in_a_row=None, min_first_pass_yield=0.5, yield_boards=2, max_reject_rate=None)
    told: list[Alarm] = []
    for number in range(6):
        keeper = Keeper(*at, usual=RecordSettings(stop_rules=rules), alarm=told.append)
        keeper.record(*board(number, *defects(1)))
        keeper.close()
    assert len(told) == 1
    answer(at)
    for number in range(6, 8):
        keeper = Keeper(*at, usual=RecordSettings(stop_rules=rules), alarm=told.append)
        keeper.record(*board(number, *defects(1)))
        keeper.close()
    assert len(told) == 2


def test_a_restart_breaks_no_run_and_raises_no_alarm_again(at: At) -> None:
    told: list[Alarm] = []
    for number in range(7):
        keeper = Keeper(*at, "north", THREE, told.append)
        keeper.record(*board(number, *defects(1)))
        keeper.close()
        answer(at)
    # The third and the sixth board; the seventh begins the next run.
    assert [a.at_us for a in told] == [board(n)[0].ended_ns // 1000 for n in (2, 5)]
    other = Keeper(*at, "south", THREE, told.append)
    other.record(*board(8, *defects(1)))
    other.close()
    assert len(told) == 2, "another station has a run of its own"


def test_rates_go_on_after_a_restart(at: At) -> None:
    rules = StopRules(in_a_row=None, min_first_pass_yield=0.5, yield_boards=6, max_reject_rate=0.5, reject_boards=4)
    told: list[Alarm] = []
    for number, bad in enumerate([1, 1, 0, 1, 1, 0, 1]):
        keeper = Keeper(*at, usual=RecordSettings(stop_rules=rules), alarm=told.append)
        keeper.record(*board(number, *defects(bad)))
        keeper.close()
    # Three of the first four were rejected; of the first six two passed.
    fired = [(a.rule, a.at_us) for a in told]
    assert fired == [
        ("max_reject_rate", board(3)[0].ended_ns // 1000),
        ("min_first_pass_yield", board(5)[0].ended_ns // 1000),
    ]


def test_an_alarm_that_could_not_be_written_comes_with_the_next_try(at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Alarm] = []
    keeper = Keeper(*at, usual=THREE, alarm=told.append)
    for number in range(2):
        keeper.record(*board(number, *defects(1)))
    with monkeypatch.context() as broken:

        def refuse(*_: object) -> None:
            raise StoreError("the server is away")

        broken.setattr(Alarms, "keep", refuse)
        with pytest.raises(StoreError):
            keeper.record(*board(2, *defects(1)))
    assert told == []
    keeper.record(*board(2, *defects(1)))
    keeper.close()
    assert len(told) == 1 == len(Alarms(*at).standing())


def test_old_pictures_go_while_the_station_runs(at: At) -> None:
    settings = RecordSettings(retention=RetentionPolicy(passed_days=1e-9))
    keeper = Keeper(*at, usual=settings, every_s=0.01)
    keeper.record(*changed(board(0), ended_ns=10**18))
    gone = threading.Event()
    for _ in range(1_000):
        (row,) = History(*at).page(HistoryQuery())
        if row.preview is None:
            gone.set()
            break
        gone.wait(0.01)
    keeper.close()
    assert gone.is_set()


def test_a_disk_that_runs_low_is_told_once(at: At) -> None:
    told: list[str] = []
    settings = RecordSettings(warn_free_gib=1e9, stop_free_gib=1e9, whole_boards="all")
    keeper = Keeper(*at, usual=settings, tell=lambda what, _: told.append(what), every_s=0.01)
    keeper.record(*board(0))
    keeper.record(*board(1, *defects(1)))
    record = History(*at).board("board-000001")
    assert record is not None and record.row.preview is not None and record.board_image is None
    keeper.close()
    assert told == ["The disk of the pictures is almost full: passed boards are recorded without pictures."]


def test_a_full_disk_lasts_until_there_is_room_again(at: At) -> None:
    lasting: list[tuple[str, ...]] = []
    keeper = Keeper(
        *at,
        usual=RecordSettings(warn_free_gib=1e9, stop_free_gib=1e9),
        every_s=0.01,
        lasts=lambda found: lasting.append(tuple(what for what, _ in found)),
    )
    within(lambda: len(lasting) == 1)
    save_record_settings(RecordSettings(warn_free_gib=1e-9, stop_free_gib=1e-9), at[0])
    now = time.time_ns()
    keeper.record(*changed(board(0), started_ns=now - 10**9, ended_ns=now))
    within(lambda: len(lasting) == 2)
    keeper.close()
    assert lasting == [("The disk of the pictures is almost full: passed boards are recorded without pictures.",), ()]


def test_a_clock_that_was_set_back_lasts_until_it_is_right(at: At) -> None:
    lasting: list[tuple[str, ...]] = []
    keeper = Keeper(*at, every_s=0.01, lasts=lambda found: lasting.append(tuple(what for what, _ in found)))
    ahead = time.time_ns() + 150 * 10**9
    keeper.record(*changed(board(0), started_ns=ahead - 10**9, ended_ns=ahead))
    within(lambda: len(lasting) > 0)
    keeper.close()
    assert lasting[0] == ("The clock of this computer is 2 min behind the newest board of the record.",)


def within(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.01)


def test_settings_of_the_record(tmp_path: Path) -> None:
    assert load_record_settings(tmp_path) == RecordSettings()
    save_record_settings(THREE, tmp_path)
    assert load_record_settings(tmp_path) == THREE
    (tmp_path / "record.json").write_text('{"stop_rules": {"in_a_row": 1}, "colour": "red"}')
    with pytest.raises(SettingsError, match=r"stop_rules\.in_a_row.*colour"):
        load_record_settings(tmp_path)


def test_what_is_changed_in_the_file_holds_from_the_next_board_on(at: At) -> None:
    told: list[str] = []
    raised: list[Alarm] = []
    keeper = Keeper(*at, usual=RecordSettings(stop_rules=StopRules(in_a_row=None)), alarm=raised.append)
    keeper._tell = lambda what, _: told.append(what)
    for number in range(3):
        keeper.record(*board(number, *defects(1)))
    save_record_settings(THREE.model_copy(update={"whole_boards": "failed"}), at.folder)
    for number in range(3, 6):
        keeper.record(*board(number, *defects(1)))
    (at.folder / "record.json").write_text("{")
    for number in range(6, 9):
        keeper.record(*board(number, *defects(4)[3:]))  # another place: another alarm
    keeper.close()
    history = History(*at)
    kept = [r.board_image is not None for r in history.records(HistoryQuery())]
    history.close()
    assert kept == [True] * 6 + [False] * 3, "newest first: the settings before stay while the file cannot be read"
    assert len(raised) == 2 and len(told) == 1 and "record.json cannot be used" in told[0]


def test_a_row_that_names_a_file_outside_the_archive_has_it_neither_shown_nor_removed(at: At, tmp_path: Path) -> None:
    keeper = Keeper(*at, usual=RecordSettings(whole_boards="all", stop_rules=StopRules(in_a_row=None)))
    for number in range(3):
        keeper.record(*board(number))
    keeper.close()
    other, above = tmp_path / "other.txt", at.folder / "above.txt"
    for file in (other, above):
        file.write_text("not a picture")
    with connect(Place(*at)).begin() as connection:
        for number, name in enumerate((str(other), "../above.txt")):
            statement = text("UPDATE inspection SET board_image = :name, preview = :name WHERE board_id = :board")
            connection.execute(statement, {"name": name, "board": f"board-{number:06d}"})
    history = History(*at)
    shown = {r.row.serial: (r.board_image, r.row.preview) for r in history.records(HistoryQuery())}
    history.close()
    assert shown["SN00000"] == shown["SN00001"] == (None, None)
    assert {p.kind for p in check(Place(*at))} == {"missing picture"}
    expire_whole(Place(*at), 0)
    assert other.exists() and above.exists()


def test_housekeeping_goes_on_after_an_error_that_nobody_foresaw(at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def broken(*_: object, **__: object) -> int:
        raise ValueError("a day that there is not")

    monkeypatch.setattr("aoi_app.storage.keeper.expire", broken)
    keeper = Keeper(*at, tell=lambda what, hint: told.append(what), every_s=0.01)
    try:
        deadline = time.monotonic() + 60
        while len(told) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        keeper.close()
    assert "a day that there is not" in told[0]


def test_whole_boards_have_so_much_room_and_the_oldest_go_first(at: At) -> None:
    keeper = Keeper(*at, usual=RecordSettings(whole_boards="all", stop_rules=StopRules(in_a_row=None)))
    for number in range(5):
        keeper.record(*board(number, *defects(1)))
    keeper.close()
    history = History(*at)
    files = [r.board_image for r in history.records(HistoryQuery())]
    sizes = [file.stat().st_size for file in files if file is not None]
    assert expire_whole(Place(*at), sum(sizes)) == 0
    assert expire_whole(Place(*at), sizes[0] + sizes[1] + 1) == 3
    left = list(history.records(HistoryQuery()))
    history.close()
    assert [r.board_image is not None for r in left] == [True, True, False, False, False]
    assert [file.exists() for file in files if file is not None] == [True, True, False, False, False]
    assert all(r.row.preview is not None and r.row.preview.exists() for r in left)
    assert list(check(Place(*at))) == []
