"""A camera's features on the camera page: set in its own words, refused with their limits, used on the line."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox

from aoi_app.core.scan import PixelFormat
from aoi_app.core.settings import CameraSettings
from aoi_app.gui.camera.session import Phase
from aoi_app.gui.theme import colour
from tests.gui.camera_page import BARE, Lamp, edit, needs_aravis, open_page, run, value
from tests.gui.world import GuiWorld


def test_use_this_camera_writes_the_settings(world: GuiWorld) -> None:
    page = open_page(world)
    run(world, page)
    assert not page.use_button.isEnabled()
    assert edit(page, "Height", "64")
    world.until(lambda: page.use_button.isEnabled())
    page.use_button.click()
    assert world.saved[-1].camera == BARE.model_copy(update={"height": 64})
    assert world.station.settings == world.saved[-1]
    assert not page.use_button.isEnabled()


@pytest.mark.parametrize("text", ["fast", "-1", "99999999"])
def test_a_value_that_cannot_be_is_refused_and_the_camera_goes_on(world: GuiWorld, text: str) -> None:
    page = open_page(world)
    run(world, page)
    edit(page, "AcquisitionLineRate", text)
    world.until(lambda: page.problem.isVisible())
    assert "AcquisitionLineRate" in page.problem.text()
    assert page.draft == BARE
    assert page.session is not None and page.session.look.phase is Phase.RUNNING
    before = page.session.look.heard_s
    world.until(lambda: page.session is not None and page.session.look.heard_s > before)


def test_a_value_is_edited_with_the_keyboard_alone(world: GuiWorld) -> None:
    page = open_page(world)
    run(world, page)
    table = page.features.table
    page.features.finder.setFocus()
    QTest.keyClicks(page.features.finder, "pixelf")
    assert table.model().rowCount() == 1
    page.features.focusNextPrevChild(True)
    page.features.focusNextPrevChild(True)
    assert table.hasFocus()
    table.setCurrentIndex(table.model().index(0, 1))
    QTest.keyClick(table, Qt.Key.Key_F2)
    box = table.findChild(QComboBox)
    assert box is not None and box.currentText() == "Mono8"
    QTest.keyClick(box.view(), Qt.Key.Key_Down)
    QTest.keyClick(box.view(), Qt.Key.Key_Return)
    world.until(lambda: page.draft.pixel_format is PixelFormat.RGB8)
    world.until(lambda: page.live.picture is not None and page.live.picture.ndim == 3)


@needs_aravis
def test_what_only_the_camera_sets_is_greyed(world: GuiWorld, serve: Callable[..., str]) -> None:
    page = open_page(world, CameraSettings(source=serve(85, Lamp().board), line_rate=4_000.0, height=32), 256)
    run(world, page)
    model = page.features.model
    row = [f.name for f in model.features].index("SensorWidth")
    cell, other = model.index(row, 1), model.index([f.name for f in model.features].index("Width"), 1)
    assert not cell.flags() & Qt.ItemFlag.ItemIsEditable and other.flags() & Qt.ItemFlag.ItemIsEditable
    assert cell.data(Qt.ItemDataRole.ForegroundRole) == colour("faint") != other.data(Qt.ItemDataRole.ForegroundRole)
    assert "alone sets" in str(cell.data(Qt.ItemDataRole.ToolTipRole))
    assert not edit(page, "SensorWidth", "100")
    page.features.refresh.emit()
    world.until(lambda: not page._answers.busy)
    assert model.features[model.index(other.row(), 1).row()].writable
    assert "SensorWidth" not in page.draft.options
    assert page.session is not None and page.session.look.phase is Phase.RUNNING


@pytest.mark.link
@needs_aravis
def test_features_of_a_gige_camera_in_its_own_words(world: GuiWorld, serve: Callable[..., str]) -> None:
    lamp = Lamp()
    lamp.light = 120
    source = serve(81, lamp.board)
    page = open_page(world, CameraSettings(source=source, line_rate=4_000.0, height=32), 256)
    run(world, page)
    features = {f.name: f for f in page.features.model.features}
    assert (features["ExposureTime"].unit, features["ExposureTime"].limits) == ("us", "1 to 10000")
    assert features["PixelFormat"].limits.startswith("Mono8")
    assert edit(page, "ExposureTime", "77")
    world.until(lambda: value(page, "ExposureTime") == "77")
    assert edit(page, "TriggerSelector", "LineStart")
    world.until(lambda: value(page, "TriggerSelector") == "LineStart")
    assert edit(page, "TriggerMode", "Off")
    world.until(lambda: "TriggerMode[TriggerSelector=LineStart]" in page.draft.options)
    assert edit(page, "PixelFormat", "Mono12")
    world.until(lambda: value(page, "PixelFormat") == "Mono12")
    assert edit(page, "ExposureTime", "1000000")
    world.until(lambda: page.problem.isVisible())
    assert "ExposureTime" in page.problem.text()
    assert page.draft.options["ExposureTime"] == 77
    world.until(lambda: "n_resent_packets" in (page.session.look.counters if page.session else {}))
    world.until(lambda: page.cards.labels["Resent packets"][0].text() == "0")
    page.use_button.click()
    saved = world.saved[-1].camera
    assert saved.source == source and saved.options["pixel_format"] == "Mono12"
    page.grab()
