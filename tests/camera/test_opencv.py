"""Streams over the network through OpenCV: one that falls silent, one that never says a word."""

from __future__ import annotations

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

HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n"


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
