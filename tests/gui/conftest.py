"""A window without a display, on a fake station and a real record."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from pathlib import Path

from aoi_app.camera.gige.device import GigeDevice
from aoi_app.camera.simulated import BoardSource
from tests.camera.boards import loopback
from tests.gui.camera_page import give_back
from tests.gui.world import GuiWorld


@pytest.fixture
def world(tmp_path: Path, qapp: object) -> Iterator[GuiWorld]:
    """Give a window that is not shown yet."""
    made = GuiWorld(tmp_path)
    yield made
    made.close()


@pytest.fixture
def serve(world: GuiWorld) -> Iterator[Callable[[int, BoardSource], str]]:
    """Give what serves boards as a GigE Vision camera and returns its source."""
    served: list[GigeDevice] = []

    def start(number: int, source: BoardSource) -> str:
        device = GigeDevice(source, loopback(number), gap_lines=64)
        device.start()
        served.append(device)
        return f"gige:{loopback(number)}"

    yield start
    give_back(world)
    for device in served:
        device.stop()
