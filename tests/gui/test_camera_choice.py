"""Which camera the camera page takes: found, chosen, written by hand, not there, busy."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QListWidgetItem

from aoi_app.camera.gige.device import GigeDevice
from aoi_app.core.settings import CameraSettings
from aoi_app.gui.camera.cameras import SOURCE
from aoi_app.gui.services import Choice
from aoi_app.gui.settings.dialog import SettingsDialog
from aoi_app.services import window_services
from tests.camera.boards import loopback, the_loopback
from tests.gui.camera_page import Lamp, give_back, needs_aravis, open_page, run
from tests.gui.world import GuiWorld

OURS = "AOI Line-scan simulator\nSIM-0001, 127.0.0.1"
LOOKS = 5


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
            shown: dict[str, QListWidgetItem] = {}
            for _ in range(LOOKS):
                world.until(page.search_button.isEnabled)
                shown = {entries.item(k).text(): entries.item(k) for k in range(entries.count())}
                if OURS in shown:
                    break
                # A camera that is slow to answer is found by the next look.
                page.search_button.click()
            entries.setCurrentItem(shown[OURS])
            run(world, page)
            assert page.session is not None and page.session.look.info is not None
            assert page.session.look.info.serial == "SIM-0001"
        finally:
            give_back(world)
            device.stop()


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
