from __future__ import annotations

import numpy as np
import pytest
from rich.console import Console

from aoi_app.camera.conveyor import Conveyor, SourceBoard
from aoi_app.camera.fault_plan import FaultPlan
from aoi_app.camera.figures import line_figures
from aoi_app.camera.meter import LineMeter
from aoi_app.camera.simulated import SimulatedCamera
from aoi_app.camera.watch import bars, render, watch
from aoi_app.core.protocols import AcquisitionConfig
from tests.camera.boards import pictures, source_of


def metered(faults: str) -> LineMeter:
    meter, conveyor = LineMeter(16), Conveyor(16, 500, FaultPlan.parse(faults), 1e9 / 2_000)
    for number, picture in enumerate(pictures(3, lines=100)):
        for shot in conveyor.run(SourceBoard(picture, f"S{number}"), number):
            if shot.block is not None:
                meter.feed(shot.block)
    return meter


def test_the_line_rate_is_that_of_the_camera_and_gaps_between_boards_are_no_loss() -> None:
    meter = metered("")
    assert meter.line_rate is not None and abs(meter.line_rate - 2_000) < 1e-3
    assert (meter.boards, meter.lines, meter.lost_lines) == (3, 300, 0)


@pytest.mark.parametrize(
    ("fault", "lost"),
    [("drop_block@2:40", 16), ("lose_lines@2:40x5", 5), ("stale_block@2:40", 16), ("padded_block@2:99x3", 3)],
)
def test_lost_lines_are_counted_and_do_not_spoil_the_rate(fault: str, lost: int) -> None:
    meter = metered(fault)
    assert meter.lost_lines == lost
    assert meter.line_rate is not None and abs(meter.line_rate - 2_000) < 60


def test_watch_shows_profile_rate_and_losses() -> None:
    camera = SimulatedCamera(source_of(pictures(2), repeat=True), faults=FaultPlan.parse("drop_block@0:50"))
    config = AcquisitionConfig(height=16, acquisition_line_rate=5_000.0)
    meter = watch(camera, config, 0.8)
    assert meter.lost_lines == 16 and meter.boards >= 2
    console = Console(record=True, width=120)
    console.print(render(line_figures(pictures(1)[0]), meter, config, {"n_resent_packets": 7}))
    text = console.export_text()
    assert "(set: 5,000)" in text and "resent packets" in text and "16" in text


def test_bars() -> None:
    assert bars(np.array([0, 128, 255], np.float32), 255.0) == " ▄█"
    assert len(bars(np.zeros(16_384, np.float32), 255.0)) == 96
