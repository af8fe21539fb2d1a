"""A second look while the line runs: the line neither loses a line nor a board."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from aoi_app.app import build_station, second_look
from aoi_app.core.inspection import Verdict
from aoi_app.core.recipe import Recipe
from aoi_app.core.settings import Settings
from aoi_app.station.again import SecondLook
from aoi_app.storage.history import History
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.recipes import RecipeBook
from aoi_app.storage.record_settings import RecordSettings, save_record_settings
from tests.inference.conftest import write_network
from tests.station.conftest import wait_until


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A YOLOv8 network that finds nothing."""
    return write_network(
        tmp_path / "clean.onnx",
        [("output0", np.zeros((5, 2_100), np.float32), ("batch", 5, 2_100))],
        input_shape=("batch", 3, 320, 320),
        metadata={"names": "{0: 'short'}", "task": "detect"},
    )


def test_boards_are_inspected_again_while_the_line_runs(tmp_path: Path, model: Path) -> None:
    data = tmp_path / "data"
    options = {"width": 640, "lines": 640, "gap_lines": 50, "good_share": 1.0}
    camera = {"source": "simulated:bare", "line_rate": 3_000.0, "height": 64, "options": options}
    settings = Settings().with_changes(camera=camera, model=str(model), data_dir=str(data))
    book = RecipeBook(data)
    recipe = book.save(Recipe(name="line", width_px=640, max_lines=1_000))
    save_record_settings(RecordSettings(whole_boards="all"), data)
    station = build_station(settings, recipe)
    try:
        station.start()
        wait_until(lambda: station.status().counters.boards >= 2, timeout_s=60)
        history = History(data)
        wait_until(lambda: bool(history.page(HistoryQuery())), timeout_s=30)
        record = history.board(history.page(HistoryQuery())[0].board_id)
        assert record is not None
        looks: list[SecondLook] = []

        def look() -> None:
            looks.extend(second_look(record, settings, book, lambda _scan, _recipe: None) for _ in range(3))

        thread = threading.Thread(target=look)
        thread.start()
        begun = station.status().counters.boards
        wait_until(lambda: station.status().counters.boards >= begun + 8, timeout_s=60)
        thread.join(60)
        history.close()
    finally:
        assert station.close() == 0
        book.close()
    assert [look.same for look in looks] == [True] * 3
    history = History(data)
    rows = list(history.rows(HistoryQuery()))
    history.close()
    # The board on the line when the station stops is not wholly seen.
    assert [row.reason for row in rows if row.verdict is not Verdict.PASSED] in (
        [],
        ["the line was stopped before its trailing edge"],
    )
    assert len(rows) == station.status().counters.boards
