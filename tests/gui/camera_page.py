"""The camera page in tests: opened, run, edited; and what an uneven sensor sees."""

from __future__ import annotations

import numpy as np
import pytest

from aoi_app.camera import aravis_library
from aoi_app.camera.conveyor import SourceBoard
from aoi_app.core.scan import Pixels
from aoi_app.core.settings import CameraSettings
from aoi_app.gui.camera.page import CameraPage
from aoi_app.gui.pages import PAGES
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
