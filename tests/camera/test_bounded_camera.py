"""A camera that asks for more time for ever: every call comes back, and the camera is free when it answers again."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from operator import methodcaller
from pathlib import Path

import pytest

from aoi_app.camera import aravis_library, bounded_camera, drivers, gentl, pylon
from aoi_app.camera.aravis import AravisCamera
from aoi_app.camera.bounded import bounded
from aoi_app.camera.bounded_camera import BoundedCamera
from aoi_app.camera.drivers import create_camera, discover
from aoi_app.camera.gige.device import GigeDevice
from aoi_app.camera.gige.registers import CONTROL_PRIVILEGE
from aoi_app.camera.introspection import describe
from aoi_app.core.errors import AoiError, CameraError, CameraLost, FeatureError
from aoi_app.core.protocols import AcquisitionConfig, CameraInfo, LineScanCamera
from tests.camera.boards import device, loopback, pictures
from tests.camera.test_bounded import PATIENCE_S, threads, wait_for_the_end

FOR_EVER = 1e9
CONFIG = AcquisitionConfig(height=64, acquisition_line_rate=8_000.0)
needs_aravis = pytest.mark.skipif(
    aravis_library.missing() is not None, reason=str(aravis_library.missing() or "libaravis is there")
)


def wait_at_most(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    for name in ("ANSWER_S", "CLOSE_S"):
        monkeypatch.setattr(bounded_camera, name, seconds)


@pytest.fixture(autouse=True)
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_at_most(monkeypatch, 1.0)
    monkeypatch.setattr(bounded_camera, "CHECK_S", 0.05)


@pytest.fixture
def served() -> Iterator[GigeDevice]:
    with device(pictures(1), loopback(66), repeat=True) as made:
        yield made


def running() -> LineScanCamera:
    camera = create_camera(f"gige:{loopback(66)}")
    camera.open()
    camera.configure(CONFIG)
    camera.start_acquisition()
    assert camera.fetch(PATIENCE_S) is not None
    return camera


def rest(camera: LineScanCamera) -> None:
    """Fetch from a camera of which nothing comes any more, until that is an error."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        camera.fetch(0.1)


@pytest.mark.link
@needs_aravis
@pytest.mark.parametrize(
    "use",
    [
        methodcaller("configure", CONFIG),
        methodcaller("start_acquisition"),
        describe,
        methodcaller("stop_acquisition"),
    ],
    ids=["configure", "start", "features", "stop"],
)
def test_a_pending_camera_is_given_up_and_works_when_it_answers_again(
    use: Callable[[LineScanCamera], object], served: GigeDevice, caplog: pytest.LogCaptureFixture
) -> None:
    camera = running()
    served._control.ask_for_time(FOR_EVER)
    with pytest.raises(CameraLost, match=r"is given up: its driver has waited for it for 1 s") as lost:
        use(camera)
    assert loopback(66) in lost.value.what and lost.value.hint
    for again in (methodcaller("open"), methodcaller("fetch", 0.1), methodcaller("stop_acquisition")):
        with pytest.raises(CameraLost):
            again(camera)
    with caplog.at_level(logging.WARNING):
        camera.close()
        camera.close()
    assert [record.message for record in caplog.records if "not given back yet" in record.message] == [
        f"The camera gige:{loopback(66)} is not given back yet: it is as soon as its driver lets go of it."
    ]
    for _ in range(3):
        with pytest.raises(CameraLost, match="has not come back yet"):
            camera.open()
    assert len(threads(f"gige:{loopback(66)}")) == 1 and served.registers.number(CONTROL_PRIVILEGE)

    served._control.ask_for_time(0.0)
    wait_for_the_end(f"gige:{loopback(66)}")
    assert served.registers.number(CONTROL_PRIVILEGE) == 0
    camera.open()
    camera.configure(CONFIG)
    camera.start_acquisition()
    assert camera.fetch(PATIENCE_S) is not None
    camera.close()
    assert served.registers.number(CONTROL_PRIVILEGE) == 0
    wait_for_the_end(f"gige:{loopback(66)}")


@pytest.mark.link
@needs_aravis
def test_closing_a_pending_camera_ends_and_frees_it_later(served: GigeDevice, caplog: pytest.LogCaptureFixture) -> None:
    camera = running()
    served._control.ask_for_time(FOR_EVER)
    with caplog.at_level(logging.WARNING):
        camera.close()
    assert "not given back yet" in caplog.text and served.registers.number(CONTROL_PRIVILEGE)
    served._control.ask_for_time(0.0)
    wait_for_the_end(f"gige:{loopback(66)}")
    assert served.registers.number(CONTROL_PRIVILEGE) == 0


