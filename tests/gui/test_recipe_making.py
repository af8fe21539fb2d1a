"""The recipe page's newer parts: golden boards, limits by region, undo, components, codes, trials."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from aoi_app.boards.centroid import Part, components_of
from aoi_app.core.changeover import Changeover
from aoi_app.core.components import BoardFrame
from aoi_app.core.errors import ImageError
from aoi_app.core.recipe import ClassRule, Recipe, Region
from aoi_app.core.scan import PixelFormat
from aoi_app.gui.recipes.drawn import CODE, IGNORE, INSPECT, DrawnRegion, regions_of, with_drawn, with_regions
from aoi_app.gui.recipes.import_dialog import ImportDialog
from aoi_app.gui.recipes.new_dialog import NewRecipeDialog
from aoi_app.gui.recipes.undo import UndoStack
from aoi_app.gui.settings.dialog import SettingsDialog
from aoi_app.station.taking import TakenBoard
from tests.gui.test_recipe_page import open_page
from tests.gui.world import GuiWorld

PARTS = [
    Part("R1", "R0603", "10k", 2.0, 2.0, 0.0),
    Part("U1", "SOIC-8", "x", 8.0, 9.0, 90.0),
    Part("X1", "?", "", 5, 5, 0),
]


def region(name: str = "", **values: float) -> Region:
    return Region.model_validate({"name": name, "x": 10, "y": 20, "w": 100, "h": 80} | values)


# Undo


@given(st.lists(st.integers(0, 5), max_size=12))
def test_undo_goes_all_the_way_back_and_redo_forth(values: list[int]) -> None:
    stack = UndoStack(0)
    seen = [0]
    for value in values:
        stack.push(value)
        if value != seen[-1]:
            seen.append(value)
    assert [stack.undo() for _ in seen[1:]] == seen[-2::-1]
    assert not stack.can_undo
    assert [stack.redo() for _ in seen[1:]] == seen[1:]
    assert not stack.can_redo


def test_steps_of_one_kind_in_a_row_are_one() -> None:
    stack = UndoStack(0)
    for value in (1, 2, 3):
        stack.push(value, "nudge")
    stack.push(9, "name")
    assert (stack.undo(), stack.undo()) == (3, 0)
    stack.push(4)
    assert not stack.can_redo


def test_regions_of_all_kinds_come_back() -> None:
    recipe = Recipe(regions=(region("a"),), ignore_regions=(region("b"),), changeover=Changeover(code_region=region()))
    assert with_regions(recipe, regions_of(recipe)) == recipe
    two = with_drawn(regions_of(recipe), DrawnRegion(CODE, region(x=300)))
    assert [d.region.x for d in two if d.kind == CODE] == [300]


# The region editor


def test_drawing_is_undone_and_redone_with_keys(world: GuiWorld) -> None:
    world.record(1)
    page = open_page(world)
    world.until(lambda: page.view.picture is not None)
    page._on_drawn(DrawnRegion(IGNORE, region()))
    page.view.setFocus()
    for _ in range(3):
        QTest.keyClick(page.view, Qt.Key.Key_Right)
    QTest.keyClick(page.view, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(page.view, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
    now = page.regions[0].region
    assert (now.x, now.y, now.w, now.h) == (13, 30, 101, 80)
    QTest.keyClick(page.view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert page.regions[0].region.x == 10
    QTest.keyClick(page.view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert len(page.regions) == 0
    page.redo_button.click()
    page.redo_button.click()
    assert regions_of(page.recipe()) == (DrawnRegion(IGNORE, now),)
    assert not page.redo_button.isEnabled()


def test_a_region_has_classes_and_limits_of_its_own(world: GuiWorld) -> None:
    page = open_page(world)
    page._on_drawn(DrawnRegion(INSPECT, region("U1")))
    rows = page.region_panel.rules.rows
    rows["short"].own.setChecked(True)
    rows["short"].fields[0].setValue(90)
    rows["spur"].is_for.setChecked(False)
    saved = page.save()
    assert saved is not None
    made = saved.regions[0]
    assert made.rules == {"short": ClassRule(min_confidence=0.9, severity=3)}
    assert "spur" not in made.classes and "short" in made.classes
    page.load(saved)
    page._choose(0)
    assert page.region_panel.rules.rows["short"].own.isChecked()
    assert not page.region_panel.rules.rows["spur"].is_for.isChecked()


def test_an_ignore_region_is_for_chosen_classes_and_never_for_none(world: GuiWorld) -> None:
    page = open_page(world)
    page._on_drawn(DrawnRegion(IGNORE, region()))
    rows = page.region_panel.rules.rows
    for row in rows.values():
        row.is_for.setChecked(False)
    assert sum(row.is_for.isChecked() for row in rows.values()) == 1
    assert len(page.recipe().ignore_regions[0].classes) == 1


def test_a_class_is_confined_to_its_regions(world: GuiWorld) -> None:
    page = open_page(world)
    page.rules.rows["spur"].confined.setChecked(True)
    assert page.recipe().rule("spur").only_in_regions


# Golden boards


@pytest.fixture
def dialog(world: GuiWorld) -> NewRecipeDialog:
    page = open_page(world)
    goldens = world.window.services.goldens
    assert goldens is not None
    made = NewRecipeDialog(page.draft, goldens, world.station, lambda: tuple(world.book.names()), page)
    made.show()
    return made


def test_a_recipe_from_an_image_file(world: GuiWorld, dialog: NewRecipeDialog, tmp_path: Path) -> None:
    image = np.random.default_rng(1).integers(0, 255, (300, 200), np.uint8)
    cv2.imwrite(str(tmp_path / "golden.png"), image)
    assert not dialog.make_button.isEnabled()
    dialog.read(tmp_path / "golden.png")
    world.until(lambda: dialog.image is not None)
    dialog.make()
    assert dialog.problem.isVisible()
    dialog.name.setText("default")
    dialog.make()
    assert "already" in dialog.problem.text()
    dialog.name.setText("power")
    dialog.make()
    world.until(lambda: dialog.recipe is not None)
    recipe = dialog.recipe
    assert recipe is not None and world.window.services.goldens is not None
    assert (recipe.name, recipe.width_px, recipe.align_golden) == ("power", 200, True)
    kept = world.window.services.goldens.of(recipe)
    assert kept is not None and np.array_equal(kept, image)


def test_a_recipe_from_the_next_board_on_the_line(world: GuiWorld, dialog: NewRecipeDialog) -> None:
    dialog.scan()
    assert dialog.problem.isVisible(), "the line does not run"
    world.station.start()
    dialog.scan()
    assert not dialog.scan_button.isEnabled() and dialog.progress.isVisible()
    assert world.station.asked is not None
    image = np.full((320, 256), 90, np.uint8)
    world.station.asked.set_result(TakenBoard(image, "S1", PixelFormat.MONO8, ""))
    world.until(lambda: dialog.image is not None)
    assert dialog.view.picture is not None and not dialog.progress.isVisible()


def test_a_board_that_was_not_wholly_seen_is_said(world: GuiWorld, dialog: NewRecipeDialog) -> None:
    world.station.start()
    dialog.scan()
    assert world.station.asked is not None
    world.station.asked.set_exception(ImageError("Board S1 was not wholly seen: 3 lines are missing.", "Again."))
    world.until(lambda: dialog.problem.isVisible())
    assert "3 lines" in dialog.problem.text() and dialog.scan_button.isEnabled()


def test_waiting_for_a_board_can_be_stopped(world: GuiWorld, dialog: NewRecipeDialog) -> None:
    world.station.start()
    dialog.scan()
    asked = world.station.asked
    dialog.stop_button.click()
    assert asked is not None and asked.cancelled()
    dialog.scan()
    world.station.fail("The camera is gone.", "")
    world.until(lambda: dialog.problem.isVisible())


def test_the_page_shows_the_golden_board_where_there_is_one(world: GuiWorld) -> None:
    goldens = world.window.services.goldens
    assert goldens is not None
    stored = goldens.keep(np.full((300, 200), 90, np.uint8))
    page = open_page(world)
    page.load(page.draft.model_copy(update={"golden": stored.name, "golden_sha256": stored.sha256}))
    world.until(lambda: page.view.picture is not None)
    assert page.view.picture is not None and page.view.picture.width == 200
    page.load(page.draft.model_copy(update={"golden_sha256": "0" * 64}))
    world.until(lambda: page.problem.isVisible())
    assert "not the one" in page.problem.text()


# Components


def shown(dialog: ImportDialog, column: int) -> str:
    item = dialog.table.item(0, column)
    return item.text() if item is not None else ""


def test_components_are_previewed_taken_over_and_saved(world: GuiWorld, tmp_path: Path) -> None:
    world.record(1)
    page = open_page(world)
    file = tmp_path / "board.pos"
    file.write_text(
        "## Unit = mm\n# Ref Val Package PosX PosY Rot Side\nR1 10k R0603 2 2 0 top\nU1 x SOIC-8 8 9 90 bottom\n"
    )
    dialog = ImportDialog(page)
    dialog.take_file(file)
    assert dialog.table.rowCount() == 1 and "2 parts" not in dialog.understood.text()
    dialog.side.setCurrentIndex(1)
    assert shown(dialog, 0) == "U1"
    dialog.unit.setCurrentIndex(dialog.unit.findData("inch"))
    assert shown(dialog, 3) == "203.200"
    dialog.unit.setCurrentIndex(0)
    dialog.side.setCurrentIndex(0)
    page.take_parts(dialog)
    saved = page.save()
    assert saved is not None
    assert [c.reference for c in saved.components] == ["R1"]
    assert saved.component_frame.px_per_mm == (50.0, 50.0)
    assert saved.opportunity_count == 4


def test_a_file_that_cannot_be_read_is_said_and_not_taken(world: GuiWorld, tmp_path: Path) -> None:
    dialog = ImportDialog(world.window)
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    dialog.take_file(tmp_path / "bad.csv")
    dialog.show()
    assert dialog.problem.isVisible() and not dialog.take_button.isEnabled()
    assert dialog.components() == ()


def test_two_places_lay_all_components(world: GuiWorld) -> None:
    world.record(1)
    page = open_page(world)
    world.until(lambda: page.view.picture is not None)
    truth = BoardFrame(origin_px=(30, 600), px_per_mm=(40, 40), rotation_deg=2.0)
    page.components.take(components_of(PARTS), BoardFrame(origin_px=(0, 640), px_per_mm=(50, 50)))
    for part in PARTS[:2]:
        page.components.choose(part.reference)
        page.components.frame_form.place_button.click()
        x, y = truth.to_pixels(np.array([[part.x_mm, part.y_mm]]))[0]
        view = page.view.viewport
        left, top, _, _ = view.visible()
        at = QPoint(round((x / page.view.factor - left) * view.scale), round((y / page.view.factor - top) * view.scale))
        QTest.mouseClick(page.view, Qt.MouseButton.LeftButton, pos=at)
    frame = page.components.frame_form.frame()
    assert frame.px_per_mm == pytest.approx((40, 40), rel=0.05)
    assert frame.rotation_deg == pytest.approx(2.0, abs=1.5)
    places = np.array([(p.x_mm, p.y_mm) for p in PARTS])
    assert frame.to_pixels(places) == pytest.approx(truth.to_pixels(places), abs=4)
    page.view.grab()


def test_components_are_found_counted_and_removed(world: GuiWorld) -> None:
    page = open_page(world)
    panel = page.components
    panel.show_size((600, 640))
    panel.take(components_of(PARTS), BoardFrame(origin_px=(0, 640), px_per_mm=(50, 50)))
    assert "3 components" in panel.summary.text() and "joints of 1 not known" in panel.summary.text()
    panel.search.setText("soic")
    assert [panel.table.isRowHidden(row) for row in range(3)] == [True, False, True]
    panel.frame_form.fields[0].setValue(5_000)
    assert "3 beyond the board" in panel.summary.text()
    panel.clear_button.click()
    assert page.recipe().components == ()


# Codes, opportunities, trial, settings


def test_clashing_patterns_are_said_while_they_are_typed(world: GuiWorld) -> None:
    world.book.save(Recipe(name="other", changeover=Changeover(pattern=r"B\d+")))
    page = open_page(world)
    page.load(page.draft)
    page.product.pattern.setText("B1.*")
    page.product._on_edit()
    assert "other" in page.product.clash.text() and "B1" in page.product.clash.text()
    page.product.priority.setValue(3)
    assert page.product.clash.text() == ""
    page.product.pattern.setText("(")
    page.product._on_edit()
    assert page.product.clash.text()
    assert page.save() is None and page.problem.isVisible()


def test_what_the_product_tab_says_is_saved(world: GuiWorld) -> None:
    page = open_page(world)
    page.product.pattern.setText(r"A\d+")
    page.product.formats.setCurrentIndex(page.product.formats.findData("QRCode"))
    page.product.opportunities.setValue(512)
    page._on_drawn(DrawnRegion(CODE, region("label")))
    saved = page.save()
    assert saved is not None
    assert saved.changeover == Changeover(pattern=r"A\d+", formats=("QRCode",), code_region=region("label"))
    assert saved.opportunity_count == 512


def test_a_trial_lists_the_boards_that_would_change_and_can_be_stopped(world: GuiWorld) -> None:
    world.record(8, lambda k: (2, 3) if k % 2 else (0, 0))
    page = open_page(world)
    for row in page.rules.rows.values():
        row.enabled.setChecked(False)
    page.try_draft()
    world.until(lambda: page.trial_panel.trial is not None)
    trial = page.trial_panel.trial
    assert trial is not None and not trial.stopped
    assert page.trial_panel.table.rowCount() == len(trial.changed) == len(trial.now_passed) > 0
    page.trial_panel._stop.set()
    stopped = page.trial_panel._tried
    page.trial_panel._stop.clear()
    page.trial_panel.advanced.connect(lambda *_: page.trial_panel.stop(), Qt.ConnectionType.DirectConnection)
    assert stopped(page.recipe(), 8).boards == 8


def test_who_chooses_recipes_is_a_setting(world: GuiWorld) -> None:
    world.show()
    dialog = SettingsDialog(world.window)
    dialog.recipe.by.setCurrentIndex(dialog.recipe.by.findData("barcode"))
    dialog.recipe.unknown.setCurrentIndex(dialog.recipe.unknown.findData("stop"))
    assert dialog.apply()
    assert world.window.settings.changeover.model_dump() == {"by": "barcode", "unknown": "stop"}
    assert world.saved[-1].changeover.by == "barcode"
    dialog.close()
