"""Cameras of any make through GenTL: harvesters and the producer (.cti file) of the camera's vendor."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from aoi_app.camera.feature_setup import CHUNKS, set_up
from aoi_app.camera.flat_field import Conditions
from aoi_app.camera.intake import Intake
from aoi_app.camera.node_map import NodeMap
from aoi_app.camera.stages import Option
from aoi_app.camera.unpack import layout_of, line_bytes
from aoi_app.core.errors import BackendMissing, CameraBusy, CameraError, CameraLost, CameraNotFound
from aoi_app.core.protocols import AcquisitionConfig, CameraInfo
from aoi_app.core.scan import LineBlock

PRODUCERS_VARIABLE = "GENICAM_GENTL64_PATH"
"""Folders of .cti files, as the GenTL standard has it; each vendor's set-up adds its own."""

BUSY_S, BUSY_PAUSE_S = 8.0, 0.5
BUFFERS = 32
ENTRY = "GCInitLib"
"""The first function that is called of every producer."""
POLL_S = 0.003
"""harvesters' own wait keeps other Python threads from running for milliseconds
(https://github.com/genicam/harvesters/issues/508): it is asked at short intervals instead."""


def missing() -> BackendMissing | None:
    """Return why harvesters cannot be used here and what installs it, or None when it can."""
    try:
        import harvesters.core  # noqa: F401
    except ImportError as error:
        return BackendMissing(f"harvesters cannot be loaded: {error}.", "pip install harvesters genicam")
    return None


def producers() -> list[Path]:
    """Return the .cti files that the vendors of this machine have installed."""
    folders = [Path(p) for p in os.environ.get(PRODUCERS_VARIABLE, "").split(os.pathsep) if p]
    return sorted(file for folder in folders if folder.is_dir() for file in folder.glob("*.cti"))


def discover(timeout_s: float) -> list[CameraInfo]:
    """List the cameras that the installed producers see."""
    if not producers():
        return []
    harvester = _harvester(producers())
    try:
        return [_info(device) for device in harvester.device_info_list]
    finally:
        harvester.reset()


def _harvester(files: list[Path]) -> Any:
    """Return a harvester of the producers that can be loaded. Raises CameraNotFound when none can."""
    from harvesters.core import Harvester

    problems = {file: _problem(file) for file in files}
    usable = [file for file, problem in problems.items() if not problem]
    if not usable:
        raise CameraNotFound(
            f"No GenTL producer can be used: {'; '.join(problems.values())}.",
            "Install the one of the camera's vendor anew, for this system and processor.",
        )
    harvester = Harvester()
    for file in usable:
        harvester.add_file(str(file))
    harvester.update()
    return harvester


def _problem(file: Path) -> str:
    """Return why a producer cannot be used; empty when it can. One of a vendor must not hide those of the others."""
    try:
        library = ctypes.CDLL(str(file))
    except OSError as error:
        return str(error)
    # harvesters calls what is not there, and the process ends.
    return "" if hasattr(library, ENTRY) else f"{file} is no GenTL producer: it has no {ENTRY}"


def _info(device: Any) -> CameraInfo:
    from genicam.gentl import GenericException

    def text(name: str) -> str:
        # A producer need not know any of these.
        with suppress(GenericException):
            return str(getattr(device, name))
        return ""

    return CameraInfo("gentl", text("id_"), text("vendor"), text("model"), text("serial_number"))