@pytest.mark.link
@needs_aravis
def test_switching_a_pending_camera_off_ends_the_call_that_was_given_up(served: GigeDevice) -> None:
    camera = running()
    served._control.ask_for_time(FOR_EVER)
    camera.close()
    assert threads(f"gige:{loopback(66)}")
    served.stop()
    wait_for_the_end(f"gige:{loopback(66)}")
    with device(pictures(1), loopback(66)):
        camera.open()
        camera.close()


@pytest.mark.link
@needs_aravis
def test_a_plan_makes_the_camera_pending_from_a_line_on_for_a_while() -> None:
    with device(pictures(1), loopback(66), repeat=True, faults="pending@1:100x5") as served:
        camera = running()
        taken = 0
        while not served._control.pending():
            # A question is asked, by the heartbeat if by nobody else.
            assert camera.fetch(PATIENCE_S) is not None
            taken += 1
        assert taken
        with pytest.raises(CameraLost, match="is given up"):
            camera.configure(CONFIG)
        camera.close()
        wait_for_the_end(f"gige:{loopback(66)}")
        assert served.registers.number(CONTROL_PRIVILEGE) == 0


@pytest.mark.link
@needs_aravis
def test_fetch_returns_in_time_and_a_camera_at_rest_that_does_not_answer_is_lost(served: GigeDevice) -> None:
    camera = running()
    served._control.ask_for_time(FOR_EVER)
    # Its lines go on, and so do we.
    assert all(camera.fetch(PATIENCE_S) is not None for _ in range(20))
    served._acquire.clear()
    with pytest.raises(CameraLost, match="is given up"):
        rest(camera)
    served._control.ask_for_time(0.0)
    camera.close()
    wait_for_the_end(f"gige:{loopback(66)}")


@pytest.mark.link
@needs_aravis
def test_a_stop_that_lasts_holds_up_nobody_else(served: GigeDevice) -> None:
    camera = running()
    assert isinstance(camera, BoundedCamera) and isinstance(camera._camera, AravisCamera)
    served._control.ask_for_time(FOR_EVER)
    with pytest.raises(CameraLost):
        camera.stop_acquisition()
    # The library is still in that call.
    asks = threading.Thread(target=camera.statistics, daemon=True)
    asks.start()
    asks.join(10.0)
    assert not asks.is_alive() and camera._camera.fetch(0.1) is None
    camera.close()
    served._control.ask_for_time(0.0)
    wait_for_the_end(f"gige:{loopback(66)}")


