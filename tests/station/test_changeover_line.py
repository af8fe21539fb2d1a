"""Changeover end to end: boards of two products with a label on each, on the simulated line with the real record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from aoi_app.app import build_station
from aoi_app.boards.codes import label_box
from aoi_app.camera.drawn_source import DrawnSource
from aoi_app.core.changeover import Changeover
from aoi_app.core.golden_recipe import recipe_of_golden
from aoi_app.core.inspection import Verdict
from aoi_app.core.recipe import ClassRule, Recipe, Region
from aoi_app.core.settings import Settings
from aoi_app.station.station import Station
from aoi_app.station.status import State
from aoi_app.storage.audit import Audit
from aoi_app.storage.database import Place
from aoi_app.storage.goldens import keep_golden
from aoi_app.storage.history import History
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.recipes import RecipeBook
from tests.inference.conftest import write_network
from tests.station.conftest import wait_until

pytest.importorskip("zxingcpp", reason="bar codes need the extra `barcode`")

WIDTH, LINES, PX_PER_MM = 768, 704, 24.0
OPTIONS: dict[str, int | float | str | bool] = {
    "width": WIDTH, "lines": LINES, "px_per_mm": PX_PER_MM, "designs": 2, "code": "DataMatrix", "code_text": "AOI-",
    "gap_lines": 20, "seed": 5,
}  # fmt: skip


def model_of(folder: Path, name: str, code: str) -> str:
    """A YOLOv8 network that finds one defect of a class on each tile."""
    head = np.zeros((5, 2_100), np.float32)
    head[:, 7] = (120, 230, 40, 60, 0.6)
    write_network(
        folder / name,
        [("output0", head, ("batch", 5, 2_100))],
        input_shape=("batch", 3, 320, 320),
        metadata={"names": f"{{0: '{code}'}}", "task": "detect"},
    )
    return str(folder / name)


def recipes(folder: Path) -> list[Recipe]:
    """One recipe for each product, with its own model and golden board."""
    source = DrawnSource("bare", OPTIONS)
    x1, y1, x2, y2 = label_box(WIDTH, PX_PER_MM)
    found = []
    for design, code in enumerate(("open", "short")):
        golden = keep_golden(Place(folder / "data").images, source.golden_of(design))
        recipe = recipe_of_golden(
            Recipe(model=model_of(folder, f"{code}.onnx", code), default_rule=ClassRule(min_confidence=0.3)),
            f"product-{code}",
            (WIDTH, LINES),
            golden.name,
            golden.sha256,
        )
        change = Changeover(pattern=rf"AOI-{'AB'[design]}\d{{6}}", code_region=Region(x=x1, y=y1, w=x2 - x1, h=y2 - y1))
        found.append(recipe.model_copy(update={"changeover": change}))
    return found


@pytest.fixture
def book(tmp_path: Path) -> Iterator[RecipeBook]:
    book = RecipeBook(tmp_path / "data")
    yield book
    book.close()


def station_of(tmp_path: Path, unknown: str) -> Station:
    camera = {"source": "simulated:bare", "line_rate": 4_000.0, "height": 64, "options": OPTIONS}
    settings = Settings().with_changes(
        camera=camera, data_dir=str(tmp_path / "data"), changeover={"by": "barcode", "unknown": unknown}
    )
    return build_station(settings, Recipe(max_lines=LINES + 100, default_rule=ClassRule(enabled=False)))


def test_each_product_of_a_mixed_line_is_inspected_by_its_own_recipe(tmp_path: Path, book: RecipeBook) -> None:
    for recipe in recipes(tmp_path):
        book.save(recipe)
    station = station_of(tmp_path, "error")
    try:
        station.start()
        wait_until(lambda: station.status().counters.boards >= 4, 90)
        station.stop()
        wait_until(lambda: station.status().state is State.IDLE, 30)
    finally:
        assert station.close() == 0
    history = History(tmp_path / "data")
    records = sorted(history.records(HistoryQuery()), key=lambda r: r.row.id)[:4]
    history.close()
    assert [r.row.recipe for r in records] == ["product-open", "product-short"] * 2
    # The code that was read is the board's serial number from now on.
    assert [r.row.serial for r in records] == ["AOI-A000000", "AOI-B000001", "AOI-A000002", "AOI-B000003"]
    assert [{d.defect.defect_code for d in r.defects} for r in records] == [{"open"}, {"short"}] * 2
    assert all(r.row.verdict is Verdict.FAILED for r in records)
    # Laid onto its own golden board: had the wrong one been taken, the scan would have been refused.
    assert all(r.inspection.registration is not None for r in records)
    assert all(d.defect.place is not None for r in records for d in r.defects)
    acts = [entry for entry in Audit(Place(tmp_path / "data")).entries() if entry.act == "changeover"]
    assert [entry.subject for entry in acts[:2]] == [
        "recipe product-open, revision 1",
        "recipe product-short, revision 1",
    ]
    assert "AOI-A000000" in acts[0].detail and acts[0].who == "station"


def test_a_product_that_nobody_taught_stops_the_line(tmp_path: Path, book: RecipeBook) -> None:
    book.save(recipes(tmp_path)[0])
    station = station_of(tmp_path, "stop")
    try:
        station.start()
        wait_until(lambda: station.status().state is State.FAULT, 90)
        assert "AOI-B000001" in station.status().fault
    finally:
        assert station.close() == 0
    history = History(tmp_path / "data")
    rows = sorted(history.page(HistoryQuery()), key=lambda row: row.id)
    history.close()
    assert [row.recipe for row in rows[:2]] == ["product-open", "no recipe"]
    assert rows[1].verdict is Verdict.ERROR and "belongs to no recipe" in rows[1].reason
