"""Area-scan sources through OpenCV: UVC cameras, RTSP streams and video files. Each frame is one block of lines."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from aoi_app.camera.bounded import Overdue, Worker
from aoi_app.camera.intake import Intake
from aoi_app.camera.stages import Option
from aoi_app.core.errors import CameraError, CameraLost, CameraNotFound
from aoi_app.core.protocols import AcquisitionConfig, CameraInfo
from aoi_app.core.scan import LineBlock, PixelFormat, Pixels

MODEL = "area scan"
ANSWER_MS = 5_000
"""OpenCV itself waits half a minute for a stream that is silent."""
LIMIT_S = 15.0
"""For what that is not heeded by: names that are looked up, devices (OpenCV gives them 10 s on Linux), files."""

_log = logging.getLogger(__name__)
_CHECK = "Check cable and network."


def discover(timeout_s: float) -> list[CameraInfo]:
    """List the video devices of this machine, where the system lets them be listed."""
    if sys.platform != "linux":
        return []
    return [CameraInfo("opencv", device.name.removeprefix("video"), model=MODEL, address=str(device))
            for device in sorted(Path("/dev").glob("video*"))]  # fmt: skip


class OpencvCamera:
    """One source.

    There is neither encoder nor line rate: frames are laid one under the other. What counts as a board must be told
    by `board_lines`, a multiple of the frame's height.

    Parameters
    ----------
    source
        Number of a video device, address of a stream, or path of a video file.
    options
        Those of `Intake` and `Stages`.
    """

    def __init__(self, source: str, options: Mapping[str, Option] | None = None) -> None:
        self._source = source
        self._options = dict(options or {})
        self._is_file = Path(source).exists() or "%" in source
        self._capture: cv2.VideoCapture | None = None
        self._first: Pixels | None = None
        self._size = (0, 0)
        self._worker: Worker | None = None
        self._stopped = threading.Event()
        self._frame = 0
        self.exhausted = False

    @property
    def info(self) -> CameraInfo:
        """Who it is."""
        return CameraInfo("opencv", self._source, model=MODEL, address=self._source)

    def open(self) -> None:
        """Take the source. Raises CameraNotFound."""
        if self._capture is not None:
            return
        opened: list[cv2.VideoCapture] = []
        try:
            worker = Worker(f"opencv:{self._source}", lambda: [*map(_release, opened)])
            try:
                frame = worker.call(lambda: _first_frame(self._source, opened), LIMIT_S)
            except BaseException:
                # Also when a person interrupts the wait: then it lets go by itself.
                worker.give_up()
                raise
        except Overdue as error:
            raise CameraNotFound(f"{self._source!r} cannot be opened within {LIMIT_S:g} s.", _CHECK) from error
        if frame is None:
            worker.end()
            raise CameraNotFound(
                f"Nothing can be read from {self._source!r}.",
                "Give the number of a video device that is free, an address, or a video file.",
            )
        self._worker, self._capture, self._first = worker, opened[0], frame
        self._size = frame.shape[:2]
        self.exhausted = False

    def configure(self, config: AcquisitionConfig) -> AcquisitionConfig:
        """Take the size of the source's frames; only the pixel format can be chosen. Raises FeatureError."""
        if self._capture is None:
            raise CameraError(f"The source {self._source!r} is not open.", "Open it first.")
        height, width = self._size
        applied = replace(config, width=width, height=height, exposure_time_us=None, gain_db=None)
        self._mono = config.pixel_format is PixelFormat.MONO8
        options = {**self._options, **config.extra}
        self._intake = Intake(applied, "Mono8" if self._mono else "BGR8", options)
        return applied

    def start_acquisition(self) -> None:
        """Begin; frame ids start anew."""
        if self._capture is None:
            raise CameraError(f"The source {self._source!r} is not open.", "Open it first.")
        self._frame = 0
        self._intake.restart()
        self._stopped.clear()

    def fetch(self, timeout_s: float) -> LineBlock | None:
        """Return the next frame as a block, or None at the end of a file. Raises CameraLost."""
        deadline = time.monotonic() + timeout_s
        while not (self._stopped.is_set() or self.exhausted):
            frame = self._read()
            if frame is None:
                break
            if self._mono and frame.ndim == 3:
                frame = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8)
            self._frame += 1
            data = np.ascontiguousarray(frame).reshape(-1)
            block = self._intake.take(data, self._frame, time.monotonic_ns())
            if block is not None:
                return block
        self._stopped.wait(max(0.0, deadline - time.monotonic()))
        return None if self._stopped.is_set() else self._intake.quiet()

    def stop_acquisition(self) -> None:
        """Stop. May be called from any thread, and twice."""
        self._stopped.set()

    def close(self) -> None:
        """Let go, or say that it could not. Never raises; may be called twice."""
        self._stopped.set()
        worker, capture = self._worker, self._capture
        self._worker = self._capture = self._first = None
        if worker is None or capture is None:
            return
        try:
            worker.call(capture.release, LIMIT_S)
        except Overdue:
            source = f"opencv:{self._source}"
            _log.warning(f"The camera {source} is not given back yet: it is as soon as its driver lets go of it.")
        worker.end()

    def _read(self) -> Pixels | None:
        worker, capture = self._worker, self._capture
        if worker is None or capture is None:
            raise CameraError(f"The source {self._source!r} is not open.", "Open it first.")
        first, self._first = self._first, None
        if first is not None:
            return first
        try:
            grabbed, frame = worker.call(capture.read, LIMIT_S)
        except Overdue as error:
            raise CameraLost(f"Nothing has come from {self._source!r} for {LIMIT_S:g} s.", _CHECK) from error
        if grabbed and frame is not None:
            return np.asarray(frame, np.uint8)
        if not self._is_file:
            raise CameraLost(f"Nothing more comes from {self._source!r}.", _CHECK)
        self.exhausted = True
        return None


def _release(capture: cv2.VideoCapture) -> None:
    capture.release()


def _first_frame(source: str, opened: list[cv2.VideoCapture]) -> Pixels | None:
    """Open a source, note it, and return its first frame; None when there is none."""
    capture = _capture(source)
    opened.append(capture)
    grabbed, frame = capture.read() if capture.isOpened() else (False, None)
    if grabbed and frame is not None:
        return np.asarray(frame, np.uint8)
    capture.release()
    return None


def _capture(source: str) -> cv2.VideoCapture:
    if source.isdigit():
        return cv2.VideoCapture(int(source))
    if "://" not in source:
        return cv2.VideoCapture(source)
    patience = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, ANSWER_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, ANSWER_MS]
    return cv2.VideoCapture(source, cv2.CAP_FFMPEG, patience)
