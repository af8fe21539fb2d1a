"""How many lines a second a camera's driver really delivers, and whether other threads get their turn meanwhile."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import numpy as np

from aoi_app.camera.meter import LineMeter
from aoi_app.core.protocols import AcquisitionConfig, LineScanCamera

NAP_S = 0.001


@dataclass(frozen=True, slots=True)
class CameraFigures:
    """What was measured.

    Attributes
    ----------
    lines_per_s
        Delivered, from the first block to the last.
    lost_lines
        By frame ids and encoder.
    wake_up_ms_median, wake_up_ms_p99
        How much later than asked a thread that sleeps wakes up while another one grabs.
    idle_wake_up_ms_median
        The same while nothing is grabbed.
    """

    driver: str
    width: int
    height: int
    seconds: float
    blocks: int
    lines: int
    lines_per_s: float
    mib_per_s: float
    lost_lines: int
    wake_up_ms_median: float
    wake_up_ms_p99: float
    idle_wake_up_ms_median: float


def bench_camera(camera: LineScanCamera, config: AcquisitionConfig, seconds: float = 5.0) -> CameraFigures:
    """Grab from a camera for a while and measure; opens it and closes it.

    Raises
    ------
    CameraError
        The camera cannot be opened, configured or read.
    """
    camera.open()
    try:
        applied = camera.configure(config)
        with _Sleeper() as idle:
            time.sleep(min(1.0, seconds))
        camera.start_acquisition()
        with _Sleeper() as busy:
            meter, lines, took = _grab(camera, applied.height, seconds)
        camera.stop_acquisition()
    finally:
        camera.close()
    width = applied.width or 0
    rate = lines / took if took else 0.0
    late = busy.late_ms()
    return CameraFigures(
        camera.info.driver,
        width,
        applied.height,
        took,
        meter.blocks,
        lines,
        rate,
        rate * width * applied.pixel_format.channels / (1 << 20),
        meter.lost_lines,
        float(np.median(late)),
        float(np.percentile(late, 99)),
        float(np.median(idle.late_ms())),
    )


def _grab(camera: LineScanCamera, height: int, seconds: float) -> tuple[LineMeter, int, float]:
    """Return what was counted, the lines after the first block, and the seconds that these took."""
    meter = LineMeter(height)
    first = last = 0.0
    before = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        block = camera.fetch(0.2)
        if block is None:
            continue
        last = time.monotonic()
        meter.feed(block)
        if not first:
            first, before = last, meter.lines
    return meter, meter.lines - before, last - first


class _Sleeper:
    """A thread that sleeps again and again and notes how much too late it wakes."""

    def __init__(self) -> None:
        self._late: list[float] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="aoi-bench-sleeper", daemon=True)

    def __enter__(self) -> _Sleeper:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self._thread.join()

    def late_ms(self) -> list[float]:
        return self._late or [0.0]

    def _run(self) -> None:
        while not self._end.is_set():
            begun = time.perf_counter()
            time.sleep(NAP_S)
            self._late.append((time.perf_counter() - begun - NAP_S) * 1e3)
