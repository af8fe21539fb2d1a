"""The settings dialog: what it offers, what it changes, what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from PySide6.QtGui import QKeySequence, QStandardItemModel
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QLineEdit, QSpinBox

from aoi_app.core.errors import EngineError
from aoi_app.core.recipe import ClassRule, Recipe
from aoi_app.gui.review.page import ReviewPage
from aoi_app.gui.settings.dialog import SettingsDialog
from tests.gui.world import GuiWorld


@pytest.fixture
def dialog(world: GuiWorld) -> Iterator[SettingsDialog]:
    world.show()
    made = SettingsDialog(world.window)
    made.show()
    world.until(lambda: made.camera.found.isEnabled())
    yield made
    made.done(0)


def test_apply_changes_the_running_station_and_is_kept(world: GuiWorld, dialog: SettingsDialog) -> None:
    world.station.start()
    dialog.camera.found.setCurrentIndex(dialog.camera.found.findData("simulated:assembled"))
    dialog.camera.rate.setValue(6_000)
    dialog.camera.options.rest.setPlainText('{"gap_lines": 50}')
    dialog.model.precision.setCurrentIndex(1)
    assert dialog.apply()
    applied = world.station.settings
    assert applied.camera.source == "simulated:assembled"
    assert applied.camera.line_rate == 6_000
    assert applied.camera.options == {"gap_lines": 50}
    assert applied.precision == "fp16"
    assert world.saved[-1] == applied
    assert world.station.calls.count("stop") == 0


def test_nothing_changed_disturbs_nothing(world: GuiWorld, dialog: SettingsDialog) -> None:
    assert dialog.apply()
    assert world.station.calls == []
    assert world.saved == []


def test_cancel_changes_nothing(world: GuiWorld, dialog: SettingsDialog) -> None:
    dialog.camera.rate.setValue(123)
    dialog.reject()
    assert world.station.calls == []


def test_a_rate_of_zero_is_as_fast_as_it_goes(world: GuiWorld, dialog: SettingsDialog) -> None:
    dialog.camera.rate.setValue(0)
    assert dialog.apply()
    assert world.station.settings.camera.line_rate is None


def test_thresholds_make_a_new_revision(world: GuiWorld, dialog: SettingsDialog) -> None:
    before = world.station.recipe
    dialog.recipe.rules.rows["spur"].confidence.setValue(72.5)
    dialog.recipe.max_lines.setValue(9_000)
    assert dialog.apply()
    after = world.station.recipe
    assert after.rules["spur"] == ClassRule(min_confidence=0.725)
    assert after.rules["short"] == before.rules["short"]
    assert "pin-hole" not in after.rules
    assert after.max_lines == 9_000
    assert world.book.load("default") == after
    revision = after.revision
    assert dialog.apply()
    assert world.station.recipe.revision == revision


@pytest.mark.parametrize("text", ["{broken", "[1, 2]"])
def test_options_that_are_no_json_object_are_refused(world: GuiWorld, dialog: SettingsDialog, text: str) -> None:
    dialog.camera.options.rest.setPlainText(text)
    assert not dialog.apply()
    assert dialog._problem.isVisible() and dialog._problem.text()
    assert world.station.calls == []


def test_lengths_the_wrong_way_round_are_refused(world: GuiWorld, dialog: SettingsDialog) -> None:
    dialog.recipe.min_lines.setValue(500)
    dialog.recipe.max_lines.setValue(400)
    assert not dialog.apply()
    assert "min_lines is 500, more than max_lines, 400" in dialog._problem.text()
    assert "use_recipe" not in world.station.calls


def test_what_is_not_installed_is_greyed_with_the_line_that_installs_it(dialog: SettingsDialog) -> None:
    box = dialog.model.runtime
    row = box.findData("tensorrt")
    model = box.model()
    assert isinstance(model, QStandardItemModel)
    assert not model.item(row).isEnabled()
    assert "not installed" in box.itemText(row)
    assert 'AOI_EXTRAS="tensorrt" bash installer/run' in dialog.model._about_runtime.text()
    assert model.item(box.findData("onnxruntime")).isEnabled()


def test_options_of_a_runtime_are_kept_each_for_itself(world: GuiWorld, dialog: SettingsDialog) -> None:
    runtime, options = dialog.model.runtime, dialog.model.options
    assert set(options.editors) == {"provider", "threads"}
    threads = options.editors["threads"]
    assert isinstance(threads, QSpinBox)
    threads.setValue(2)
    runtime.setCurrentIndex(runtime.findData("triton"))
    url, timeout, tls, local = (options.editors[name] for name in ("url", "timeout_s", "tls", "local"))
    assert isinstance(url, QLineEdit) and isinstance(timeout, QDoubleSpinBox)
    assert isinstance(tls, QCheckBox) and isinstance(local, QComboBox)
    url.setText(" inspection:8001 ")
    timeout.setValue(0.5)
    tls.setChecked(True)
    local.setCurrentIndex(local.findData(""))
    assert dialog.apply()
    applied = world.station.settings
    triton = {"url": "inspection:8001", "timeout_s": 0.5, "tls": True, "local": ""}
    assert applied.runtime == "triton" and applied.engine_options == triton
    assert applied.runtime_options == {"onnxruntime": {"threads": 2}, "triton": triton}
    assert world.saved[-1] == applied
    assert world.station.calls.count("stop") == 0
    runtime.setCurrentIndex(runtime.findData("onnxruntime"))
    back = options.editors["threads"]
    assert isinstance(back, QSpinBox) and back.value() == 2
    back.setValue(0)
    assert dialog.apply()
    assert world.station.settings.runtime_options == {"triton": triton}, "a default is not kept"


def test_the_trial_says_which_runtime_is_faster_and_switches_nothing(world: GuiWorld) -> None:
    asked: list[str] = []
    answers: list[str | Exception] = [
        "ONNX Runtime is the faster one here: 80 tiles a second, OpenVINO 60.",
        EngineError("There are no images to measure on.", "Put some of the plant's own boards in its folder."),
    ]

    def measure(model: str) -> str:
        asked.append(model)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    world.show()
    world.window.services = replace(world.window.services, try_runtimes=measure)
    dialog = SettingsDialog(world.window)
    dialog.show()
    tab = dialog.model
    tab.measure.click()
    assert not tab.measure.isEnabled()
    world.until(tab.measure.isEnabled)
    assert tab.measured.text().startswith("ONNX Runtime is the faster one here")
    tab.measure.click()
    world.until(tab.measure.isEnabled)
    assert tab.measured.text().startswith("There are no images to measure on. Put some")
    assert asked == [world.station.settings.model] * 2
    assert dialog.apply() and world.saved == []
    dialog.done(0)


def test_language_and_theme_take_effect_at_once(world: GuiWorld, dialog: SettingsDialog) -> None:
    dialog.look.language.setCurrentIndex(dialog.look.language.findData("zh"))
    dialog.look.theme.setCurrentIndex(dialog.look.theme.findData("light"))
    assert dialog.apply()
    assert world.window.line.tile.word == "等待"
    assert dialog.windowTitle() == "设置"
    assert (world.saved[-1].language, world.saved[-1].theme) == ("zh", "light")


def test_loading_another_recipe_shows_its_limits(world: GuiWorld, dialog: SettingsDialog) -> None:
    other = world.station.recipe.model_copy(update={"name": "other", "max_lines": 777})
    world.book.save(other)
    dialog.done(0)
    again = SettingsDialog(world.window)
    again.recipe.name.setCurrentText("other")
    assert again.recipe.max_lines.value() == 777
    assert again.apply()
    assert world.station.recipe.name == "other"
    assert world.saved[-1].recipe == "other"
    again.done(0)


def test_review_keys_are_changed_and_work_at_once(world: GuiWorld, dialog: SettingsDialog) -> None:
    world.window.show_page(1)
    page = world.window.page("review")
    assert isinstance(page, ReviewPage)
    dialog.keys.edits["confirm"].setKeySequence(QKeySequence("F2"))
    assert dialog.apply()
    assert world.saved[-1].review_keys == {"confirm": "F2"}
    assert page._shortcuts["confirm"].key() == QKeySequence("F2")
    assert page._shortcuts["reject"].key() == QKeySequence("2")
    assert "[F2]" in page.view.buttons["confirm"].text()


def test_one_key_for_two_acts_is_refused(world: GuiWorld, dialog: SettingsDialog) -> None:
    dialog.keys.edits["confirm"].setKeySequence(QKeySequence("2"))
    assert not dialog.apply()
    assert "is given to 2 acts" in dialog._problem.text()
    assert world.saved == []


def test_another_line_brings_the_recipe_that_goes_with_it(world: GuiWorld, dialog: SettingsDialog) -> None:
    before, asked = world.station.recipe, []
    other = before.model_copy(update={"name": "any-board", "revision": 1})

    def recipe_of_line(source: str, current: str) -> Recipe | None:
        asked.append((source, current))
        return None if source == "scans/" else other

    world.window.services = replace(world.window.services, recipe_of_line=recipe_of_line)
    settings = world.station.settings
    world.window.take_settings(settings.with_changes(camera={"source": "scans/"}))
    assert world.station.recipe == before
    world.window.take_settings(settings)
    assert asked == [("scans/", before.name), (settings.camera.source, before.name)]
    assert world.station.recipe == other
    assert world.saved[-1].recipe == "any-board"
