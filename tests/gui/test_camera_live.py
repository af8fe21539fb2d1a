"""What the camera page shows of a camera that runs, on the simulated line."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QLabel

from aoi_app.core.settings import CameraSettings
from aoi_app.gui.camera.session import Phase
from aoi_app.gui.log_panel import story
from aoi_app.station.status import EventKind, Level
from tests.gui.camera_page import BARE, edit, open_page, run, value
from tests.gui.world import GuiWorld


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


def test_a_camera_that_is_gone_is_told_and_can_be_opened_again(world: GuiWorld) -> None:
    page = open_page(world, BARE.model_copy(update={"options": {"faults": "vanish@0:300x0.3"}}))
    page.open_button.click()
    world.until(page.problem.isVisible)
    assert page.problem.text().startswith("The simulated camera is gone.")
    assert "open the camera again" in page.problem.text()
    assert page.open_button.isEnabled() and not page.use_button.isEnabled()


def test_language_and_theme_are_switched_while_the_camera_runs(world: GuiWorld) -> None:
    page = open_page(world)
    run(world, page)
    world.window.set_language("zh")
    world.window.set_theme("light")
    world.until(lambda: page.cards.labels["Line rate, Hz"][1].text() == "设定：20,000 Hz")
    assert page.open_button.text() == "释放相机"
    assert page.session is not None and page.session.look.phase is Phase.RUNNING
    page.grab()


def test_a_camera_that_is_back_is_told_on_screen_and_in_the_log(world: GuiWorld) -> None:
    world.show()
    what = "The camera is back after 4.2 s; all settings were applied again."
    world.station.journal.add(Level.INFO, "camera", what, kind=EventKind.RECONNECTED)
    world.until(lambda: [toast.event_shown.what for toast in world.window.toasts.shown] == [what])
    event = world.window.log.model.event_at(0)
    assert event is not None and "RECONNECTED" in story(event)
    world.window.set_language("zh")
    assert any("4.2 秒后恢复" in label.text() for label in world.window.toasts.findChildren(QLabel))
