"""The edges of the station: what a camera, a detector, a record and a monitor must do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from aoi_app.core.detection import Detections
from aoi_app.core.inspection import EngineInfo, Inspection
from aoi_app.core.scan import BoardScan, LineBlock, PixelFormat, Pixels, ScanEnd


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """Who a camera is."""

    driver: str
    id: str
    vendor: str = ""
    model: str = ""
    serial: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class AcquisitionConfig:
    """How a camera is to run, in SFNC words; a driver answers with what it really set.

    Attributes
    ----------
    width
        Pixels a line; None for the camera's own.
    height
        Lines a block.
    acquisition_line_rate
        Lines per second; None for the encoder's pace.
    exposure_time_us, gain_db
        None leaves the camera's own.
    """

    width: int | None = None
    height: int = 256
    pixel_format: PixelFormat = PixelFormat.MONO8
    acquisition_line_rate: float | None = 10_000.0
    exposure_time_us: float | None = None
    gain_db: float | None = None
    extra: Mapping[str, int | float | str | bool] = field(default_factory=dict)


class LineScanCamera(Protocol):
    """A camera that delivers boards line by line. All calls off the window's thread, every wait bounded."""

    @property
    def info(self) -> CameraInfo:
        """Who it is."""

    def open(self) -> None:
        """Take the camera. Raises CameraNotFound, CameraBusy."""

    def configure(self, config: AcquisitionConfig) -> AcquisitionConfig:
        """Set what can be set and return what really is. Width is never None in the answer. Raises FeatureError."""

    def start_acquisition(self) -> None:
        """Begin to deliver blocks; frame ids start anew."""

    def fetch(self, timeout_s: float) -> LineBlock | None:
        """Return the next block, or None when none came in time. Raises CameraLost, CameraError."""

    def stop_acquisition(self) -> None:
        """Stop; wakes `fetch`. May be called from any thread, and twice. Raises CameraLost."""

    def close(self) -> None:
        """Free the camera for the next program. Never raises; may be called twice."""


@runtime_checkable
class Watched(Protocol):
    """A camera that knows, while nothing is fetched from it, whether it is still there."""

    def check(self) -> None:
        """Raise CameraLost when it is not; costs next to nothing."""


class Detector(Protocol):
    """Finds defects on a board while its lines come in. One board at a time, one thread."""

    @property
    def info(self) -> EngineInfo:
        """What really runs."""

    def begin(self, scan: BoardScan, golden: Pixels | None = None) -> None:
        """Start on a board. `golden`: the defect-free board in the scan's geometry, or None."""

    def advance(self, lines: int) -> Detections:
        """Inspect every tile row that `lines` lines complete; return what is new, in board pixels, for the screen.

        What it returns is provisional: a defect on a seam may appear twice, or grow, until `finish`.
        """

    def finish(self, lines: int) -> Detections:
        """Inspect what is left of a board of `lines` lines; return all of its detections, merged across seams."""

    def abort(self) -> None:
        """Forget the board in hand."""

    @property
    def latency_ms(self) -> Mapping[str, float]:
        """Milliseconds spent on the board in hand by stage (preprocess, inference, postprocess, merge) and "tiles"."""

    def close(self) -> None:
        """Free the engine and all its memory, in the thread that used it. May be called twice."""


class ResultStore(Protocol):
    """Keeps inspections for ever. `record` is called from one thread only."""

    def record(self, inspection: Inspection, end: ScanEnd) -> None:
        """Write one board, its defects and their pictures, all or nothing. Raises StoreError."""

    def close(self) -> None:
        """Write what is left and let go."""


@dataclass(frozen=True, slots=True)
class MemorySample:
    """One reading of the memory that inspection uses.

    Attributes
    ----------
    label
        What was measured, for the plot's title: "VRAM, NVIDIA H200" or "process memory".
    used_mib, total_mib
        MiB; of the device, or of the process and the machine.
    gpu_percent, memory_percent
        Share of the last period in which a kernel ran, and in which the device's memory was read or written.
    pcie_rx_mib_s, pcie_tx_mib_s
        PCIe traffic into and out of the device, MiB/s.
    throttled
        Why the device's clocks are held down; empty when they are not.
    problem
        Why these values are old: what the last reading failed with; empty when it did not.

    What the device does not tell is None.
    """

    label: str
    used_mib: float
    total_mib: float
    gpu_percent: float | None = None
    memory_percent: float | None = None
    pcie_rx_mib_s: float | None = None
    pcie_tx_mib_s: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    throttled: tuple[str, ...] = ()
    problem: str = ""


class GpuMonitor(Protocol):
    """Reads the device's memory and load."""

    def sample(self) -> MemorySample:
        """Return the values of now."""

    def close(self) -> None:
        """Let go."""