@pytest.mark.link
@needs_aravis
def test_a_camera_at_rest_that_answers_is_not_lost(served: GigeDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    real = aravis_library.Library.register

    def register(library: aravis_library.Library, device: int, place: int) -> int:
        asked.append(place)
        return real(library, device, place)

    monkeypatch.setattr(aravis_library.Library, "register", register)
    camera = running()
    served._acquire.clear()
    deadline = time.monotonic() + PATIENCE_S
    while len(asked) < 3 and time.monotonic() < deadline:
        camera.fetch(0.05)
    assert len(asked) >= 3
    camera.close()


@pytest.mark.link
@needs_aravis
def test_opening_a_pending_camera_is_given_up_and_it_is_free_afterwards(
    served: GigeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_camera, "OPEN_S", 0.5)
    monkeypatch.setattr(drivers, "LISTED_S", 0.1)
    served._control.ask_for_time(FOR_EVER)
    camera = create_camera(f"gige:{loopback(66)}")
    with pytest.raises(CameraLost, match=r"cannot be opened within 0\.5 s"):
        camera.open()
    with pytest.raises(CameraLost, match="has to wait for gige:" + loopback(66).replace(".", r"\.")):
        create_camera(f"gige:{loopback(67)}").open()
    found = discover(0.0)["gige"]
    assert isinstance(found, CameraError) and "cannot be listed" in found.what and found.hint
    served._control.ask_for_time(0.0)
    for key in (f"gige:{loopback(66)}", f"gige:{loopback(67)}", "list:gige"):
        wait_for_the_end(key)
    assert served.registers.number(CONTROL_PRIVILEGE) == 0
    camera.open()
    assert camera.info.vendor == "AOI"
    camera.close()


PENDING_TO_THE_END = """
import sys
from aoi_app.camera import bounded_camera
from aoi_app.camera.drivers import create_camera
from aoi_app.core.errors import CameraLost
from aoi_app.core.protocols import AcquisitionConfig
bounded_camera.ANSWER_S = bounded_camera.CLOSE_S = 0.5
camera = create_camera(sys.argv[1])
camera.open()
print("open", flush=True)
sys.stdin.readline()
try:
    camera.configure(AcquisitionConfig())
except CameraLost:
    camera.close()
    print("given up", flush=True)
"""


@pytest.mark.link
@needs_aravis
def test_the_program_ends_though_the_camera_is_pending(served: GigeDevice) -> None:
    command = [sys.executable, "-c", PENDING_TO_THE_END, f"gige:{loopback(66)}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "open\n"
        served._control.ask_for_time(FOR_EVER)
        told, _ = process.communicate("go on\n", timeout=PATIENCE_S)
    assert (process.returncode, told) == (0, "given up\n")


def viky() -> BoundedCamera:
    genicam = pytest.importorskip("genicam", reason="pip install genicam")
    if gentl.missing() is not None:
        pytest.skip(str(gentl.missing()))
    cti = str(Path(genicam.__file__).with_name("viky.cti"))
    return BoundedCamera(lambda: gentl.GentlCamera("", {"cti": cti, "board_lines": 400}), "gentl:viky")


def emulated() -> BoundedCamera:
    if pylon.missing() is not None:
        pytest.skip(str(pylon.missing()))
    return BoundedCamera(lambda: pylon.PylonCamera("0815-0000", {"board_lines": 128}), "pylon:0815-0000")


@pytest.mark.parametrize(
    ("make", "config"),
    [
        (viky, AcquisitionConfig(width=400, height=200)),
        (emulated, AcquisitionConfig(width=512, height=32, acquisition_line_rate=3_200.0)),
    ],
)
def test_the_other_libraries_are_given_up_alike_and_let_go_of_the_camera_later(
    make: Callable[[], BoundedCamera], config: AcquisitionConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYLON_CAMEMU", "1")
    camera, answers, waits = make(), threading.Event(), threading.Event()
    answers.set()
    kind = type(camera._camera)

    def late(real: Callable[..., object]) -> Callable[..., object]:
        def call(*given: object) -> object:
            waits.set()
            answers.wait(PATIENCE_S)
            return real(*given)

        return call

    for name in ("check", "configure"):
        # Where these libraries wait for a camera: no emulator of theirs can be made to stop answering.
        monkeypatch.setattr(kind, name, late(getattr(kind, name)))
    # Little patience is for a camera that is silent: on a busy machine one that answers takes its second, too.
    wait_at_most(monkeypatch, PATIENCE_S)
    camera.open()
    camera.configure(config)
    camera.start_acquisition()
    assert camera.fetch(PATIENCE_S) is not None
    answers.clear()
    wait_at_most(monkeypatch, 1.0)
    with pytest.raises(CameraLost, match="is given up"):
        camera.configure(config)
    camera.close()
    with pytest.raises(CameraLost, match="has not come back yet"):
        camera.open()
    answers.set()
    wait_for_the_end(camera._key)
    wait_at_most(monkeypatch, PATIENCE_S)
    camera.open()
    camera.configure(config)
    camera.start_acquisition()
    assert camera.fetch(PATIENCE_S) is not None
    camera.stop_acquisition()
    answers.clear()
    waits.clear()
    camera.check()
    assert waits.wait(PATIENCE_S)
    wait_at_most(monkeypatch, 1.0)
    with pytest.raises(CameraLost, match="is given up"):
        rest(camera)
    camera.close()
    answers.set()
    wait_for_the_end(camera._key)


@pytest.mark.parametrize("make", [viky, emulated])
def test_a_camera_of_the_other_libraries_that_answers_is_not_lost(
    make: Callable[[], BoundedCamera], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYLON_CAMEMU", "1")
    camera = make()
    camera.open()
    deadline = time.monotonic() + PATIENCE_S
    answered = 0
    while answered < 3 and time.monotonic() < deadline:
        camera.check()
        question = camera._question
        if question is not None:
            question.result(PATIENCE_S)
            answered += 1
            camera.check()
    assert answered == 3
    camera.close()


def test_a_gentl_camera_that_is_being_asked_does_not_hold_up_who_fetches(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_at_most(monkeypatch, PATIENCE_S)
    camera = viky()
    camera.open()
    camera.configure(AcquisitionConfig(width=400, height=200))
    camera.start_acquisition()
    inner = camera._camera
    assert isinstance(inner, gentl.GentlCamera)
    with inner._asked:
        begun = time.monotonic()
        assert inner.fetch(0.2) is None and time.monotonic() - begun < PATIENCE_S
    assert camera.fetch(PATIENCE_S) is not None
    camera.close()


def test_a_search_that_lasts_hides_no_other_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(drivers, "LISTED_S", 0.05)

    def last(seconds: float) -> list[CameraInfo]:
        go_on.wait(PATIENCE_S)
        return []

    simulated = drivers.drivers()["simulated"]
    monkeypatch.setattr(drivers, "_TABLE", (replace(simulated, name="lasts", discover=last), simulated))
    for _ in range(2):
        found = discover(0.0)
        assert isinstance(found["lasts"], AoiError) and isinstance(found["simulated"], list)
    go_on.set()
    wait_for_the_end("list:lasts")
    assert bounded("list:lasts", lambda: 1, PATIENCE_S) == 1


def test_the_simulated_line_cannot_be_pending() -> None:
    with pytest.raises(FeatureError, match="no network"):
        create_camera("simulated", {"faults": "pending@0:20x3"})
