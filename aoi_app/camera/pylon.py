"""Basler cameras through pypylon."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from aoi_app.camera.feature_setup import CHUNKS, set_up
from aoi_app.camera.flat_field import Conditions
from aoi_app.camera.intake import Intake
from aoi_app.camera.node_map import NodeMap
from aoi_app.camera.stages import Option
from aoi_app.core.errors import BackendMissing, CameraBusy, CameraError, CameraLost, CameraNotFound
from aoi_app.core.protocols import AcquisitionConfig, CameraInfo
from aoi_app.core.scan import LineBlock

BUSY_S = 8.0
BUSY_PAUSE_S = 0.5
BUFFERS = 32
SLICE_MS = 100
STATISTICS = {
    "n_underruns": "Statistic_Buffer_Underrun_Count",
    "n_resent_packets": "Statistic_Resend_Packet_Count",
    "n_missing_packets": "Statistic_Failed_Packet_Count",
}
"""Nodes of the stream grabber."""


def missing() -> BackendMissing | None:
    """Return why pypylon cannot be used here and what installs it, or None when it can."""
    try:
        from pypylon import pylon  # noqa: F401
    except ImportError as error:
        return BackendMissing(f"pypylon cannot be loaded: {error}.", "pip install pypylon")
    return None


def discover(timeout_s: float) -> list[CameraInfo]:
    """List the cameras that pylon sees."""
    from pypylon import pylon

    return [_info(device) for device in pylon.TlFactory.GetInstance().EnumerateDevices()]


def _info(device: Any) -> CameraInfo:
    address = device.GetIpAddress() if device.IsIpAddressAvailable() else ""
    serial = device.GetSerialNumber()
    return CameraInfo("pylon", serial, device.GetVendorName(), device.GetModelName(), serial, address)


class PylonCamera:
    """One camera.

    Parameters
    ----------
    serial
        Its serial number; empty for the only one there is.
    options
        `buffers`, `pixel_format`, those of `Intake` and `Stages`, and any feature by its name.
    """

    def __init__(self, serial: str, options: Mapping[str, Option] | None = None) -> None:
        self._serial = serial
        self._options = dict(options or {})
        self._info = CameraInfo("pylon", serial, "Basler", serial=serial)
        self._camera: Any = None
        self._chunks: tuple[str, ...] = ()
        self._stopped = threading.Event()
        self.incomplete_blocks = 0

    @property
    def info(self) -> CameraInfo:
        """Who it is; model and address once it is open."""
        return self._info

    @property
    def features(self) -> NodeMap:
        """Its features. Raises CameraError when it is not open."""
        return NodeMap(self._opened().GetNodeMap())

    def open(self) -> None:
        """Take the camera; waits some seconds for one that is busy. Raises CameraNotFound, CameraBusy."""
        if self._camera is not None:
            return
        from pypylon import genicam, pylon

        factory = pylon.TlFactory.GetInstance()
        devices = [d for d in factory.EnumerateDevices() if self._serial in ("", d.GetSerialNumber())]
        if not devices:
            raise CameraNotFound(
                f"pylon sees no camera {self._serial or 'at all'}.", "Check cable and power: aoi camera list."
            )
        deadline = time.monotonic() + BUSY_S
        while True:
            try:
                camera = pylon.InstantCamera(factory.CreateDevice(devices[0]))
                camera.Open()
                break
            except genicam.GenericException as error:
                if time.monotonic() > deadline:
                    raise CameraBusy(
                        f"The camera {devices[0].GetSerialNumber()} cannot be opened: {error.GetDescription()}",
                        "Close the other program that uses it, such as the pylon viewer.",
                    ) from error
                time.sleep(BUSY_PAUSE_S)
        self._camera = camera
        self._info = _info(devices[0])

    def configure(self, config: AcquisitionConfig) -> AcquisitionConfig:
        """Set what the camera has of it, then the features among the options. Raises FeatureError."""
        options = {**self._options, **config.extra}
        made = set_up(self.features, config, options)
        self._intake = Intake(made.applied, made.pixel_format, options, made.encoder_divider, made.rests)
        self._buffers = int(options.get("buffers", 0)) or BUFFERS
        return made.applied

    def statistics(self) -> Mapping[str, int]:
        """Return the counters of the stream, as far as its transport layer has them."""
        counted = {"incomplete_blocks": self.incomplete_blocks}
        camera = self._camera
        if camera is not None and camera.IsOpen():
            nodes = NodeMap(camera.GetStreamGrabberNodeMap())
            values = {name: nodes.number(node) for name, node in STATISTICS.items()}
            counted |= {name: int(value) for name, value in values.items() if value is not None}
        return counted

    @property
    def conditions(self) -> Conditions:
        """What a flat field that is captured now holds for."""
        return self._intake.conditions

    def start_acquisition(self) -> None:
        """Begin. Raises CameraLost."""
        from pypylon import genicam, pylon

        self.stop_acquisition()
        camera = self._opened()
        try:
            camera.MaxNumBuffer.Value = self._buffers
            # Every block counts: the other strategies drop the older ones without a word.
            camera.StartGrabbing(pylon.GrabStrategy_OneByOne)
        except genicam.GenericException as error:
            raise CameraLost(f"The camera cannot be started: {error.GetDescription()}", _CHECK) from error
        self._intake.restart()
        self._stopped.clear()

    def fetch(self, timeout_s: float) -> LineBlock | None:
        """Return the next block, or None. Raises CameraLost, CameraError."""
        from pypylon import genicam, pylon

        camera = self._opened()
        deadline = time.monotonic() + timeout_s
        while not self._stopped.is_set():
            left_ms = int((deadline - time.monotonic()) * 1e3)
            if left_ms <= 0:
                return self._intake.quiet()
            try:
                result = camera.RetrieveResult(min(left_ms, SLICE_MS), pylon.TimeoutHandling_Return)
            except genicam.GenericException as error:
                raise CameraLost(f"The stream of the camera died: {error.GetDescription()}", _CHECK) from error
            block = self._block(result)
            if block is not None:
                return block
            self._raise_if_removed(camera)
            if not (camera.IsGrabbing() or self._stopped.is_set()):
                raise CameraLost("The stream of the camera ended.", _CHECK)
        return None

    def check(self) -> None:
        """Ask the camera for its width. Raises CameraLost when it was removed, or does not answer."""
        camera = self._camera
        if camera is None:
            return
        self._raise_if_removed(camera)
        if not self.features.answers():
            raise CameraLost(f"The camera {self._info.serial} no longer answers.", _CHECK)

    @staticmethod
    def _raise_if_removed(camera: Any) -> None:
        if camera.IsCameraDeviceRemoved():
            raise CameraLost("The camera was removed.", _CHECK)

    def stop_acquisition(self) -> None:
        """Stop. May be called from any thread, and twice."""
        self._stopped.set()
        if self._camera is not None and self._camera.IsGrabbing():
            self._camera.StopGrabbing()

    def close(self) -> None:
        """Free the camera for the next program. Never raises; may be called twice."""
        camera, self._camera = self._camera, None
        self._stopped.set()
        if camera is None:
            return
        from pypylon import genicam

        for free in (camera.Close, camera.DestroyDevice):
            # What a lost camera no longer lets go of is gone with it; the handle is given back all the same.
            with suppress(genicam.GenericException):
                free()

    def _block(self, result: Any) -> LineBlock | None:
        if not result.IsValid():
            return None
        try:
            # Not the error code: the emulator's failed buffers have code 0. https://github.com/basler/pypylon
            if not result.GrabSucceeded():
                self.incomplete_blocks += 1
                self._intake.miss()
                return None
            chunks = {}
            if result.IsChunkDataAvailable():
                nodes = NodeMap(result.GetChunkDataNodeMap())
                values = {key: nodes.number(name) for key, name in CHUNKS.items()}
                chunks = {key: int(value) for key, value in values.items() if value is not None}
            # The payload of a short block is shorter than its image, one with chunks longer.
            size = min(result.GetPayloadSize(), result.GetImageSize())
            data = np.frombuffer(result.GetBuffer(), np.uint8)[:size]
            return self._intake.take(data, result.GetBlockID(), result.GetTimeStamp(), **chunks)
        finally:
            result.Release()

    def _opened(self) -> Any:
        if self._camera is None:
            raise CameraError(f"The camera {self._serial} is not open.", "Open it first.")
        return self._camera


_CHECK = "Check cable and power; it is looked for again."
