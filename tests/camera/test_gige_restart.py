"""A GigE Vision device whose client stops and starts it while a block is on its way out."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from aoi_app.camera import aravis_library
from aoi_app.camera.aravis import AravisCamera
from aoi_app.camera.gige.device import GigeDevice
from aoi_app.camera.gige.link_faults import LinkFaults
from aoi_app.core.protocols import AcquisitionConfig
from tests.camera.boards import loopback, pictures, source_of

pytestmark = pytest.mark.skipif(
    aravis_library.missing() is not None, reason=str(aravis_library.missing() or "libaravis is there")
)
WAIT_S = 30.0


class Gate(LinkFaults):
    """Holds packets back while it is shut, as a machine does that has no time for the thread that sends them."""

    def __init__(self) -> None:
        super().__init__()
        self.open, self.waited_at = threading.Event(), threading.Event()
        self.open.set()

    def loses(self) -> bool:
        if not self.open.is_set():
            self.waited_at.set()
            self.open.wait(WAIT_S)
        return super().loses()


def test_a_device_that_is_slow_to_stop_begins_anew_all_the_same() -> None:
    gate, board = Gate(), pictures(1)[0]
    served = GigeDevice(source_of([board], repeat=True), loopback(51), gap_lines=64, link=gate)
    served.start()
    camera = AravisCamera(loopback(51))
    try:
        camera.open()
        camera.configure(AcquisitionConfig(height=50, acquisition_line_rate=4_000.0))
        camera.start_acquisition()
        assert camera.fetch(WAIT_S) is not None
        gate.open.clear()
        assert gate.waited_at.wait(WAIT_S)
        camera.stop_acquisition()
        camera.start_acquisition()
        gate.open.set()
        first = camera.fetch(WAIT_S)
        # Of the new acquisition: what was left of the old one went to where nobody listens any more.
        assert first is not None and first.frame_id == 0 and first.starts_board
        assert np.array_equal(first.pixels, board[:50])
    finally:
        camera.close()
        served.stop()
