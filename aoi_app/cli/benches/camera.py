"""Lines per second of each camera driver that can run without hardware."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from aoi_app.cli.benches.options import Figures, Options
from aoi_app.core.errors import CameraError

SECONDS = 5.0
LINE_RATE = 20_000.0
ADDRESS = "127.0.0.9"
DRAWING_S = 4.0
"""The device draws its board before it answers."""


@dataclass(frozen=True, slots=True)
class Bench:
    """A driver and what stands in for its camera."""

    driver: str
    stand_in: str
    source: str
    options: Mapping[str, int | float | str | bool]


def run(options: Options) -> Figures:
    """Grab from each driver in turn at one line rate."""
    from aoi_app.camera.bench import bench_camera
    from aoi_app.camera.drivers import create_camera
    from aoi_app.core.protocols import AcquisitionConfig

    rate = options.line_rate or LINE_RATE
    table = Table(
        "driver", "camera", "width", "lines/s", "lost", "wake-up ms", "idle ms",
        title=f"Set: {rate:,.0f} lines/s, {SECONDS:g} s each", title_justify="left",
    )  # fmt: skip
    figures: Figures = {}
    with _device():
        for bench in _benches():
            try:
                config = AcquisitionConfig(height=256, acquisition_line_rate=rate)
                found = bench_camera(create_camera(bench.source, bench.options), config, SECONDS)
            except CameraError as error:
                figures[bench.driver] = {"error": error.what}
                table.add_row(bench.driver, bench.stand_in, "", error.what)
                continue
            figures[bench.driver] = dataclasses.asdict(found)
            table.add_row(
                bench.driver,
                bench.stand_in,
                str(found.width),
                f"{found.lines_per_s:,.0f}",
                str(found.lost_lines),
                f"{found.wake_up_ms_median:.2f}",
                f"{found.idle_wake_up_ms_median:.2f}",
            )
    options.people.print(table)
    return figures


def _benches() -> Iterator[Bench]:
    # Board after board without a gap: every line of the set rate is one that must arrive.
    yield Bench("simulated", "drawn boards", "simulated:bare", {"gap_lines": 0})
    yield Bench("gige", "aoi camera serve, on loopback", f"gige:{ADDRESS}", {"packet_size": 8_000})
    if importlib.util.find_spec("pypylon") is not None:
        os.environ.setdefault("PYLON_CAMEMU", "1")
        yield Bench("pylon", "pylon's emulator", "pylon:0815-0000", {})
    genicam = importlib.util.find_spec("genicam")
    if genicam is not None and genicam.origin is not None:
        producer = Path(genicam.origin).with_name("viky.cti")
        yield Bench("gentl", "the producer of the genicam package", "gentl:", {"cti": str(producer)})


@contextlib.contextmanager
def _device() -> Iterator[None]:
    """Run our own GigE Vision camera in a process of its own, as a camera would be."""
    command = [sys.executable, "-m", "aoi_app", "camera", "serve", "--address", ADDRESS, "--gap-lines", "0"]
    device = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(DRAWING_S)
        yield
    finally:
        device.terminate()
        device.wait(10)