class GentlCamera:
    """One camera.

    Parameters
    ----------
    device_id
        Its id as the discovery lists it; empty for the first one.
    options
        `cti` (file of the producer, instead of the installed ones), `buffers`, `pixel_format`, those of `Intake` and
        `Stages`, and any feature by its name.
    busy_s
        How long to wait for a camera that another program holds.
    """

    def __init__(self, device_id: str, options: Mapping[str, Option] | None = None, *, busy_s: float = BUSY_S) -> None:
        self._id = device_id
        self._options = dict(options or {})
        self._busy_s = busy_s
        self._info = CameraInfo("gentl", device_id)
        self._harvester: Any = None
        self._acquirer: Any = None
        self._stopped = threading.Event()
        self._asked = threading.Lock()
        self._chunks: Mapping[str, str] = {}
        self._incomplete = 0

    @property
    def info(self) -> CameraInfo:
        """Who it is; vendor and model once it is open."""
        return self._info

    @property
    def features(self) -> NodeMap:
        """Its features. Raises CameraError when it is not open."""
        return NodeMap(self._opened().remote_device.node_map)

    def open(self) -> None:
        """Take the camera; waits some seconds for one that is busy. Raises CameraNotFound, CameraBusy."""
        if self._acquirer is not None:
            return
        from genicam import gentl

        chosen = str(self._options.get("cti", ""))
        files = [Path(chosen)] if chosen else producers()
        if not files or not all(file.is_file() for file in files):
            raise CameraNotFound(
                f"There is no GenTL producer {chosen or 'on this machine'}.",
                f"Install the one of the camera's vendor, which sets {PRODUCERS_VARIABLE}, or set the option cti.",
            )
        self._harvester = _harvester(files)
        deadline = time.monotonic() + self._busy_s
        try:
            devices = [d for d in self._harvester.device_info_list if self._id in ("", d.id_)]
            if not devices:
                raise CameraNotFound(f"No camera {self._id} is seen through {files[0].name}.", "Check cable and power.")
            while self._acquirer is None:
                try:
                    self._acquirer = self._harvester.create({"id_": devices[0].id_})
                except (gentl.ResourceInUseException, gentl.AccessDeniedException) as error:
                    if time.monotonic() > deadline:
                        raise CameraBusy(
                            f"Another program holds the camera {devices[0].id_}.",
                            "Close it, such as the maker's viewer.",
                        ) from error
                    time.sleep(BUSY_PAUSE_S)
            self._info = _info(devices[0])
            self._count_incomplete()
        except BaseException:
            self.close()
            raise

    def configure(self, config: AcquisitionConfig) -> AcquisitionConfig:
        """Set what the camera has of it, then the features among the options. Raises FeatureError."""
        options = {**self._options, **config.extra}
        made = set_up(self.features, config, options)
        self._intake = Intake(made.applied, made.pixel_format, options, made.encoder_divider, made.rests)
        self._stride = line_bytes(made.applied.width or 0, layout_of(made.pixel_format))
        offered = self.features.entries("ChunkSelector")
        self._chunks = {key: name for key, name in CHUNKS.items() if name.removeprefix("Chunk") in offered}
        self._buffers = int(options.get("buffers", 0)) or BUFFERS
        return made.applied

    def _count_incomplete(self) -> None:
        from harvesters.core import Callback, ImageAcquirer

        camera = self

        class Discarded(Callback):
            """harvesters drops a block that the producer calls incomplete, and only tells of it."""

            def emit(self, context: object = None) -> None:
                """Count one; its loss shows by the frame id of the next."""
                camera._incomplete += 1
                camera._intake.miss()

        self._incomplete = 0
        self._acquirer.add_callback(ImageAcquirer.Events.INCOMPLETE_BUFFER, Discarded())

    def statistics(self) -> Mapping[str, int]:
        """Return what the driver counts since the camera was opened."""
        return {"incomplete_blocks": self._incomplete}

    @property
    def conditions(self) -> Conditions:
        """What a flat field that is captured now holds for."""
        return self._intake.conditions

    def start_acquisition(self) -> None:
        """Begin. Raises CameraLost."""
        from genicam.gentl import GenericException

        self.stop_acquisition()
        acquirer = self._opened()
        try:
            acquirer.num_buffers = self._buffers
            acquirer.start(run_as_thread=False)
        except GenericException as error:
            raise CameraLost(f"The camera cannot be started: {error}", _CHECK) from error
        self._intake.restart()
        self._stopped.clear()

    def fetch(self, timeout_s: float) -> LineBlock | None:
        """Return the next block, or None. Raises CameraLost, CameraError."""
        from genicam.gentl import GenericException

        deadline = time.monotonic() + timeout_s
        while not self._stopped.is_set():
            # A camera that does not answer must not hold up whoever fetches: chunks are features, under the same lock.
            if not self._asked.acquire(timeout=max(0.0, deadline - time.monotonic())):
                return self._intake.quiet()
            try:
                buffer = self._opened().try_fetch(timeout=0.001)
                block = None if buffer is None else self._block(buffer)
            except GenericException as error:
                raise CameraLost(f"The stream of the camera died: {error}", _CHECK) from error
            finally:
                self._asked.release()
            if block is not None:
                return block
            if time.monotonic() >= deadline:
                return self._intake.quiet()
            if buffer is None:
                self._stopped.wait(POLL_S)
        return None

    def check(self) -> None:
        """Ask the camera for its width. Raises CameraLost when it does not answer."""
        # Few producers tell that a camera is gone: a stream that waits for a trigger is as silent.
        if self._acquirer is None:
            return
        with self._asked:
            answers = self.features.answers()
        if not answers:
            raise CameraLost(f"The camera {self._id} no longer answers.", _CHECK)

    def stop_acquisition(self) -> None:
        """Stop. May be called from any thread, and twice."""
        self._stopped.set()
        if self._acquirer is not None and self._acquirer.is_acquiring():
            self._acquirer.stop()

    def close(self) -> None:
        """Free the camera for the next program. Never raises; may be called twice."""
        self._stopped.set()
        acquirer, harvester = self._acquirer, self._harvester
        self._acquirer = self._harvester = None
        # What a lost camera no longer lets go of is gone with it.
        with suppress(Exception):
            if acquirer is not None:
                acquirer.destroy()
        with suppress(Exception):
            if harvester is not None:
                harvester.reset()

    def _block(self, buffer: Any) -> LineBlock | None:
        from genicam.gentl import GenericException

        with buffer:
            component = buffer.payload.components[0]
            data = component.data.view(np.uint8).reshape(-1)
            # Not every producer tells how many lines of a block it delivered.
            with suppress(GenericException):
                data = data[: int(buffer.module.delivered_image_height) * self._stride]
            timestamp = 0
            with suppress(GenericException):
                timestamp = int(buffer.timestamp_ns)
            chunks = {}
            if self._chunks:
                nodes = self.features
                values = {key: nodes.number(name) for key, name in self._chunks.items()}
                chunks = {key: int(value) for key, value in values.items() if value is not None}
            return self._intake.take(data, int(buffer.module.frame_id), timestamp, **chunks)

    def _opened(self) -> Any:
        if self._acquirer is None:
            raise CameraError(f"The camera {self._id} is not open.", "Open it first.")
        return self._acquirer


_CHECK = "Check cable and power; it is looked for again."
