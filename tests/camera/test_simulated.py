from __future__ import annotations

import threading
import time
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from aoi_app.camera.conveyor import SourceBoard
from aoi_app.camera.fault_plan import FaultPlan
from aoi_app.camera.simulated import SimulatedCamera
from aoi_app.core.errors import CameraError, CameraLost, CameraNotFound, FeatureError
from aoi_app.core.protocols import AcquisitionConfig
from aoi_app.core.scan import LineBlock, PixelFormat

FAST = AcquisitionConfig(height=16, acquisition_line_rate=None)


def boards(count: int, lines: int = 50, width: int = 40) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.integers(0, 256, (lines, width), dtype=np.uint8) for _ in range(count)]


def camera(count: int = 3, faults: str = "") -> SimulatedCamera:
    pictures = boards(count)

    def source(number: int) -> SourceBoard | None:
        return SourceBoard(pictures[number], f"S{number}") if number < count else None

    return SimulatedCamera(source, gap_lines=30, faults=FaultPlan.parse(faults))


def running(target: SimulatedCamera, config: AcquisitionConfig = FAST) -> SimulatedCamera:
    target.open()
    target.configure(config)
    target.start_acquisition()
    return target


def drain(target: SimulatedCamera) -> list[LineBlock]:
    blocks = []
    while not target.exhausted:
        block = target.fetch(60.0)
        if block is not None:
            blocks.append(block)
    return blocks


def test_blocks_carry_what_the_assembler_needs() -> None:
    target = running(camera(2))
    blocks = drain(target)
    target.close()
    assert [b.frame_id for b in blocks] == list(range(8))
    assert [b.starts_board for b in blocks] == [True, False, False, False] * 2
    assert [b.ends_board for b in blocks] == [False, False, False, True] * 2
    assert [b.serial for b in blocks if b.starts_board] == ["S0", "S1"]
    assert [b.encoder for b in blocks] == [0, 16, 32, 48, 80, 96, 112, 128]
    assert [b.encoder_end for b in blocks] == [16, 32, 48, 50, 96, 112, 128, 130]
    assert np.array_equal(np.concatenate([b.pixels for b in blocks]), np.concatenate(boards(2)))
    assert all(not b.pixels.flags.writeable for b in blocks)


def test_it_keeps_the_line_rate() -> None:
    target = running(camera(2), AcquisitionConfig(height=16, acquisition_line_rate=1_000.0))
    begun = time.monotonic()
    blocks = drain(target)
    took = time.monotonic() - begun
    target.close()
    # the last line passes after 130 lines of 1 ms; a busy machine may only be later
    assert took >= 0.129 and len(blocks) == 8
    assert blocks[-1].timestamp_ns == 128_000_000


def test_fetch_comes_back_in_time_when_nothing_is_due() -> None:
    target = running(camera(), AcquisitionConfig(height=16, acquisition_line_rate=1.0))
    begun = time.monotonic()
    assert target.fetch(0.05) is None
    # its first block is due after 16 s
    assert 0.04 <= time.monotonic() - begun < 15
    target.close()


def test_stop_wakes_fetch() -> None:
    target = running(camera(), AcquisitionConfig(height=16, acquisition_line_rate=0.01))
    threading.Timer(0.05, target.stop_acquisition).start()
    begun = time.monotonic()
    assert target.fetch(200.0) is None
    assert time.monotonic() - begun < 100
    target.stop_acquisition()
    target.close()
    target.close()


def test_a_new_start_begins_with_the_next_board_and_new_frame_ids() -> None:
    target = running(camera(3))
    assert target.fetch(60.0) is not None
    target.stop_acquisition()
    target.start_acquisition()
    block = target.fetch(60.0)
    assert block is not None and (block.frame_id, block.serial) == (0, "S1")
    target.close()


