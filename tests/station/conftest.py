"""A line whose boards carry bright squares for defects, and a detector that finds exactly those."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pytest

from aoi_app.camera.assembler import BoardAssembler
from aoi_app.camera.ring import BufferRing
from aoi_app.core.detection import Detections
from aoi_app.core.errors import CameraLost, CameraNotFound
from aoi_app.core.inspection import EngineInfo, Inspection
from aoi_app.core.protocols import AcquisitionConfig, CameraInfo, MemorySample
from aoi_app.core.recipe import Recipe
from aoi_app.core.scan import BoardScan, LineBlock, Pixels, ScanEnd
from aoi_app.core.settings import Settings
from aoi_app.station.acquisition import Line
from aoi_app.station.engines import EngineSpec, Progress
from aoi_app.station.station import Parts, Station

WIDTH, LINES, HEIGHT = 96, 160, 32


def board_image(number: int) -> Pixels:
    """Board `number` has `number % 3` defects."""
    image = np.full((LINES, WIDTH), 40 + number % 7, np.uint8)
    for k in range(number % 3):
        image[20 + 60 * k : 30 + 60 * k, 10 + 30 * k : 22 + 30 * k] = 255
    return image


class SquareCamera:
    """Delivers boards 0, 1, 2, ... in blocks when there is room; can be told to vanish in the middle of one."""

    def __init__(self, world: World, width: int) -> None:
        self._world = world
        self._width = width
        self._frame_id = 0
        self.has_room: Callable[[], bool] = lambda: True
        self._blocks: Iterator[LineBlock | None] = iter(())

    @property
    def info(self) -> CameraInfo:
        return CameraInfo("test", "squares")

    def open(self) -> None:
        if self._world.gone.is_set():
            raise CameraNotFound("No camera answers.", "Check the cable.")
        self._world.opened += 1

    def configure(self, config: AcquisitionConfig) -> AcquisitionConfig:
        return config

    def start_acquisition(self) -> None:
        self._frame_id = 0
        self._blocks = self._run()

    def _run(self) -> Iterator[LineBlock | None]:
        while self._world.next_board < self._world.boards:
            while not self.has_room():
                yield None
            number = self._world.next_board
            self._world.next_board += 1
            image = board_image(number)[:, : self._width]
            for first in range(0, LINES, HEIGHT):
                yield LineBlock(
                    image[first : first + HEIGHT].copy(),
                    self._frame_id,
                    time.monotonic_ns(),
                    starts_board=first == 0,
                    ends_board=first + HEIGHT == LINES,
                    serial=f"B{number:04d}" if first == 0 else None,
                )
                self._frame_id += 1

    def check(self) -> None:
        if self._world.gone.is_set():
            raise CameraLost("The camera does not answer any more.", "Check the cable.")

    def fetch(self, timeout_s: float) -> LineBlock | None:
        self.check()
        block = next(self._blocks, None)
        time.sleep(self._world.block_s if block is not None else min(timeout_s, 0.01))
        return block

    def stop_acquisition(self) -> None:
        self._blocks = iter(())

    def close(self) -> None:
        self._world.closed += 1


class SquareDetector:
    """Finds the bright squares whose lines are all in; fails when the world says so."""

    def __init__(self, world: World, spec: EngineSpec) -> None:
        self._world = world
        self.spec = spec
        self._scan: BoardScan | None = None
        self._tiles = 0
        self.closed = False

    @property
    def info(self) -> EngineInfo:
        return EngineInfo(self.spec.runtime, self.spec.precision, self.spec.model, "0" * 64, "test", ("square",))

    def begin(self, scan: BoardScan, golden: Pixels | None = None) -> None:
        assert not self.closed
        self._scan, self._tiles = scan, 0

    def advance(self, lines: int) -> Detections:
        self._world.maybe_fail(self.spec)
        self._tiles += 1
        return Detections.empty()

    def finish(self, lines: int) -> Detections:
        self._world.maybe_fail(self.spec)
        assert self._scan is not None
        rows = self._scan.pixels[:lines, :, ...] > 200
        boxes = [
            (10 + 30 * k, 20 + 60 * k, 22 + 30 * k, 30 + 60 * k)
            for k in range(2)
            if rows[25 + 60 * k : 26 + 60 * k].any()
        ]
        n = len(boxes)
        return Detections(
            np.array(boxes, np.float32).reshape(-1, 4), np.full(n, 0.9, np.float32), np.zeros(n, np.int32)
        )

    def abort(self) -> None:
        self._scan = None

    @property
    def latency_ms(self) -> Mapping[str, float]:
        return {"inference": 1.0, "tiles": self._tiles}

    def close(self) -> None:
        self.closed, self._scan = True, None


class MemoryStore:
    def __init__(self, world: World) -> None:
        self._world = world

    def record(self, inspection: Inspection, end: ScanEnd) -> None:
        if self._world.store_error is not None:
            raise self._world.store_error
        assert end.image.shape[0] == inspection.completeness.lines
        time.sleep(self._world.record_s)
        self._world.unrecorded.append(self._world.verdicts() - len(self._world.recorded))
        self._world.recorded.append(inspection)

    def close(self) -> None:
        self._world.store_closed = True


class QuietMonitor:
    def sample(self) -> MemorySample:
        return MemorySample("test", 1, 2)

    def close(self) -> None:
        pass


class World:
    """Everything around a station, with its faults."""

    def __init__(self) -> None:
        self.boards = 0
        self.next_board = 0
        self.block_s = 0.0005
        self.gone = threading.Event()
        self.opened = self.closed = 0
        self.recorded: list[Inspection] = []
        self.record_s = 0.0
        self.verdicts: Callable[[], int] = lambda: 0
        self.unrecorded: list[int] = []
        self.store_error: Exception | None = None
        self.store_closed = False
        self.failing: set[str] = set()
        self.refused: set[str] = set()
        self.detectors: list[SquareDetector] = []
        self.golden_error: Exception | None = None

    def maybe_fail(self, spec: EngineSpec) -> None:
        if spec.precision in self.failing:
            raise RuntimeError(f"{spec.precision} ran into an illegal address")

    def make(self, spec: EngineSpec, progress: Progress) -> SquareDetector:
        progress("loading")
        if spec.precision in self.refused:
            raise RuntimeError(f"{spec.precision} is refused")
        self.detectors.append(SquareDetector(self, spec))
        return self.detectors[-1]

    def fallback(self, spec: EngineSpec) -> EngineSpec | None:
        order = {"fp16": "fp32"}
        other = order.get(spec.precision)
        return EngineSpec(spec.model, spec.runtime, other, spec.min_confidence) if other else None

    def open_line(self, settings: Settings, recipe: Recipe) -> Line:
        camera = SquareCamera(self, recipe.width_px or WIDTH)
        camera.open()
        applied = camera.configure(AcquisitionConfig(WIDTH, HEIGHT))
        ring = BufferRing(settings.ring_slots, WIDTH * 2 * LINES)
        camera.has_room = lambda: ring.free > 0
        return Line(camera, BoardAssembler(ring, applied.height, max_lines=2 * LINES))

    def golden(self, scan: BoardScan, recipe: Recipe) -> Pixels | None:
        if self.golden_error is not None:
            raise self.golden_error
        return None

    def parts(self) -> Parts:
        return Parts(self.open_line, self.make, self.fallback, lambda _: MemoryStore(self), QuietMonitor, self.golden)

    def serials(self) -> list[str]:
        return [i.serial for i in self.recorded]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def station(world: World) -> Iterator[Station]:
    running = Station(world.parts(), Settings(precision="fp16"), Recipe(width_px=WIDTH))
    yield running
    running.close()


def wait_until(done: Callable[[], bool], timeout_s: float = 60.0, every_s: float = 0.005) -> None:
    deadline = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(every_s)
