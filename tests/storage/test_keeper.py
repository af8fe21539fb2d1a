from __future__ import annotations

import threading
from pathlib import Path

import pytest

from aoi_app.core.errors import SettingsError, StoreError
from aoi_app.core.inspection import Verdict
from aoi_app.core.protocols import ResultStore
from aoi_app.storage.alarms import Alarms
from aoi_app.storage.history import History
from aoi_app.storage.keeper import Keeper, RecordSettings, load_record_settings, save_record_settings
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.retention import RetentionPolicy
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


def test_an_alarm_that_could_not_be_written_comes_with_the_next_try(at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Alarm] = []
    keeper = Keeper(*at, settings=THREE, alarm=told.append)
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
    keeper = Keeper(*at, settings=settings, every_s=0.01)
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
    keeper = Keeper(*at, settings=settings, tell=lambda what, _: told.append(what), every_s=0.01)
    keeper.record(*board(0))
    keeper.record(*board(1, *defects(1)))
    record = History(*at).board("board-000001")
    assert record is not None and record.row.preview is not None and record.board_image is None
    keeper.close()
    assert told == ["The disk of the pictures is almost full: passed boards are recorded without pictures."]


def test_settings_of_the_record(tmp_path: Path) -> None:
    assert load_record_settings(tmp_path) == RecordSettings()
    save_record_settings(THREE, tmp_path)
    assert load_record_settings(tmp_path) == THREE
    (tmp_path / "record.json").write_text('{"stop_rules": {"in_a_row": 1}, "colour": "red"}')
    with pytest.raises(SettingsError, match=r"stop_rules\.in_a_row.*colour"):
        load_record_settings(tmp_path)
