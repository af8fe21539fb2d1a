"""The camera page on the vendors' own stacks: pylon's emulator, and a GenTL producer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt

from aoi_app.camera import gentl, pylon
from aoi_app.core.settings import CameraSettings
from aoi_app.gui.camera.cameras import SOURCE
from aoi_app.gui.camera.page import CameraPage
from aoi_app.services import window_services
from tests.gui.camera_page import edit, give_back, open_page, run, value
from tests.gui.world import GuiWorld


@dataclass
class Stack:
    """A vendor's stack: what its first camera is listed as, and a feature to change."""

    driver: str
    options: Mapping[str, int | float | str]
    rate: float
    feature: str
    text: str
    unit: str
    read_only: str


PYLON = Stack(
    "pylon", {"board_lines": 128, "ExposureTimeAbs": 100.0}, 3_200.0, "ExposureTimeAbs", "250", "us", "SensorWidth"
)
VIKY = Stack("gentl", {"board_lines": 400}, 10_000.0, "AcquisitionFrameRate", "40", "Hz", "PayloadSize")


@pytest.fixture(params=[PYLON, VIKY], ids=lambda stack: stack.driver)
def stack(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    chosen: Stack = request.param
    missing: Callable[[], Exception | None] = {"pylon": pylon.missing, "gentl": gentl.missing}[chosen.driver]
    reason = missing()
    if reason is not None:
        pytest.skip(str(reason))
    if chosen is PYLON:
        monkeypatch.setenv("PYLON_CAMEMU", "1")
    else:
        import genicam

        monkeypatch.setenv(gentl.PRODUCERS_VARIABLE, str(Path(genicam.__file__).parent))
    yield chosen


def listed(world: GuiWorld, page: CameraPage, driver: str) -> str:
    """Search, choose the driver's first camera from the list, and return its source."""
    entries = page.cameras.entries
    page.search()
    world.until(page.search_button.isEnabled)
    items = [entries.item(k) for k in range(entries.count())]
    item = next(
        i for i in items if str(i.data(SOURCE)).startswith(f"{driver}:") and i.flags() & Qt.ItemFlag.ItemIsEnabled
    )
    entries.setCurrentItem(item)
    return str(item.data(SOURCE))


def test_a_camera_is_found_adjusted_and_used_on_the_line(world: GuiWorld, stack: Stack) -> None:
    own = window_services(world.book, world.folder, world.folder / "s.json", lambda scan, recipe: None)
    world.window.services = replace(world.window.services, cameras=own.cameras, create_camera=own.create_camera)
    page = open_page(world, width=400)
    try:
        source = listed(world, page, stack.driver)
        settings = CameraSettings(
            source=source, line_rate=stack.rate, height=32 if stack is PYLON else 200, options=dict(stack.options)
        )
        world.window.take_settings(world.window.settings.with_changes(camera=settings.model_dump()))
        run(world, page)
        session = page.session
        assert session is not None and session.look.applied is not None and session.look.applied.width == 400
        features = {f.name: f for f in page.features.model.features}
        assert features[stack.feature].unit == stack.unit and " to " in features[stack.feature].limits
        assert not features[stack.read_only].writable and features["Width"].writable
        assert "Mono8" in features["PixelFormat"].limits.split(", ")
        assert edit(page, stack.feature, stack.text)
        world.until(lambda: value(page, stack.feature) == stack.text)
        world.until(lambda: page.cards.labels["Incomplete blocks"][0].text() == "0")
        assert edit(page, stack.feature, "-5")
        world.until(page.problem.isVisible)
        assert stack.feature in page.problem.text()
        page.use_button.click()
        assert world.saved[-1].camera.options[stack.feature] == int(stack.text)
        page.grab()
    finally:
        give_back(world)
