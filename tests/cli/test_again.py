"""`aoi again` on a real record, with a real engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aoi_app.core.errors import StoreError
from aoi_app.core.inspection import Verdict
from aoi_app.core.recipe import ClassRule, Recipe
from aoi_app.core.settings import CameraSettings, Settings, save_settings
from aoi_app.detectors import make_detector
from aoi_app.lines import image_line
from aoi_app.station.batch import inspect_line
from aoi_app.station.engines import EngineSpec
from aoi_app.station.inspecting import FixedEngine, Inspector
from aoi_app.storage.history import History
from aoi_app.storage.pictures import PicturePolicy
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.recipes import RecipeBook
from aoi_app.storage.store import Store
from tests.cli.test_inspect import aoi


@pytest.fixture
def record(tmp_path: Path, model: Path, boards: Path) -> Path:
    """A data folder with two boards that failed, and the recipe that they failed by."""
    data = tmp_path / "data"
    book = RecipeBook(data)
    recipe = book.save(Recipe(name="panel"))
    book.close()
    save_settings(Settings(model=str(model), camera=CameraSettings(source=str(boards))), data / "settings.json")
    detector = make_detector(Settings(), EngineSpec(str(model), "onnxruntime", "fp32", 0.05))
    inspector = Inspector(FixedEngine(detector), lambda: recipe, lambda _scan, _recipe: None)
    line, count = image_line([boards / "a1.png", boards / "a3.png"], recipe)
    store = Store(data, policy=PicturePolicy(whole_boards=frozenset(Verdict)))
    for inspection, end in inspect_line(line, inspector, count):
        store.record(inspection, end)
    store.close()
    detector.close()
    return data


def test_nothing_changed(record: Path, tmp_path: Path) -> None:
    result = aoi("again", "a1", "--data", record, "--json", "-", "--overlay", tmp_path / "pictures")
    assert result.exit_code == 0, (result.output, result.exception)
    look = json.loads(result.stdout)
    assert look["same"] and look["serial"] == "a1" and not look["gone"] and not look["new"]
    (pair,) = look["both"]
    assert pair["then"] == pair["now"] and pair["now"]["class"] == "short"
    assert look["engine"]["then"] == look["engine"]["now"]
    assert {f.name for f in (tmp_path / "pictures").iterdir()} == {"a1-then.png", "a1-now.png"}


def test_a_changed_recipe_is_todays(record: Path) -> None:
    book = RecipeBook(record)
    book.save(Recipe(name="panel", rules={"short": ClassRule(min_confidence=0.9)}))
    book.close()
    history = History(record)
    (board_id,) = (r.board_id for r in history.page(HistoryQuery(serial="a3")))
    history.close()
    result = aoi("again", board_id, "--data", record, "--json", "-")
    look = json.loads(result.stdout)
    assert result.exit_code == 1 and not look["same"]
    assert look["verdict"] == {"then": "FAILED", "now": "PASSED"}
    assert look["recipe"] == {"name": "panel", "then": 1, "now": 2}
    assert [d["class"] for d in look["gone"]] == ["short"] and not look["both"]
    shown = aoi("again", board_id, "--data", record).stdout
    assert "FAILED then" in shown and "PASSED now" in shown and "x 120, y 230" in shown


def test_what_cannot_be_inspected_again_is_said(record: Path) -> None:
    history = History(record)
    newest = history.board(history.page(HistoryQuery())[0].board_id)
    history.close()
    assert newest is not None and newest.board_image is not None
    newest.board_image.unlink()
    for board, said in ((newest.row.board_id, "cannot be read"), ("no-such-board", "not in the record")):
        with pytest.raises(StoreError, match=said):
            raise aoi("again", board, "--data", record).exception or AssertionError
