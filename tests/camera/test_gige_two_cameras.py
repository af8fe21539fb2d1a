"""Two GigE Vision cameras on one network: neither sees a line of the other."""

from __future__ import annotations

import numpy as np
import pytest

from aoi_app.camera import aravis_library
from aoi_app.camera.aravis import AravisCamera
from aoi_app.core.protocols import AcquisitionConfig
from aoi_app.core.scan import Pixels
from tests.camera.boards import device, loopback

pytestmark = pytest.mark.skipif(
    aravis_library.missing() is not None, reason=str(aravis_library.missing() or "libaravis is there")
)
STARTS, BLOCKS = 25, 3
CONFIG = AcquisitionConfig(height=16, acquisition_line_rate=20_000.0)


def even(grey: int) -> list[Pixels]:
    return [np.full((64, 256), grey, np.uint8)]


def test_a_camera_that_starts_while_another_streams_delivers_only_its_own_lines() -> None:
    with device(even(50), loopback(52), repeat=True), device(even(200), loopback(53), repeat=True):
        mine, other = AravisCamera(loopback(52)), AravisCamera(loopback(53))
        try:
            for camera in (mine, other):
                camera.open()
                camera.configure(CONFIG)
            other.start_acquisition()
            for _ in range(STARTS):
                mine.start_acquisition()
                blocks = [block for block in (mine.fetch(20.0) for _ in range(BLOCKS)) if block is not None]
                mine.stop_acquisition()
                assert [int(grey) for block in blocks for grey in np.unique(block.pixels)] == [50] * BLOCKS
                assert [block.frame_id for block in blocks] == sorted(block.frame_id for block in blocks)
        finally:
            mine.close()
            other.close()
