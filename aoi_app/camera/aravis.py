"""GigE Vision cameras of any make, through libaravis."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

from aoi_app.camera.aravis_device import AravisDevice
from aoi_app.camera.aravis_library import CONTROL_PRIVILEGE, NOT_OURS, Library, load
from aoi_app.camera.aravis_stream import AravisStream, Buffer, buffer_count, packet_pause_s, retention_s
from aoi_app.camera.description_check import check_description
from aoi_app.camera.feature_setup import CHUNKS, set_first, set_up
from aoi_app.camera.flat_field import Conditions
from aoi_app.camera.intake import SLOW_LINES, Intake
from aoi_app.camera.stages import Option
from aoi_app.core.errors import AoiError, CameraBusy, CameraError, CameraLost, FeatureError
from aoi_app.core.protocols import AcquisitionConfig, CameraInfo
from aoi_app.core.scan import LineBlock

BUSY_S = 8.0
"""A camera whose client has crashed is free again after its heartbeat time-out, 3 s as a rule."""
BUSY_PAUSE_S = 0.5
LEAST_PACKET, FRAMING = 576, 4
"""Bytes of the smallest packet that every camera has; packets of a block beside its lines', and some to spare."""
HEADERS = 36
"""Bytes of each packet that are not the block's: IP, UDP, GVSP."""
NANOSECOND_TICKS = 1e9
_CHECK = "Check cable and power; it is looked for again."
SLICE_S = 0.1
"""Longest wait inside the library, so that stop and a lost camera are noticed."""


