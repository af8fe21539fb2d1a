"""The flat field, captured on the camera page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from aoi_app.camera.flat_field import FlatField
from aoi_app.core.settings import CameraSettings
from aoi_app.gui.camera.page import CameraPage
from tests.gui.camera_page import Lamp, needs_aravis, open_page, run
from tests.gui.world import GuiWorld

SLOPE = np.arange(100, dtype=np.float32)


def profile_of(page: CameraPage) -> NDArray[np.float32]:
    """Return the line profile on show; of no camera, a slope."""
    look = page.session.look if page.session is not None else None
    return look.figures.profile if look is not None and look.figures is not None else SLOPE


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
    world.until(lambda: bool(profile_of(page).mean() > 100))
    buttons[1].click()
    world.until(lambda: panel.step == 2 and buttons[2].isEnabled())
    buttons[2].click()
    world.until(lambda: world.saved[-1].camera.options.get("flat_field") == str(file))
    assert FlatField.load(file).gain == pytest.approx(1 / lamp.gain * np.median(lamp.gain), rel=0.03)
    world.until(lambda: bool(np.ptp(profile_of(page)) <= 3))
    page.grab()


@needs_aravis
def test_dark_lines_with_light_in_them_are_refused_and_what_was_taken_can_be_taken_again(
    world: GuiWorld, serve: Callable[..., str]
) -> None:
    lamp = Lamp()
    lamp.light = 160
    page = open_page(world, CameraSettings(source=serve(86, lamp.board), line_rate=10_000.0, height=32), 256)
    run(world, page)
    world.until(page.flat_button.isEnabled)
    page.flat_button.click()
    panel = page.flat_field
    panel.lines.setValue(128)
    dark, bright = (button for _, button, _ in panel._rows[:2])
    world.until(dark.isEnabled)
    dark.click()
    world.until(lambda: page.problem.isVisible() and dark.isEnabled())
    assert "not dark" in page.problem.text() and panel.step == 0 and not bright.isEnabled()
    lamp.light = 0
    world.until(lambda: bool(profile_of(page).mean() < 10))
    for _ in range(2):
        dark.click()
        world.until(lambda: panel.step == 1 and dark.isEnabled() and bright.isEnabled())
    assert len(panel.pictures) == 1 and not page.problem.isVisible()
