"""The camera page on real cameras: the simulated line, and a GigE Vision device of our own over loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QComboBox, QLabel

from aoi_app.camera import aravis_library
from aoi_app.camera.conveyor import SourceBoard
from aoi_app.camera.flat_field import FlatField
from aoi_app.camera.gige.device import GigeDevice
from aoi_app.core.scan import PixelFormat, Pixels
from aoi_app.core.settings import CameraSettings
from aoi_app.gui.camera.cameras import SOURCE
from aoi_app.gui.camera.page import CameraPage
from aoi_app.gui.camera.session import Phase
from aoi_app.gui.log_panel import story
from aoi_app.gui.pages import PAGES
from aoi_app.gui.services import Choice
from aoi_app.gui.settings.dialog import SettingsDialog
from aoi_app.gui.theme import colour
from aoi_app.services import window_services
from aoi_app.station.status import EventKind, Level
from aoi_app.storage.accounts import Accounts, Role
from tests.camera.boards import loopback, the_loopback
from tests.gui.world import GuiWorld

NUMBER = [page.name for page in PAGES].index("camera")
BARE = CameraSettings(source="simulated:bare", line_rate=20_000.0, height=128)
needs_aravis = pytest.mark.skipif(
    aravis_library.missing() is not None, reason=str(aravis_library.missing() or "libaravis is there")
)


def open_page(world: GuiWorld, camera: CameraSettings = BARE, width: int = 512) -> CameraPage:
    world.window.take_settings(world.window.settings.with_changes(camera=camera.model_dump()))
    world.station.with_recipe(lambda r: r.model_copy(update={"width_px": width}))
    world.show()
    world.window.show_page(NUMBER)
    page = world.window.page("camera")
    assert isinstance(page, CameraPage)
    return page


def run(world: GuiWorld, page: CameraPage) -> None:
    """Open the camera that is chosen and wait for its lines."""
    page.open_button.click()
    world.until(lambda: page.session is not None and page.session.look.figures is not None)
    world.until(lambda: page.live.picture is not None)


def give_back(world: GuiWorld) -> None:
    """Have the page let its camera go, before the camera itself is switched off."""
    page = world.window.page("camera")
    assert isinstance(page, CameraPage)
    session = page.session
    page.release()
    if session is not None:
        assert session.join(10)


def value(page: CameraPage, name: str) -> str:
    return {f.name: f.value for f in page.features.model.features}[name]


def held(page: CameraPage) -> bool:
    """Tell whether the page holds a camera."""
    return page.session is not None


def edit(page: CameraPage, name: str, text: str) -> bool:
    """Write a value into the table."""
    model = page.features.model
    row = [f.name for f in model.features].index(name)
    index = model.index(row, 1)
    assert index.isValid() and model.features[row].value != text, (row, index, model.features)
    return model.setData(index, text)


class Lamp:
    """What an uneven line-scan sensor sees: nothing, or an even target."""

    def __init__(self) -> None:
        self.light = 0.0
        columns = np.arange(256)
        self.gain = 1.0 - 0.3 * np.abs(columns - 128) / 128
        self.dark = 4.0 + columns % 3

    def board(self, number: int) -> SourceBoard:
        level = np.clip(self.dark + self.light * self.gain, 0, 255)
        pixels: Pixels = np.repeat(level[None].astype(np.uint8), 64, axis=0)
        return SourceBoard(pixels, f"S{number}")


@pytest.fixture
def serve(world: GuiWorld) -> Iterator[Callable[..., str]]:
    """Give what serves boards as a GigE Vision camera and returns its source."""
    served: list[GigeDevice] = []

    def start(number: int, source: Callable[[int], SourceBoard | None]) -> str:
        device = GigeDevice(source, loopback(number), gap_lines=64)
        device.start()
        served.append(device)
        return f"gige:{loopback(number)}"

    yield start
    give_back(world)
    for device in served:
        device.stop()


# Which camera


def test_cameras_are_listed_and_what_is_missing_is_greyed_with_the_line_that_installs_it(world: GuiWorld) -> None:
    page = open_page(world)
    entries = page.cameras.entries
    world.until(lambda: entries.count() >= 3 and page.search_button.isEnabled())
    items = {entries.item(k).data(SOURCE): entries.item(k) for k in range(entries.count())}
    assert not items["gige"].flags() & Qt.ItemFlag.ItemIsSelectable
    assert "apt-get install libaravis-0.8-0" in items["gige"].text()
    entries.setCurrentItem(items["simulated:assembled"])
    assert page.cameras.source.text() == "simulated:assembled"


def test_a_camera_that_is_not_there_is_told_and_leaves_the_page_ready(world: GuiWorld) -> None:
    page = open_page(world)
    page.cameras.source.setText("no/such/folder")
    page.open_button.click()
    world.until(lambda: page.problem.isVisible())
    assert "no/such/folder" in page.problem.text()
    assert page.session is None and page.open_button.isEnabled()
    page.cameras.source.setText("simulated:bare")
    QTest.keyClick(page.cameras.source, Qt.Key.Key_Return)
    world.until(lambda: page.live.picture is not None)
    assert not page.problem.isVisible()


def test_neither_window_nor_dialog_waits_for_the_search(world: GuiWorld) -> None:
    answer = threading.Event()

    def slow() -> tuple[Choice, ...]:
        answer.wait(30)
        return ()

    world.window.services = replace(world.window.services, cameras=slow)
    try:
        page = open_page(world)
        world.until(lambda: not page.search_button.isEnabled())
        run(world, page)
        dialog = SettingsDialog(world.window)
        dialog.show()
        dialog.reject()
        world.window.close()
        assert not answer.is_set() and not dialog.isVisible() and not world.window.isVisible()
    finally:
        answer.set()


# The simulated line


def test_live_picture_profile_histogram_and_line_rate(world: GuiWorld) -> None:
    page = open_page(world)
    run(world, page)
    assert page.session is not None
    world.until(lambda: page.session is not None and page.session.look.line_rate is not None)
    look = page.session.look
    assert look.line_rate == pytest.approx(20_000, rel=0.01)
    assert look.figures is not None and look.figures.profile.shape == (512,)
    assert look.picture is not None and look.picture.shape[1] == 512
    world.until(lambda: page.cards.labels["Line rate, Hz"][0].text() == "20,000")
    assert page.cards.labels["Line rate, Hz"][1].text() == "set: 20,000 Hz"
    assert page.cards.labels["Lost lines"][0].text() == "0"
    assert page.cards.labels["Resent packets"][1].text() == "not counted here"
    assert not page.flat_button.isEnabled()
    page.grab()


def test_the_focus_evens_out_what_passes_by_and_its_best_begins_anew_with_other_settings(world: GuiWorld) -> None:
    page = open_page(world)
    run(world, page)
    world.until(lambda: page.cards.labels["Focus"][1].text().startswith("best: "))
    look = page.session.look if page.session else None
    assert look is not None and look.focus is not None and look.best_focus >= look.focus > 0
    assert edit(page, "Height", "64")
    world.until(lambda: page.cards.labels["Focus"][1].text() == "")


def test_lost_lines_are_counted_and_stay_counted_when_a_value_changes(world: GuiWorld) -> None:
    faults = CameraSettings(source="simulated:bare", line_rate=50_000.0, options={"faults": "lose_lines@0:300x5"})
    page = open_page(world, faults)
    run(world, page)
    world.until(lambda: page.cards.labels["Lost lines"][0].text() == "⚠ 5")
    assert edit(page, "AcquisitionLineRate", "9000")
    world.until(lambda: page.draft.line_rate == 9_000)
    world.until(lambda: value(page, "AcquisitionLineRate") == "9000")
    assert page.session is not None and page.session.look.counters["lost_lines"] >= 5


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


def test_a_camera_that_is_gone_is_told_and_can_be_opened_again(world: GuiWorld) -> None:
    page = open_page(world, BARE.model_copy(update={"options": {"faults": "vanish@0:300x0.3"}}))
    page.open_button.click()
    world.until(page.problem.isVisible)
    assert page.problem.text().startswith("The simulated camera is gone.")
    assert page.open_button.isEnabled() and not page.use_button.isEnabled()


def test_who_may_not_change_settings_may_not_take_the_camera(world: GuiWorld) -> None:
    accounts = Accounts(world.folder)
    anna = accounts.create_first("Anna", "4711")
    otto = accounts.create(anna, "Otto", "1234", Role.OPERATOR)
    page = open_page(world)
    world.until(lambda: not world.window.session.open_to_all)
    world.until(lambda: not page.open_button.isEnabled())
    page.open()
    assert not held(page)
    world.window.session.take(anna)
    world.until(page.open_button.isEnabled)
    run(world, page)
    session = page.session
    assert session is not None
    world.window.session.take(otto)
    world.until(lambda: session.ended)
    accounts.close()


def test_language_and_theme_are_switched_while_the_camera_runs(world: GuiWorld) -> None:
    page = open_page(world)
    run(world, page)
    world.window.set_language("zh")
    world.window.set_theme("light")
    world.until(lambda: page.cards.labels["Line rate, Hz"][1].text() == "设定：20,000 Hz")
    assert page.open_button.text() == "释放相机"
    assert page.session is not None and page.session.look.phase is Phase.RUNNING
    page.grab()


# Who holds the camera


def test_while_the_line_runs_the_page_holds_nothing_until_it_has_stopped_the_line(world: GuiWorld) -> None:
    page = open_page(world)
    world.station.start()
    world.until(lambda: page.held.isVisible())
    assert not page.open_button.isEnabled()
    page.open()
    assert page.session is None
    page.stop_button.click()
    world.until(lambda: page.live.picture is not None)
    assert "stop" in world.station.calls and not page.held.isVisible()


def test_starting_the_line_takes_the_camera_from_the_page(world: GuiWorld) -> None:
    page = open_page(world)
    run(world, page)
    session = page.session
    assert session is not None
    world.station.start()
    world.until(lambda: session.ended)
    assert page.session is None and page.held.isVisible()


def test_leaving_the_page_gives_the_camera_back(world: GuiWorld) -> None:
    page = open_page(world)
    run(world, page)
    session = page.session
    assert session is not None
    world.window.show_page(0)
    world.until(lambda: session.ended)
    assert session.look.phase is Phase.CLOSED
    world.window.show_page(NUMBER)
    assert page.session is None
    run(world, page)


def test_closing_the_window_gives_the_camera_back(world: GuiWorld) -> None:
    page = open_page(world)
    run(world, page)
    session = page.session
    assert session is not None
    world.window.close()
    assert session.ended


def test_a_camera_that_is_back_is_told_on_screen_and_in_the_log(world: GuiWorld) -> None:
    world.show()
    what = "The camera is back after 4.2 s; all settings were applied again."
    world.station.journal.add(Level.INFO, "camera", what, kind=EventKind.RECONNECTED)
    world.until(lambda: [toast.event_shown.what for toast in world.window.toasts.shown] == [what])
    event = world.window.log.model.event_at(0)
    assert event is not None and "RECONNECTED" in story(event)
    world.window.set_language("zh")
    assert any("4.2 秒后恢复" in label.text() for label in world.window.toasts.findChildren(QLabel))


# A GigE Vision camera


@needs_aravis
def test_a_camera_that_answers_is_listed_with_maker_serial_and_address(
    world: GuiWorld,
) -> None:
    found = window_services(world.book, world.folder, world.folder / "s.json", lambda scan, recipe: None).cameras
    world.window.services = replace(world.window.services, cameras=found)
    lamp = Lamp()
    lamp.light = 90
    with the_loopback() as address:
        device = GigeDevice(lamp.board, address, gap_lines=64)
        device.start()
        try:
            page = open_page(world)
            entries = page.cameras.entries
            world.until(page.search_button.isEnabled)
            shown = {entries.item(k).text(): entries.item(k) for k in range(entries.count())}
            entries.setCurrentItem(shown["AOI Line-scan simulator\nSIM-0001, 127.0.0.1"])
            run(world, page)
            assert page.session is not None and page.session.look.info is not None
            assert page.session.look.info.serial == "SIM-0001"
        finally:
            give_back(world)
            device.stop()


@pytest.mark.link
@needs_aravis
def test_left_page_leaves_the_gige_camera_to_the_line(world: GuiWorld, serve: Callable[..., str]) -> None:
    from aoi_app.camera.aravis import AravisCamera

    page = open_page(world, CameraSettings(source=serve(84, Lamp().board), line_rate=4_000.0, height=32), 256)
    run(world, page)
    session = page.session
    assert session is not None
    world.window.show_page(0)
    world.until(lambda: session.ended)
    station = AravisCamera(loopback(84), busy_s=0.1)
    station.open()
    station.close()


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


@needs_aravis
def test_the_flat_field_is_captured_saved_and_used(world: GuiWorld, serve: Callable[..., str], tmp_path: Path) -> None:
    lamp = Lamp()
    source = serve(82, lamp.board)
    file = tmp_path / "flat" / "field.npz"
    world.window.services = replace(world.window.services, flat_field_file=lambda info: file)
    page = open_page(world, CameraSettings(source=source, line_rate=10_000.0, height=32), 256)
    run(world, page)
    world.until(page.flat_button.isEnabled)
    page.flat_button.click()
    panel = page.flat_field
    panel.lines.setValue(128)
    buttons = [button for _, button, _ in panel._rows]
    world.until(buttons[0].isEnabled)
    buttons[0].click()
    world.until(lambda: panel.step == 1 and buttons[1].isEnabled())
    buttons[1].click()
    world.until(lambda: page.problem.isVisible())
    assert "bright" in page.problem.text() and panel.step == 1
    lamp.light = 160
    world.spin(0.5)
    buttons[1].click()
    world.until(lambda: panel.step == 2 and buttons[2].isEnabled())
    buttons[2].click()
    world.until(lambda: world.saved[-1].camera.options.get("flat_field") == str(file))
    assert FlatField.load(file).gain == pytest.approx(1 / lamp.gain * np.median(lamp.gain), rel=0.03)
    world.until(lambda: page.session is not None and page.session.look.figures is not None)
    world.spin(0.5)
    assert page.session is not None and page.session.look.figures is not None
    profile = page.session.look.figures.profile
    assert profile.max() - profile.min() <= 3
    page.grab()


@needs_aravis
def test_a_camera_that_another_holds_says_so(world: GuiWorld, serve: Callable[..., str]) -> None:
    from aoi_app.camera.aravis import AravisCamera

    source = serve(83, Lamp().board)
    holder = AravisCamera(loopback(83))
    holder.open()
    try:
        world.window.services = replace(
            world.window.services,
            create_camera=lambda settings: AravisCamera(loopback(83), settings.options, busy_s=0.2),
        )
        page = open_page(world, CameraSettings(source=source, line_rate=4_000.0, height=32), 256)
        page.open_button.click()
        world.until(lambda: page.problem.isVisible())
        assert "holds the camera" in page.problem.text() and "127." in page.problem.text()
        assert "viewer" in page.problem.text()
    finally:
        holder.close()
