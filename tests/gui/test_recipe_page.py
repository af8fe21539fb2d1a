"""The recipe page: draw, limit, save, compare, roll back, try."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from aoi_app.core.inspection import Verdict
from aoi_app.core.recipe import ClassRule, Recipe, Region
from aoi_app.gui.recipes.page import RecipePage
from aoi_app.gui.recipes.regions import IGNORE, INSPECT, DrawnRegion, regions_of, with_regions
from aoi_app.storage.history import History
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.trial import try_recipe
from tests.gui.world import GuiWorld


def open_page(world: GuiWorld) -> RecipePage:
    world.show()
    world.window.show_page(4)
    page = world.window.page("recipes")
    assert isinstance(page, RecipePage)
    return page


def drag(page: RecipePage, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag from one board position to another."""
    points = []
    for x, y in (start, end):
        left, top, _, _ = page.view.viewport.visible()
        scale = page.view.viewport.scale
        points.append(QPoint(round((x / page.view.factor - left) * scale), round((y / page.view.factor - top) * scale)))
    QTest.mousePress(page.view, Qt.MouseButton.LeftButton, pos=points[0])
    QTest.mouseMove(page.view, points[1])
    QTest.mouseRelease(page.view, Qt.MouseButton.LeftButton, pos=points[1])


@pytest.mark.parametrize("number", [0, 1])
def test_a_region_is_drawn_with_the_mouse_in_board_pixels(world: GuiWorld, number: int) -> None:
    world.record(1)
    page = open_page(world)
    world.until(lambda: page.view.picture is not None)
    page.kind_buttons[number].click()
    drag(page, (100, 120), (300, 420))
    assert len(page.regions) == 1
    region = page.regions[0].region
    assert page.regions[0].kind == (INSPECT, IGNORE)[number]
    assert (region.x, region.y, region.w, region.h) == pytest.approx((100, 120, 200, 300), abs=2.5)
    assert not page.kind_buttons[number].isChecked()
    page.view.grab()


def test_a_region_is_chosen_moved_named_and_removed(world: GuiWorld) -> None:
    world.record(1)
    page = open_page(world)
    world.until(lambda: page.view.picture is not None)
    page._on_drawn(DrawnRegion(IGNORE, Region(x=100, y=100, w=100, h=100)))
    page._choose(-1)
    drag(page, (150, 150), (150, 150))
    assert page._chosen == 0
    drag(page, (150, 150), (200, 230))
    moved = page.regions[0].region
    assert (moved.x, moved.y) == pytest.approx((150, 180), abs=2.5)
    page.region_panel._on_name("label")
    assert page.recipe().ignore_regions[0].name == "label"
    page._on_delete()
    assert page.regions == ()


def test_saving_makes_a_revision_and_only_putting_into_force_changes_the_line(world: GuiWorld) -> None:
    world.record(1)
    page = open_page(world)
    page.rules.rows["spur"].confidence.setValue(80)
    page._on_drawn(DrawnRegion(IGNORE, Region(x=1, y=2, w=30, h=40)))
    before = world.station.recipe
    page.save_button.click()
    assert world.station.recipe == before
    saved = world.book.load("default")
    assert saved.revision == 2
    assert saved.rules["spur"].min_confidence == 0.8
    assert saved.ignore_regions == (Region(x=1, y=2, w=30, h=40),)
    page.force_button.click()
    assert world.station.recipe.revision == 2
    assert page.revision_panel.list.count() == 2


def test_a_revision_shows_its_difference_and_comes_back(world: GuiWorld) -> None:
    page = open_page(world)
    page.rules.rows["spur"].confidence.setValue(80)
    page.save_button.click()
    page.revision_panel.list.setCurrentRow(1)
    assert "rules.spur.min_confidence" in page.revision_panel.changes.toPlainText()
    page.revision_panel.load_button.click()
    assert page.recipe().rule("spur") == ClassRule()
    page.save_button.click()
    assert world.book.load("default").revision == 3


def test_regions_keep_their_kind() -> None:
    recipe = Recipe(regions=(Region(name="a", x=0, y=0, w=5, h=5),), ignore_regions=(Region(x=9, y=9, w=5, h=5),))
    assert with_regions(recipe, regions_of(recipe)) == recipe


def test_trial_tells_what_a_draft_would_have_changed(world: GuiWorld) -> None:
    world.record(6, lambda k: (2, 3) if k % 2 else (0, 0))
    history = History(world.folder)
    rows = history.page(HistoryQuery())
    records = [r for row in rows if (r := history.board(row.board_id)) is not None]
    recipe = world.station.recipe
    same = try_recipe(records, recipe)
    assert (same.boards, same.now_passed, same.now_failed, same.defects_less) == (6, (), (), 0)
    nothing = recipe.model_copy(
        update={"default_rule": ClassRule(enabled=False), "rules": {c: ClassRule(enabled=False) for c in recipe.rules}}
    )
    trial = try_recipe(records, nothing)
    failed = [r for r in records if r.row.verdict is Verdict.FAILED]
    assert sorted(trial.now_passed) == sorted(r.row.serial for r in failed)
    assert trial.defects_less == sum(len(r.defects) for r in failed)
    short = recipe.model_copy(update={"max_lines": 100})
    assert len(try_recipe(records, short).now_failed) == 6 - len(failed)
    history.close()


def test_trial_runs_from_the_page(world: GuiWorld) -> None:
    world.record(3)
    page = open_page(world)
    page.trial_button.click()
    world.until(lambda: "3 recorded boards" in page.trial_panel.summary.text())


def test_without_a_board_the_page_says_how_to_get_one(world: GuiWorld) -> None:
    page = open_page(world)
    world.settle()
    assert page.view.picture is None
    page.kind_buttons[0].click()
    drag(page, (10, 10), (60, 60))
    assert page.regions == ()
    page.view.grab()
