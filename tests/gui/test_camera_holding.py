"""Who holds the camera: the line, the camera page, nobody."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from aoi_app.core.settings import CameraSettings
from aoi_app.gui.camera.session import Phase
from aoi_app.storage.accounts import Accounts, Role
from tests.camera.boards import loopback
from tests.gui.camera_page import NUMBER, Lamp, held, needs_aravis, open_page, run
from tests.gui.world import GuiWorld


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


def test_closing_the_window_gives_the_camera_back(world: GuiWorld) -> None:
    page = open_page(world)
    run(world, page)
    session = page.session
    assert session is not None
    world.window.close()
    assert session.ended
