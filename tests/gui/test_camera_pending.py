"""The camera page and a camera that asks for more time for ever."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aoi_app.camera import bounded_camera
from aoi_app.camera.gige.device import GigeDevice
from aoi_app.camera.gige.registers import CONTROL_PRIVILEGE
from aoi_app.core.settings import CameraSettings
from tests.camera.boards import loopback
from tests.gui.camera_page import Lamp, edit, give_back, needs_aravis, open_page, run
from tests.gui.world import GuiWorld

pytestmark = [pytest.mark.link, needs_aravis]
ADDRESS = loopback(87)


@pytest.fixture
def served(world: GuiWorld, monkeypatch: pytest.MonkeyPatch) -> Iterator[GigeDevice]:
    for name in ("ANSWER_S", "CLOSE_S"):
        monkeypatch.setattr(bounded_camera, name, 1.0)
    device = GigeDevice(Lamp().board, ADDRESS, gap_lines=64)
    device.start()
    yield device
    give_back(world)
    device.stop()


@pytest.mark.parametrize("use", ["read", "set", "leave"])
def test_the_page_gives_up_a_camera_that_does_not_answer_and_opens_it_again_when_it_does(
    world: GuiWorld, served: GigeDevice, use: str
) -> None:
    settings = CameraSettings(source=f"gige:{ADDRESS}", line_rate=4_000.0, height=32)
    page = open_page(world, settings, 256)
    run(world, page)
    session = page.session
    assert session is not None
    served._control.ask_for_time(1e9)
    if use == "read":
        page.features.refresh.emit()
    elif use == "set":
        assert edit(page, "ExposureTime", "44")
    else:
        page.release()
    world.until(lambda: session.ended)
    if use != "leave":
        world.until(page.problem.isVisible)
        assert "is given up" in page.problem.text() and ADDRESS in page.problem.text()
    served._control.ask_for_time(0.0)
    world.until(lambda: served.registers.number(CONTROL_PRIVILEGE) == 0)
    run(world, page)