def test_it_vanishes_and_comes_back_with_the_next_board(monkeypatch: pytest.MonkeyPatch) -> None:
    target = running(camera(3, "vanish@0:20x100"))
    assert target.fetch(60.0) is not None
    with pytest.raises(CameraLost):
        target.fetch(60.0)
    with pytest.raises(CameraLost):
        target.fetch(60.0)
    target.close()
    with pytest.raises(CameraNotFound):
        target.open()
    monkeypatch.setattr("aoi_app.camera.simulated.time", SimpleNamespace(monotonic=lambda: time.monotonic() + 100))
    running(target)
    assert [b.serial for b in drain(target) if b.starts_board] == ["S1", "S2"]
    target.close()


def test_a_line_that_is_held_goes_no_faster_and_its_stamps_go_on() -> None:
    paces = iter([None, 250.0, 250.0, 4_000.0])
    target = camera(4)
    target.hold_to(lambda: next(paces))
    began = time.monotonic()
    running(target, AcquisitionConfig(height=16, acquisition_line_rate=1_000.0))
    blocks = drain(target)
    took_s = time.monotonic() - began
    target.close()
    stamps = [block.timestamp_ns for block in blocks]
    periods = [(b - a) / 16e6 for a, b in pairwise(stamps)]  # milliseconds a line, between boards as well
    assert [periods[k] for k in (0, 1, 4, 5, 8, 9, 12, 13)] == pytest.approx([1, 1, 4, 4, 4, 4, 1, 1])
    assert stamps == sorted(stamps) and [block.encoder for block in blocks][:5] == [0, 16, 32, 48, 80]
    # The gap after a board passes at the rate of that board.
    assert 1e-6 * (stamps[4] - stamps[0]) == pytest.approx(80) and 1e-6 * (stamps[8] - stamps[4]) == pytest.approx(320)
    assert took_s >= 0.08 + 2 * 0.32 + 0.05


def test_a_line_as_fast_as_it_is_consumed_is_not_held() -> None:
    target = camera(2)
    target.hold_to(lambda: 1.0)
    running(target)
    assert len(drain(target)) == 8
    target.close()


def test_boards_wait_until_the_station_is_ready() -> None:
    ready = threading.Event()
    pictures = boards(1)
    target = SimulatedCamera(lambda n: SourceBoard(pictures[0], f"S{n}"), ready=ready.is_set)
    running(target)
    assert target.fetch(0.05) is None
    ready.set()
    assert target.fetch(60.0) is not None
    target.close()


def test_a_source_that_fails_is_heard_of() -> None:
    def broken(number: int) -> SourceBoard | None:
        raise CameraError("The drawer is broken.")

    target = SimulatedCamera(broken)
    target.open()
    with pytest.raises(CameraError, match="drawer"):
        target.configure(FAST)
    target.close()


def test_width_and_format_follow_the_configuration() -> None:
    target = camera()
    target.open()
    assert target.configure(FAST).width == 40
    running(target, AcquisitionConfig(width=24, height=16, acquisition_line_rate=None, pixel_format=PixelFormat.RGB8))
    block = target.fetch(60.0)
    assert block is not None and block.pixels.shape == (16, 24, 3)
    target.close()


@pytest.mark.parametrize(
    "config",
    [
        AcquisitionConfig(width=20_000),
        AcquisitionConfig(width=4),
        AcquisitionConfig(height=0),
        AcquisitionConfig(acquisition_line_rate=0),
    ],
)
def test_what_is_out_of_range_is_refused(config: AcquisitionConfig) -> None:
    target = camera()
    target.open()
    with pytest.raises(FeatureError, match="out of range"):
        target.configure(config)
    target.close()


def test_an_unopened_camera_says_so() -> None:
    with pytest.raises(CameraError, match="before it was opened"):
        camera().configure(FAST)
    with pytest.raises(CameraError, match="before it was opened"):
        camera().start_acquisition()


@pytest.mark.parametrize("text", ["explode@1", "stall@x", "stall", "lose_lines@1:2x-3"])
def test_a_plan_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(CameraError, match="is not a fault"):
        FaultPlan.parse(text)


def test_no_thread_is_left() -> None:
    before = set(threading.enumerate())
    for _ in range(5):
        target = running(camera())
        target.fetch(60.0)
        target.close()
    assert set(threading.enumerate()) <= before
