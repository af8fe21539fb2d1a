"""Streams over the network through OpenCV: one that falls silent, one that never says a word."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import pytest

from aoi_app.camera import opencv
from aoi_app.camera.opencv import OpencvCamera
from aoi_app.core.errors import CameraLost, CameraNotFound
from aoi_app.core.protocols import AcquisitionConfig
from tests.camera.test_bounded import wait_for_the_end

HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n"


class Stuck:
    """A device whose driver does not come back from a read."""

    def __init__(self, reads: int) -> None:
        self.reads = reads
        self.go_on, self.released = threading.Event(), threading.Event()

    def isOpened(self) -> bool:
        return True

    def read(self) -> tuple[bool, np.ndarray]:
        if not self.reads:
            self.go_on.wait(100.0)
        self.reads -= 1
        return True, np.zeros((48, 64, 3), np.uint8)

    def release(self) -> None:
        self.released.set()


@contextmanager
def served(frames: int) -> Iterator[str]:
    """Serve so many pictures as MJPEG, then nothing more; with none, not even an answer."""
    ended = threading.Event()
    picture = cv2.imencode(".jpg", np.full((48, 64, 3), 128, np.uint8))[1].tobytes()
    part = b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture) + picture + b"\r\n"

    def serve() -> None:
        with listener.accept()[0] as client:
            if frames:
                client.sendall(HEAD + part * frames)
            ended.wait(100.0)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/live.mjpg"
        ended.set()
        thread.join(100.0)


@pytest.fixture(autouse=True)
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    assert opencv.ANSWER_MS <= 5_000
    monkeypatch.setattr(opencv, "ANSWER_MS", 500)


def test_a_stream_that_falls_silent_is_lost() -> None:
    with served(20) as address:
        camera = OpencvCamera(address, {"board_lines": 96})
        camera.open()
        assert camera.configure(AcquisitionConfig()).height == 48
        camera.start_acquisition()
        taken = 0
        with pytest.raises(CameraLost, match="Nothing more comes"):
            while camera.fetch(30.0) is not None:
                taken += 1
        camera.close()
    assert taken >= 1


def test_a_stream_that_does_not_answer_is_not_found() -> None:
    with served(0) as address, pytest.raises(CameraNotFound, match="Nothing can be read"):
        OpencvCamera(address).open()


@pytest.mark.parametrize("reads", [0, 2])
def test_a_device_that_never_comes_back_is_given_up_and_let_go_of_when_it_does(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, reads: int
) -> None:
    stuck = Stuck(reads)
    monkeypatch.setattr(opencv, "_capture", lambda source: stuck)
    monkeypatch.setattr(opencv, "LIMIT_S", 0.2)
    camera = OpencvCamera("0", {"board_lines": 96})
    if reads:
        camera.open()
        camera.configure(AcquisitionConfig())
        camera.start_acquisition()
        with pytest.raises(CameraLost, match="Nothing has come"):
            while True:
                camera.fetch(0.1)
        with caplog.at_level(logging.WARNING):
            camera.close()
        assert "not given back yet" in caplog.text
    for _ in range(2):
        with pytest.raises(CameraNotFound, match="cannot be opened within"):
            camera.open()
    assert not stuck.released.is_set()
    stuck.go_on.set()
    wait_for_the_end("opencv:0")
    assert stuck.released.is_set()
    stuck.reads = 9
    camera.open()
    camera.close()
