"""Calls that are given up after a limit, and a camera that asks for more time again and again."""

from __future__ import annotations

import struct
import threading

import pytest

from aoi_app.camera import aravis_library
from aoi_app.camera.aravis import AravisCamera
from aoi_app.camera.bounded import Overdue, bounded
from aoi_app.camera.gige.gvcp import Client
from aoi_app.camera.gige.registers import CONTROL_PRIVILEGE
from aoi_app.core.errors import CameraLost, CameraNotFound
from tests.camera.boards import device, loopback, pictures

PATIENCE_S = 60.0
PENDING, MORE_MS = 0x89, 400


def threads(key: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == f"aoi-bounded-{key}"]


def test_a_call_that_ends_is_as_if_it_had_been_made_here() -> None:
    late: list[int] = []
    assert bounded("ends", lambda: 7, late.append, PATIENCE_S) == 7
    error = CameraNotFound("no", "look")

    def fail() -> int:
        raise error

    with pytest.raises(CameraNotFound) as raised:
        bounded("ends", fail, late.append, PATIENCE_S)
    assert raised.value is error and not late and not threads("ends")


@pytest.mark.parametrize("fails", [False, True])
def test_what_comes_too_late_is_discarded_and_no_second_call_is_begun(fails: bool) -> None:
    go_on = threading.Event()
    late: list[int] = []

    def last() -> int:
        go_on.wait(PATIENCE_S)
        if fails:
            raise CameraNotFound("no", "look")
        return 7

    with pytest.raises(Overdue):
        bounded("lasts", last, late.append, 0.01)
    (thread,) = threads("lasts")
    with pytest.raises(Overdue):
        bounded("lasts", lambda: 8, late.append, PATIENCE_S)
    assert bounded("another", lambda: 9, late.append, PATIENCE_S) == 9
    with pytest.raises(Overdue) as error:
        bounded("third", lambda: go_on.wait(PATIENCE_S), lambda _: None, 0.01)
    assert error.value.others == ("lasts",)
    go_on.set()
    for each in (thread, *threads("third")):
        each.join(PATIENCE_S)
    assert late == ([] if fails else [7])
    assert bounded("lasts", lambda: 8, late.append, PATIENCE_S) == 8


@pytest.mark.link
@pytest.mark.skipif(aravis_library.missing() is not None, reason=str(aravis_library.missing() or "libaravis is there"))
def test_a_camera_that_asks_for_more_time_again_and_again_is_given_up_and_free_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with device(pictures(1), loopback(66)) as served:
        answer = served._control.answer
        asks = threading.Event()
        asks.set()
        controlled: list[Client | None] = []

        def pending(datagram: bytes, client: Client) -> bytes | None:
            controlled.append(served._control.controller)
            if not asks.is_set() or datagram[1:4] != b"\x01\x00\x84":
                return answer(datagram, client)
            return struct.pack(">HHHHHH", 0, PENDING, 4, int.from_bytes(datagram[6:8], "big"), 0, MORE_MS)

        monkeypatch.setattr(served._control, "answer", pending)
        impatient, patient = AravisCamera(loopback(66), open_s=0.2), AravisCamera(loopback(66))
        for camera in (impatient, patient):
            with pytest.raises(CameraLost, match=r"cannot be opened within"):
                camera.open()
        (thread,) = threads(loopback(66))
        asks.clear()
        thread.join(PATIENCE_S)
        assert any(controlled) and served.registers.number(CONTROL_PRIVILEGE) == 0
        patient.open()
        assert patient.info.vendor == "AOI"
        patient.close()
    assert not threads(loopback(66))
