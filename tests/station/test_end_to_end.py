"""The real line: simulated camera with faults, assembler, ONNX Runtime, SQLite and image archive."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from aoi_app.app import build_station
from aoi_app.core.inspection import Verdict
from aoi_app.core.recipe import Recipe
from aoi_app.core.settings import Settings
from aoi_app.station.station import Station
from aoi_app.station.status import State
from aoi_app.storage.history import History
from aoi_app.storage.query import HistoryQuery
from tests.inference.conftest import write_network
from tests.station.conftest import wait_until

FAULTS = {
    "000001": ("lose_lines@1:500x7", "7 lines are missing"),
    "000002": ("short_block@2:300x9", ""),
    "000003": ("stale_block@3:300", ""),
    "000004": ("padded_block@4:300x20", ""),
    "000005": ("incomplete_block@5:300", ""),
    "000006": ("vanish@6:300x0.3", "camera was lost"),
}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A YOLOv8 network that finds nothing."""
    return write_network(
        tmp_path / "clean.onnx",
        [("output0", np.zeros((5, 2_100), np.float32), ("batch", 5, 2_100))],
        input_shape=("batch", 3, 320, 320),
        metadata={"names": "{0: 'short'}", "task": "detect"},
    )


def settings_of(tmp_path: Path, model: Path, faults: str) -> Settings:
    options = {"width": 640, "lines": 640, "gap_lines": 50, "good_share": 1.0, "faults": faults}
    camera = {"source": "simulated:bare", "line_rate": 6_000.0, "height": 64, "options": options}
    return Settings().with_changes(camera=camera, model=str(model), data_dir=str(tmp_path / "data"))


@pytest.fixture
def station(tmp_path: Path, model: Path) -> Iterator[Station]:
    plan = ", ".join(fault for fault, _ in FAULTS.values())
    running = build_station(settings_of(tmp_path, model, plan), Recipe(width_px=640, max_lines=1_000))
    yield running
    running.close()


def test_no_faulty_board_passes_and_no_good_one_is_lost(station: Station, tmp_path: Path) -> None:
    station.start()
    wait_until(lambda: station.status().counters.boards >= 12, timeout_s=60)
    assert station.status().state is State.RUNNING, station.status().fault
    assert station.close() == 0
    history = History(tmp_path / "data")
    rows = {row.serial.rpartition("-")[2]: row for row in history.page(HistoryQuery(), limit=100)}
    for number, (fault, said) in FAULTS.items():
        assert rows[number].verdict is Verdict.ERROR, fault
        assert said in rows[number].reason
    good = [row for number, row in rows.items() if number not in FAULTS]
    assert len(good) >= 5
    # The last board may have been cut off by the stop, and says so.
    assert all(r.verdict is Verdict.PASSED or "stopped" in r.reason for r in good)
    assert sum(r.verdict is Verdict.PASSED for r in good) >= len(good) - 1
    numbers = sorted(map(int, rows))
    assert numbers == list(range(len(numbers))), "a board is missing from the record"
    with sqlite3.connect(tmp_path / "data" / "aoi.db") as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)


def test_a_second_station_on_the_same_record_is_refused_with_advice(
    station: Station, tmp_path: Path, model: Path
) -> None:
    station.start()
    wait_until(lambda: station.status().counters.boards >= 1, timeout_s=30)
    second = build_station(settings_of(tmp_path, model, ""), Recipe(width_px=640, max_lines=1_000))
    try:
        second.start()
        wait_until(lambda: second.status().state is State.FAULT)
        assert second.status().fault and second.status().fault_hint
    finally:
        second.close()
    assert station.status().state is State.RUNNING
