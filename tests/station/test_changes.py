"""Settings that change while the real line runs: no board is lost, and none is judged with half of the old ones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from aoi_app.app import build_station
from aoi_app.core.inspection import Verdict
from aoi_app.core.recipe import ClassRule, Recipe
from aoi_app.core.settings import Settings
from aoi_app.station.station import Station
from aoi_app.station.status import State
from aoi_app.storage.history import History
from aoi_app.storage.query import HistoryQuery
from tests.inference.conftest import write_network
from tests.station.conftest import wait_until

WIDTHS = (640, 704)
SCORE = 0.6


def model_of(folder: Path, name: str, code: str) -> str:
    """A YOLOv8 network that finds one defect of a class on each tile."""
    head = np.zeros((5, 2_100), np.float32)
    head[:, 7] = (120, 130, 40, 60, SCORE)
    write_network(
        folder / name,
        [("output0", head, ("batch", 5, 2_100))],
        input_shape=("batch", 3, 320, 320),
        metadata={"names": f"{{0: '{code}'}}", "task": "detect"},
    )
    return str(folder / name)


def settings_of(folder: Path, model: str, width: int) -> Settings:
    options = {"width": width, "lines": 640, "gap_lines": 20, "seed": width}
    camera = {"source": "simulated:bare", "line_rate": 20_000.0, "height": 64, "options": options}
    return Settings().with_changes(camera=camera, model=model, data_dir=str(folder / "data"))


@pytest.fixture
def models(tmp_path: Path) -> tuple[str, str]:
    return model_of(tmp_path, "a.onnx", "open"), model_of(tmp_path, "b.onnx", "short")


@pytest.fixture
def station(tmp_path: Path, models: tuple[str, str]) -> Iterator[Station]:
    running = build_station(settings_of(tmp_path, models[0], WIDTHS[0]), Recipe(max_lines=700))
    yield running
    running.close()


def test_camera_model_and_recipe_change_between_two_boards(
    station: Station, tmp_path: Path, models: tuple[str, str]
) -> None:
    station.start()
    for turn in range(4):
        width, model = WIDTHS[turn % 2], models[turn % 2]
        # Both the golden board (drawn in the camera's width) and the engine must fit the boards of this turn.
        station.apply(settings_of(tmp_path, model, width))
        wait_until(lambda: (last := station.status().last) is not None and last.width == width, 60)  # noqa: B023
        strict = Recipe(name=f"turn-{turn}", width_px=width, max_lines=700, default_rule=ClassRule(min_confidence=0.7))
        station.use_recipe(strict)
        wait_until(lambda: (last := station.status().last) is not None and last.recipe == strict.name, 60)  # noqa: B023
        station.use_recipe(Recipe(max_lines=700))
        wait_until(lambda: (last := station.status().last) is not None and last.recipe == "default", 60)
    assert station.status().state is State.RUNNING, station.status().fault
    assert station.close() == 0
    history = History(tmp_path / "data")
    boards = [history.board(row.board_id) for row in history.rows(HistoryQuery())]
    history.close()
    seen = set()
    for board in reversed(boards):
        assert board is not None
        found = board.inspection
        if "stopped" in found.reason:  # cut off by the end of the test
            continue
        seen.add(found.width)
        assert found.verdict is not Verdict.ERROR, found.reason
        assert found.engine is not None
        # One camera goes with one model, and each recipe with its own thresholds.
        assert found.engine.model == ("a.onnx", "b.onnx")[WIDTHS.index(found.width)]
        codes = {d.defect_code for d in found.defects}
        assert codes == (set() if found.recipe.startswith("turn") else {("open", "short")[WIDTHS.index(found.width)]})
        if found.recipe.startswith("turn"):
            assert int(found.recipe[-1]) % 2 == WIDTHS.index(found.width)
    assert seen == set(WIDTHS)


def test_images_of_any_size_and_order_go_through_one_line(tmp_path: Path, models: tuple[str, str]) -> None:
    folder = tmp_path / "boards"
    folder.mkdir()
    # The buffers must not be those of the first image: it is broken, and the next one is small.
    (folder / "0.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    shapes = {"1": (40, 100), "2": (900, 1_300, 3), "3": (640, 640), "4": (10, 16)}
    for name, shape in shapes.items():
        cv2.imwrite(str(folder / f"{name}.png"), np.full(shape, 90, np.uint8))
    settings = Settings().with_changes(
        camera={"source": str(folder), "line_rate": None}, model=models[0], data_dir=str(tmp_path / "data")
    )
    station = build_station(settings, Recipe(default_rule=ClassRule(min_confidence=0.7)))
    try:
        station.start()
        wait_until(lambda: station.status().counters.boards == 5, 30)
    finally:
        assert station.close() == 0
    history = History(tmp_path / "data")
    rows = {row.serial: row for row in history.rows(HistoryQuery())}
    records = {serial: history.board(row.board_id) for serial, row in rows.items()}
    history.close()
    assert {s: r.verdict for s, r in rows.items()} == {"0": Verdict.ERROR, **dict.fromkeys(shapes, Verdict.PASSED)}
    for serial, shape in shapes.items():
        record = records[serial]
        assert record is not None
        assert (record.inspection.completeness.lines, record.inspection.width) == shape[:2]