class AravisCamera:
    """One camera. One that asks for more time again and again keeps a call for ever; see `BoundedCamera`.

    Parameters
    ----------
    address
        IP address, or the name that the discovery lists.
    options
        `buffers`, `packet_resend`, `packet_size` (bytes; 0 finds the largest that gets through), `pixel_format`,
        those of `Intake` and `Stages`, and any feature by its SFNC name, such as
        `TriggerMode[TriggerSelector=FrameStart]`.
    busy_s
        How long to wait for a camera that another program holds.
    """

    def __init__(self, address: str, options: Mapping[str, Option] | None = None, *, busy_s: float = BUSY_S) -> None:
        self._address = address
        self._options = dict(options or {})
        self._busy_s = busy_s
        self._info = CameraInfo("gige", address, address=address if address[:1].isdigit() else "")
        self._library: Library | None = None
        self._camera: int | None = None
        self._device: AravisDevice | None = None
        self._stream: AravisStream | None = None
        self._lost = threading.Event()
        self._stopped = threading.Event()
        self._guard = threading.Lock()
        self._unwatch: Callable[[], None] | None = None
        self._ready: list[LineBlock] = []
        self._holder = ""

    @property
    def info(self) -> CameraInfo:
        """Who it is; vendor, model and serial once it is open."""
        return self._info

    @property
    def features(self) -> AravisDevice:
        """Its features. Raises CameraError when it is not open."""
        return self._opened()

    def open(self) -> None:
        """Take the camera; waits some seconds for one that is busy. Raises CameraNotFound, CameraBusy."""
        if self._device is not None:
            return
        library = self._library = load()
        deadline = time.monotonic() + self._busy_s
        camera = self._connect(library)
        while camera is None:
            if time.monotonic() > deadline:
                raise self._busy()
            time.sleep(BUSY_PAUSE_S)
            camera = self._connect(library)
        self._identify(library, camera)

    def _busy(self) -> CameraBusy:
        hint = "Close it; after a crash the camera is free again within seconds."
        if self._holder:
            return CameraBusy(f"A program at {self._holder} holds the camera {self._address}.", hint)
        return CameraBusy(f"Another program holds the camera {self._address}.", hint)

    def _identify(self, library: Library, camera: int) -> None:
        """Read who the camera is that we hold."""
        handle = library.arv_camera_get_device(camera)
        lost = threading.Event()
        unwatch = library.watch_control(handle, lost)
        try:
            device = AravisDevice(library, handle)
            names = [device.text(f"Device{part}") for part in ("VendorName", "ModelName", "SerialNumber", "ID")]
        except AoiError as error:
            _free(library, camera, lost, unwatch)
            if not isinstance(error, FeatureError):
                raise
            what = f"What the camera {self._address} tells of its features cannot be used: {error.what}"
            raise CameraError(what, NOT_OURS) from error
        self._camera, self._device, self._lost, self._unwatch = camera, device, lost, unwatch
        self._info = replace(self._info, vendor=names[0], model=names[1], serial=names[2] or names[3])

    def configure(self, config: AcquisitionConfig) -> AcquisitionConfig:
        """Set what the camera has of it, then the features among the options. Raises FeatureError, CameraLost."""
        device = self._opened()
        options = {**self._options, **config.extra}
        set_first(device, ("TLParamsLocked",), 0)
        made = set_up(device, config, options)
        self._intake = Intake(made.applied, made.pixel_format, options, made.encoder_divider, made.rests)
        self._applied_options = options
        self._block_s = made.applied.height / (made.applied.acquisition_line_rate or SLOW_LINES)
        return made.applied

    def start_acquisition(self) -> None:
        """Allocate the buffers and begin. Raises CameraLost, CameraError."""
        self._halt()
        self._raise_if_lost()
        try:
            self._allocate()
        except CameraBusy as error:
            raise self._taken_back(error) from error
        self._ready.clear()
        self._intake.restart()
        self._stopped.clear()
        device = self._opened()
        try:
            set_first(device, ("TLParamsLocked",), 1)
            device.execute("AcquisitionStart")
        except FeatureError as error:
            raise self._taken_back(error) from error

    def _taken_back(self, error: AoiError) -> CameraLost:
        # It obeyed when it was configured: the network was away for so long that it no longer heeds us.
        return CameraLost(f"The camera {self._address} cannot be started: {error.what}", _CHECK)

    def _allocate(self) -> None:
        device, library, options = self._opened(), self._library, self._applied_options
        assert library is not None and self._camera is not None
        size = int(options.get("packet_size", 0))
        handle = library.arv_camera_get_device(self._camera)
        if size:
            library.checked("arv_gv_device_set_packet_size", handle, size, about="Packet size")
        else:
            library.checked("arv_gv_device_auto_packet_size", handle, about="Packet size")
        chunks = [name for name in CHUNKS.values() if library.arv_device_get_feature(handle, name.encode())]
        payload = int(library.checked("arv_camera_get_payload", self._camera, about="PayloadSize"))
        buffers, resend = (
            int(options.get("buffers", 0)) or buffer_count(payload),
            bool(options.get("packet_resend", True)),
        )
        block_s = self._block_s
        room = int(device.number("GevSCPSPacketSize") or LEAST_PACKET) - HEADERS
        if "GevSCPD" not in options:
            self._pace(device, packet_pause_s(payload, room, block_s))
        with self._guard:
            self._stream = AravisStream(
                library,
                self._camera,
                buffers=buffers,
                payload=payload,
                most_packets=payload // max(1, room) + FRAMING,
                resend=resend,
                retention_s=retention_s(resend, buffers, block_s),
                chunks=chunks,
            )

    @staticmethod
    def _pace(device: AravisDevice, pause_s: float) -> None:
        """Set the pause between packets, in ticks of the camera's clock; a camera need not have it."""
        ticks = device.number("GevTimestampTickFrequency") or NANOSECOND_TICKS
        with suppress(FeatureError):
            set_first(device, ("GevSCPD",), int(pause_s * ticks))

    def fetch(self, timeout_s: float) -> LineBlock | None:
        """Return the next block, or None. Raises CameraLost, CameraError."""
        deadline = time.monotonic() + timeout_s
        while not self._stopped.is_set():
            self._raise_if_lost()
            left = deadline - time.monotonic()
            if left <= 0:
                return self._intake.quiet()
            with self._guard:
                stream = self._stream
                if stream is not None:
                    stream.pop(min(SLICE_S, left), self._take, self._intake.miss)
            if self._ready:
                return self._ready.pop()
            if stream is None and not self._stopped.is_set():
                raise CameraError("The camera delivers nothing before it is started.", "Start the acquisition first.")
        return None

    def check(self) -> None:
        """Ask the camera who controls it. Raises CameraLost when it does not answer."""
        self._raise_if_lost()
        library, camera = self._library, self._camera
        if library is None or camera is None:
            return
        try:
            library.register(library.arv_camera_get_device(camera), CONTROL_PRIVILEGE)
        except CameraError as error:
            raise self._no_answer() from error

    def _raise_if_lost(self) -> None:
        if self._lost.is_set():
            raise self._no_answer()

    def _no_answer(self) -> CameraLost:
        return CameraLost(f"The camera {self._address} no longer answers.", _CHECK)

    def stop_acquisition(self) -> None:
        """Stop. May be called from any thread, and twice."""
        self._stopped.set()
        self._halt()

    @property
    def conditions(self) -> Conditions:
        """What a flat field that is captured now holds for."""
        return self._intake.conditions

    def statistics(self) -> Mapping[str, int]:
        """Return the counters of the stream that runs; empty when none does."""
        with self._guard:
            stream = self._stream
            return {**stream.statistics(), "incomplete_blocks": stream.incomplete} if stream else {}

    def close(self) -> None:
        """Free the camera for the next program. Never raises; may be called twice."""
        self._stopped.set()
        self._halt()
        library, camera, unwatch = self._library, self._camera, self._unwatch
        self._camera = self._device = self._unwatch = None
        if library is not None and camera is not None and unwatch is not None:
            _free(library, camera, self._lost, unwatch)

    def _halt(self) -> None:
        # Not while the camera is asked, which may last: whoever fetches waits for the guard.
        with self._guard:
            stream, self._stream = self._stream, None
        if stream is None:
            return
        with suppress(AoiError):
            if self._device is not None and not self._lost.is_set():
                self._device.execute("AcquisitionStop")
                set_first(self._device, ("TLParamsLocked",), 0)
        stream.close()

    def _take(self, buffer: Buffer) -> None:
        known = {key: buffer.chunks[name] for key, name in CHUNKS.items() if name in buffer.chunks}
        block = self._intake.take(buffer.data, buffer.frame_id, buffer.timestamp_ns, **known)
        if block is not None:
            self._ready.append(block)

    def _opened(self) -> AravisDevice:
        if self._device is None:
            raise CameraError(f"The camera {self._address} is not open.", "Open it first.")
        return self._device

    def _connect(self, library: Library) -> int | None:
        """Return the camera under our control, or None while somebody else holds it."""
        about = f"Camera {self._address}"
        try:
            device = library.checked("arv_open_device", self._address.encode(), about=about)
        except CameraBusy:
            return None
        try:
            # The library reads features as soon as it makes a camera of the device.
            check_description(library.description(device), self._address)
            camera = library.checked("arv_camera_new_with_device", device, about=about)
        finally:
            library.g_object_unref(device)
        if library.arv_gv_device_is_controller(device):
            return int(camera)
        self._holder = library.controller(device)
        library.g_object_unref(camera)
        return None


def _free(library: Library, camera: int, lost: threading.Event, unwatch: Callable[[], None]) -> None:
    unwatch()
    with suppress(AoiError):
        if not lost.is_set():
            library.checked("arv_gv_device_leave_control", library.arv_camera_get_device(camera))
    library.g_object_unref(camera)


def discover(timeout_s: float) -> list[CameraInfo]:
    """List the GigE Vision cameras that answer to a broadcast, which libaravis waits a second for, or to the next."""
    library = load()
    end = time.monotonic() + timeout_s
    found: dict[str, CameraInfo] = {}
    while True:
        library.arv_update_device_list()
        for n in range(library.arv_get_n_devices()):
            names = [
                (getattr(library, f"arv_get_device_{what}")(n) or b"").decode(errors="replace")
                for what in ("id", "vendor", "model", "serial_nbr", "address")
            ]
            found[names[0]] = CameraInfo("gige", *names)
        if time.monotonic() >= end:
            return list(found.values())
