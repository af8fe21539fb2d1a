"""The GigE Vision path over loopback: our device, real packets, libaravis."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aoi_app.camera import aravis_library, aravis_stream, intake
from aoi_app.camera.aravis import AravisCamera, discover
from aoi_app.camera.aravis_stream import buffer_count, retention_s
from aoi_app.camera.board_options import BoardOptions, GapPolicy
from aoi_app.camera.capture import flat_field_of, grab_lines
from aoi_app.camera.gige import device as gige_device
from aoi_app.camera.gige.device import GigeDevice
from aoi_app.camera.gige.registers import CONTROL_PRIVILEGE
from aoi_app.core.errors import CameraBusy, CameraError, CameraLost, CameraNotFound, FeatureError
from aoi_app.core.protocols import AcquisitionConfig
from aoi_app.core.scan import ScanEnd
from tests.camera.boards import (
    become_an_ordinary_user,
    device,
    fake_camera,
    grab,
    loopback,
    pictures,
    source_of,
    the_loopback,
)

pytestmark = [
    pytest.mark.link,
    pytest.mark.skipif(
        aravis_library.missing() is not None, reason=str(aravis_library.missing() or "libaravis is there")
    ),
]
CONFIG = AcquisitionConfig(height=64, acquisition_line_rate=8_000.0)


def whole(end: ScanEnd, boards: list[np.ndarray]) -> bool:
    return any(np.array_equal(end.image, board) for board in boards)


def test_every_board_arrives_line_by_line() -> None:
    boards = pictures(4, lines=333)
    with device(boards, loopback(21)):
        camera = AravisCamera(loopback(21))
        camera.open()
        assert (camera.info.vendor, camera.info.serial) == ("AOI", "SIM-0001")
        ends = grab(camera, CONFIG, 4)
        camera.close()
    assert [end.completeness.ok for end in ends] == [True] * 4
    assert all(np.array_equal(end.image, board) for end, board in zip(ends, boards, strict=True))


def test_the_widest_board() -> None:
    boards = pictures(1, lines=130, width=16_384)
    with device(boards, loopback(20)):
        camera = AravisCamera(loopback(20))
        camera.open()
        (end,) = grab(camera, AcquisitionConfig(height=64, acquisition_line_rate=4_000.0), 1, quiet_s=3.0)
        camera.close()
    assert end.completeness.ok and np.array_equal(end.image, boards[0])


@pytest.mark.parametrize("pixel_format", ["Mono12", "Mono12p"])
def test_deep_pixels_come_back_as_the_eight_bits_they_were(pixel_format: str) -> None:
    boards = pictures(1)
    with device(boards, loopback(22)):
        camera = AravisCamera(loopback(22), {"pixel_format": pixel_format})
        camera.open()
        (end,) = grab(camera, CONFIG, 1)
        camera.close()
    assert end.completeness.ok and np.array_equal(end.image, boards[0])


def test_lost_packets_are_sent_again() -> None:
    boards = pictures(6, lines=500)
    with device(boards, loopback(23), loss=0.01) as served:
        camera = AravisCamera(loopback(23), {"packet_size": 1_500})
        camera.open()
        ends = grab(camera, CONFIG, 6)
        camera.close()
        assert served.resent_packets > 0
    assert [end.completeness.ok for end in ends] == [True] * 6
    assert all(whole(end, boards) for end in ends)


def test_without_resend_no_board_that_lost_lines_is_complete() -> None:
    boards = pictures(12, lines=500)
    with device(boards, loopback(24), loss=0.01, can_resend=False):
        camera = AravisCamera(loopback(24), {"packet_size": 1_500, "packet_resend": False})
        camera.open()
        ends = grab(camera, CONFIG, 12, timeout_s=20.0)
        assert camera.info.address == loopback(24)
        camera.close()
    assert ends and not all(end.completeness.ok for end in ends)
    assert all(whole(end, boards) for end in ends if end.completeness.ok)


@pytest.mark.parametrize(
    ("fault", "missing"),
    [
        ("lose_lines@1:100x5", 5),
        ("short_block@1:100x17", 17),
        ("stale_block@1:100", 64),
        ("padded_block@1:100x20", 20),
        ("incomplete_block@1:100", 64),
        ("drop_block@1:100x2", 128),
    ],
)
def test_faults_of_the_camera_are_found_over_the_wire(fault: str, missing: int) -> None:
    boards = pictures(3, lines=300)
    with device(boards, loopback(25), faults=fault):
        camera = AravisCamera(loopback(25))
        camera.open()
        ends = grab(camera, CONFIG, 3)
        camera.close()
    assert [end.completeness.ok for end in ends] == [True, False, True]
    assert ends[1].completeness.missing_lines == missing


def test_a_second_station_is_told_that_the_camera_is_busy() -> None:
    with device(pictures(1), loopback(26)):
        first, second = AravisCamera(loopback(26)), AravisCamera(loopback(26), busy_s=0.6)
        first.open()
        with pytest.raises(CameraBusy, match=re.escape(loopback(26))) as caught:
            second.open()
        assert caught.value.what.startswith("A program at 127.")
        first.close()
        second.open()
        second.close()


def test_a_camera_that_took_back_its_word_while_it_rested_is_lost_and_not_busy() -> None:
    with device(pictures(1), loopback(37), repeat=True) as served:
        camera = AravisCamera(loopback(37))
        camera.open()
        camera.configure(CONFIG)
        served.registers.put(CONTROL_PRIVILEGE, 0)
        served._control.controller = None
        with pytest.raises(CameraLost, match=re.escape(loopback(37))) as caught:
            camera.start_acquisition()
        camera.close()
        camera.open()
        assert caught.value.hint and grab(camera, CONFIG, 1)[0].completeness.ok
        camera._lost.set()
        for gone in (camera.check, camera.start_acquisition):
            with pytest.raises(CameraLost, match="no longer answers"):
                gone()
        camera.close()


def test_no_camera_at_an_address() -> None:
    with pytest.raises((CameraNotFound, CameraLost)) as caught:
        AravisCamera(loopback(99), busy_s=0.1).open()
    assert loopback(99) in caught.value.what and caught.value.hint


def test_features_are_refused_with_their_limits() -> None:
    with device(pictures(1), loopback(27)):
        camera = AravisCamera(loopback(27), {"Teapot": 1})
        camera.open()
        with pytest.raises(FeatureError, match="Teapot"):
            camera.configure(CONFIG)
        wrong: list[tuple[str, int | float | str]] = [
            ("Width", "wide"),
            ("AcquisitionLineRate", "fast"),
            ("ChunkModeActive", "perhaps"),
            ("Width", 100_000),
            ("AcquisitionLineRate", 0.0),
            ("PixelFormat", "Mono99"),
        ]
        for name, value in wrong:
            with pytest.raises(FeatureError, match=name):
                camera.features.set(name, value)
        camera.features.set("TriggerMode[TriggerSelector=LineStart]", "Off")
        camera.features.set("TriggerSelector", "FrameStart")
        assert camera.features.get("TriggerMode") == "On"
        camera.close()


def test_a_camera_whose_description_is_damaged_is_refused_in_words() -> None:
    with device(pictures(1), loopback(38)) as served:
        served.registers._file = served.registers._file[:2_000].ljust(len(served.registers._file))
        for _ in range(2):
            with pytest.raises(CameraError, match=re.escape(loopback(38))) as caught:
                AravisCamera(loopback(38)).open()
            assert not isinstance(caught.value, FeatureError) and "firmware" in caught.value.hint


def test_what_is_kept_for_lost_packets_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gige_device, "HELD_BYTES", 40_000)
    with device(pictures(3), loopback(39)) as served:
        camera = AravisCamera(loopback(39))
        camera.open()
        assert all(end.completeness.ok for end in grab(camera, CONFIG, 3))
        camera.close()
        assert 0 < served._held_bytes <= 40_000
        assert served._held_bytes == sum(len(block.body) for block in served._held.values())


def test_a_stream_that_dies_silently_is_lost_though_the_camera_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "SILENCE_S", 0.5)
    free = {f"TriggerMode[TriggerSelector={trigger}]": "Off" for trigger in ("FrameStart", "LineStart")}
    for options, dies in ((free, True), ({}, False)):
        # after its only board the device sends nothing more
        with device(pictures(1), loopback(40)):
            camera = AravisCamera(loopback(40), options)
            camera.open()
            camera.configure(CONFIG)
            camera.start_acquisition()
            if dies:
                with pytest.raises(CameraLost, match=r"for 0\.5 s"):
                    while True:
                        camera.fetch(0.2)
            else:
                while camera.fetch(1.0) is not None:
                    pass
            camera.check()
            camera.close()


def test_two_devices_cannot_share_an_address() -> None:
    with device(pictures(1), loopback(28)):
        second = GigeDevice(source_of(pictures(1)), loopback(28))
        with pytest.raises(CameraBusy, match=re.escape(loopback(28))):
            second.start()
    with pytest.raises(CameraError, match="No device can answer"):
        GigeDevice(source_of(pictures(1)), "192.0.2.1").start()


def test_discovery_lists_the_device() -> None:
    with the_loopback() as address, device(pictures(1), address):
        # A device that is slow to answer is found by the next look, as the window does it.
        looks = ([info for info in discover(1.0) if info.address == "127.0.0.1"] for _ in range(5))
        found = next(filter(None, looks), [])
    assert found and (found[0].vendor, found[0].serial) == ("AOI", "SIM-0001")


def test_a_station_that_crashes_leaves_the_camera_to_the_next_within_the_heartbeat() -> None:
    program = (
        f"import sys, time; from aoi_app.camera.aravis import AravisCamera; from aoi_app.core.protocols import *; "
        f"c = AravisCamera({loopback(31)!r}); c.open(); c.configure(AcquisitionConfig()); c.start_acquisition(); "
        "c.fetch(60.0); print('running', flush=True); time.sleep(200)"
    )
    with device(pictures(2), loopback(31), repeat=True):
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None and process.stdout.readline().strip() == "running"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        begun = time.monotonic()
        camera = AravisCamera(loopback(31), busy_s=10.0)
        camera.open()
        assert time.monotonic() - begun < 10.0
        assert grab(camera, CONFIG, 1)[0].completeness.ok
        camera.close()


FORGOTTEN = """
import ctypes, gc, sys
from aoi_app.camera.aravis import AravisCamera
from aoi_app.camera.aravis_library import load
camera = AravisCamera(sys.argv[1])
camera.open()
device = load().arv_camera_get_device(camera._camera)
del camera
gc.collect()
glib = ctypes.CDLL("libgobject-2.0.so.0")
glib.g_signal_emit_by_name.argtypes = ctypes.c_void_p, ctypes.c_char_p
glib.g_signal_emit_by_name(device, b"control-lost")
print("alive")
"""


def test_a_camera_that_was_forgotten_without_being_closed_brings_nothing_down_when_it_is_lost() -> None:
    with device(pictures(1), loopback(33)):
        command = [sys.executable, "-c", FORGOTTEN, loopback(33)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.stdout.strip() == "alive", result.stderr


ORDINARY_USER = """
import sys
from aoi_app.camera.aravis import AravisCamera
from aoi_app.core.protocols import AcquisitionConfig
from tests.camera.boards import grab
camera = AravisCamera(sys.argv[1])
camera.open()
ends = grab(camera, AcquisitionConfig(height=128, acquisition_line_rate=2_000.0), 6)
print(camera.info.driver, sum(end.completeness.ok for end in ends))
camera.close()
"""


def test_without_the_right_to_raw_sockets_no_line_is_lost_either() -> None:
    boards = pictures(6, lines=1_000, width=1_024)
    with device(boards, loopback(32)):
        result = subprocess.run(
            [sys.executable, "-c", ORDINARY_USER, loopback(32)],
            preexec_fn=become_an_ordinary_user,
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert result.stdout.split() == ["gige", "6"], result.stderr


def test_the_contract_holds_for_an_ordinary_user_too() -> None:
    """Whose rights and limits are others than root's."""
    contract = Path(__file__).with_name("test_contract.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(contract), "-k", "gige or aravis"]
    result = subprocess.run(
        command,
        cwd=contract.parents[2],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "HOME": tempfile.gettempdir()},
        preexec_fn=become_an_ordinary_user,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert result.returncode == 0, result.stdout
    assert "14 passed" in result.stdout


def test_a_small_socket_buffer_is_spared_by_pauses_between_packets(monkeypatch: pytest.MonkeyPatch) -> None:
    boards = pictures(2, lines=256, width=2_048)
    for allowed, options, paused in ((100_000, {}, True), (100_000, {"GevSCPD": 0}, False), (None, {}, False)):
        monkeypatch.setattr(aravis_stream, "socket_buffer", lambda allowed=allowed: allowed)
        with device(boards, loopback(34)) as served:
            camera = AravisCamera(loopback(34), {"packet_size": 9_000, **options})
            camera.open()
            ends = grab(camera, CONFIG, 2)
            camera.close()
            pause_ns = served.registers.get("GevSCPD")
        assert [end.completeness.ok for end in ends] == [True, True]
        assert bool(pause_ns) is paused


def test_buffers_and_patience_go_by_the_size_and_pace_of_blocks() -> None:
    assert [buffer_count(size) for size in (1_000, 1 << 20, 64 << 20)] == [256, 64, 32]
    assert retention_s(True, 32, 1.0) == 0.5 and retention_s(True, 32, 0.02) == pytest.approx(0.32)
    assert retention_s(True, 32, 0.001) == 0.1 == retention_s(False, 256, 1.0)


def test_the_flat_field_of_a_bayer_camera_is_captured_of_its_mosaic_and_applied(tmp_path: Path) -> None:
    with fake_camera() as address:
        options: dict[str, int | float | str | bool] = {"pixel_format": "BayerRG8", "board_lines": 192}
        camera, config = AravisCamera(address, options), AcquisitionConfig(width=256, height=64)
        camera.open()
        lines = grab_lines(camera, config, 128, 60.0)
        assert lines.shape == (128, 256)
        field = flat_field_of(camera, np.zeros_like(lines), np.full_like(lines, 100))
        assert field.gain.shape == (2, 256)
        field.save(tmp_path / "bayer.npz")
        camera.configure(replace(config, extra={"flat_field": str(tmp_path / "bayer.npz")}))
        camera.start_acquisition()
        block = camera.fetch(60.0)
        camera.close()
    assert block is not None and block.pixels.shape == (64, 256, 3)


def test_boards_that_come_last_line_first_are_turned_round() -> None:
    boards = pictures(2, lines=300)
    options: dict[str, int | float | str | bool] = {"transport": "reverse"}
    with device([board[::-1].copy() for board in boards], loopback(35)):
        camera = AravisCamera(loopback(35), options)
        camera.open()
        ends = grab(camera, CONFIG, 2, options=BoardOptions.among(options))
        camera.close()
    assert [end.completeness.ok for end in ends] == [True, True]
    assert all(np.array_equal(end.image, board) for end, board in zip(ends, boards, strict=True))


def test_a_board_that_loses_lines_is_aborted_where_the_policy_says_so() -> None:
    boards = pictures(3, lines=300)
    with device(boards, loopback(36), faults="drop_block@1:100x2"):
        camera = AravisCamera(loopback(36))
        camera.open()
        ends = grab(camera, CONFIG, 3, options=BoardOptions(gap_policy=GapPolicy.ABORT))
        camera.close()
    assert [end.completeness.ok for end in ends] == [True, False, True]
    assert ends[1].completeness.lines < 300 and np.array_equal(ends[2].image, boards[2])
