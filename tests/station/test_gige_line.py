"""A station on a GigE Vision camera: real packets over loopback, the station's own threads."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

from aoi_app.camera import aravis_library, bounded_camera
from aoi_app.camera.aravis import AravisCamera
from aoi_app.camera.assembler import BoardAssembler
from aoi_app.camera.conveyor import SourceBoard
from aoi_app.camera.drivers import create_camera
from aoi_app.camera.folder import ImageSource, folder_camera
from aoi_app.camera.gige.device import GigeDevice
from aoi_app.camera.gige.features import FEATURES
from aoi_app.camera.gige.registers import CONTROL_PRIVILEGE
from aoi_app.camera.ring import BufferRing
from aoi_app.core.inspection import Inspection, Verdict
from aoi_app.core.protocols import AcquisitionConfig, LineScanCamera
from aoi_app.core.recipe import Recipe
from aoi_app.core.settings import Settings
from aoi_app.station.acquisition import Line
from aoi_app.station.station import Station
from aoi_app.station.status import EventKind, State
from tests.camera.boards import loopback
from tests.station.conftest import HEIGHT, LINES, WIDTH, World, board_image, wait_until

pytestmark = [
    pytest.mark.link,
    pytest.mark.skipif(aravis_library.missing() is not None, reason=str(aravis_library.missing())),
]
BOARDS = 50
FOR_EVER = 1e9


OPTIONS: dict[str, int | float | str | bool] = {
    "BlackLevel": 3.0,
    "TriggerActivation[TriggerSelector=LineStart]": "FallingEdge",
}


def station_on(
    world: World, camera: LineScanCamera, rate: float | None, ring: BufferRing, lines: list[Line] | None = None
) -> Station:
    def open_line(settings: Settings, recipe: Recipe) -> Line:
        camera.open()
        applied = camera.configure(
            AcquisitionConfig(height=HEIGHT, acquisition_line_rate=rate, exposure_time_us=33.0, gain_db=2.0)
        )
        line = Line(camera, BoardAssembler(ring, applied.height, max_lines=2 * LINES))
        if lines is not None:
            lines.append(line)
        return line

    world.open_line = open_line  # type: ignore[method-assign]
    return Station(world.parts(), Settings(precision="fp16"), Recipe(width_px=WIDTH))


def inspected(station: Station, world: World, count: int) -> list[Inspection]:
    station.start()
    wait_until(lambda: len(world.recorded) >= count, timeout_s=60)
    station.close()
    return world.recorded[:count]


def endless(number: int) -> SourceBoard:
    return SourceBoard(board_image(number), f"B{number:04d}")


def ring() -> BufferRing:
    return BufferRing(8, WIDTH * 2 * LINES)


def test_fifty_boards_get_the_verdicts_of_the_folder_box_for_box(tmp_path: Path) -> None:
    for number in range(BOARDS):
        cv2.imwrite(str(tmp_path / f"{number}.png"), board_image(number))
    buffers = ring()
    files = folder_camera(ImageSource([tmp_path]), ready=lambda: buffers.free > 0)
    folder_world, gige_world = World(), World()
    expected = inspected(station_on(folder_world, files, None, buffers), folder_world, BOARDS)
    device = GigeDevice(ImageSource([tmp_path]), loopback(61), gap_lines=100)
    device.start()
    try:
        camera = AravisCamera(loopback(61))
        got = inspected(station_on(gige_world, camera, 8_000.0, ring()), gige_world, BOARDS)
    finally:
        device.stop()
    assert [(i.verdict, i.defects) for i in got] == [(i.verdict, i.defects) for i in expected]
    assert {i.verdict for i in got} == {Verdict.PASSED, Verdict.FAILED}


def kill(device: GigeDevice) -> Callable[[], GigeDevice]:
    device.stop()

    def restart() -> GigeDevice:
        another = GigeDevice(endless, loopback(62), gap_lines=1)
        another.start()
        return another

    return restart


def freeze(device: GigeDevice) -> Callable[[], GigeDevice]:
    device.link.freeze(4.0)
    time.sleep(4.0)
    return lambda: device


def fall_pending(device: GigeDevice) -> Callable[[], GigeDevice]:
    device._control.ask_for_time(FOR_EVER)
    device._halt()

    def answer() -> GigeDevice:
        device._control.ask_for_time(0.0)
        return device

    return answer


def settings_of(device: GigeDevice) -> dict[str, float]:
    """Return what a client has written into a device."""
    names = ("ExposureTime", "Gain", "BlackLevel", "AcquisitionLineRate")
    values = {name: device.registers.get(name) for name in names}
    activation = next(f for f in FEATURES if f.name == "TriggerActivation")
    return values | {
        "falling edge": device.registers.number(activation.address + 4) == activation.choices["FallingEdge"]
    }


@pytest.fixture
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("ANSWER_S", 1.0), ("CLOSE_S", 1.0), ("CHECK_S", 0.05)):
        monkeypatch.setattr(bounded_camera, name, seconds)


@pytest.mark.parametrize("trouble", [kill, freeze, fall_pending], ids=["killed", "frozen", "pending"])
def test_a_camera_in_trouble_costs_the_board_in_hand_and_no_other(
    trouble: Callable[[GigeDevice], Callable[[], GigeDevice]], request: pytest.FixtureRequest
) -> None:
    if trouble is fall_pending:
        request.getfixturevalue("little_patience")
    threads = threading.active_count()
    world = World()
    device = GigeDevice(endless, loopback(62), gap_lines=1)
    device.start()
    lines: list[Line] = []
    # slow enough for the trouble to begin while the board is still in hand
    station = station_on(world, create_camera(f"gige:{loopback(62)}", OPTIONS), 250.0, ring(), lines)
    try:
        station.start()
        wait_until(lambda: len(world.recorded) >= 2, timeout_s=60)
        wait_until(lambda: lines[-1].assembler.in_board)
        restart = trouble(device)
        wait_until(lambda: any(i.verdict is Verdict.ERROR for i in world.recorded), timeout_s=60)
        wait_until(lambda: any(e.kind is EventKind.CAMERA_LOST for e in station.events(0)), timeout_s=60)
        device = restart()
        returned = time.monotonic()
        before = len(world.recorded)
        wait_until(lambda: len(world.recorded) >= before + 3, timeout_s=60)
        back_s = time.monotonic() - returned
        kinds = [event.kind for event in station.events(0) if event.kind is not EventKind.OTHER]
        applied = settings_of(device)
    finally:
        station.close()
        device.stop()
    last_whole = [i.verdict for i in world.recorded[:-1]]
    assert last_whole.count(Verdict.ERROR) == 1
    assert back_s < 10.0 + 3 * LINES / 250.0
    wait_until(lambda: threading.active_count() <= threads)
    assert kinds == [EventKind.CAMERA_LOST, EventKind.RECONNECTED]
    # The device that came back had forgotten everything.
    assert applied == {"ExposureTime": 33, "Gain": 2, "BlackLevel": 3, "AcquisitionLineRate": 250, "falling edge": True}


def test_a_line_whose_camera_is_pending_is_stopped_in_time_and_runs_again_when_it_answers(
    little_patience: None,
) -> None:
    threads = threading.active_count()
    world = World()
    device = GigeDevice(endless, loopback(62), gap_lines=1)
    device.start()
    lines: list[Line] = []
    station = station_on(world, create_camera(f"gige:{loopback(62)}"), 250.0, ring(), lines)
    try:
        station.start()
        wait_until(lambda: bool(lines) and lines[-1].assembler.in_board, timeout_s=60)
        device._control.ask_for_time(FOR_EVER)
        station.stop()
        wait_until(lambda: station.status().state is State.IDLE, timeout_s=60)
        assert world.recorded[-1].verdict is Verdict.ERROR
        station.start()
        wait_until(lambda: station.status().state is State.FAULT, timeout_s=60)
        assert "has not come back yet" in station.status().fault
        device._control.ask_for_time(0.0)
        wait_until(lambda: device.registers.number(CONTROL_PRIVILEGE) == 0, timeout_s=60)
        before = len(world.recorded)
        station.start()
        wait_until(lambda: len(world.recorded) >= before + 2, timeout_s=60)
        assert Verdict.ERROR not in [inspection.verdict for inspection in world.recorded[before:]]
    finally:
        station.close()
        device.stop()
    wait_until(lambda: threading.active_count() <= threads)


STATION = """
import sys, time
from aoi_app.app import build_station
from aoi_app.core.recipe import Recipe
from aoi_app.core.settings import CameraSettings, Settings

camera = CameraSettings(source=sys.argv[1], line_rate=2_000.0, height=64)
station = build_station(Settings(camera=camera, data_dir=sys.argv[2]), Recipe(width_px=96))
begun = time.monotonic()
station.start()
while not station.status().camera_connected:
    assert not station.status().fault, station.status()
    time.sleep(0.01)
print(time.monotonic() - begun, flush=True)
time.sleep(60)
"""


def test_after_kill_9_the_next_start_of_the_station_gets_the_camera_within_ten_seconds(tmp_path: Path) -> None:
    device = GigeDevice(endless, loopback(63), gap_lines=50)
    device.start()
    took = []
    try:
        for _ in range(2):
            command = [sys.executable, "-c", STATION, f"gige:{loopback(63)}", str(tmp_path)]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout is not None
                told = process.stdout.readline()
                process.kill()
            took.append(float(told))
    finally:
        device.stop()
    # The first one found it free; the second had to wait until the camera's heartbeat ran out.
    assert took[1] < 10.0
