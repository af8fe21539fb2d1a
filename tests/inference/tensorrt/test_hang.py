"""A GPU that never answers again: what was in a call is given up, nothing else waits for it, and the line goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from aoi_app.core.errors import EngineError
from aoi_app.core.inspection import Verdict
from aoi_app.core.protocols import Detector
from aoi_app.core.recipe import Recipe
from aoi_app.core.settings import Settings
from aoi_app.inference import device_calls
from aoi_app.inference.device_calls import GivenUp, Watch
from aoi_app.inference.runtimes.board_memory import board_memory
from aoi_app.inference.runtimes.tensorrt.gpu.driver import GpuLost
from aoi_app.inference.runtimes.tensorrt.gpu.memory import pinned_allocator
from aoi_app.station.engines import EngineSpec, Progress
from aoi_app.station.station import Station
from aoi_app.station.status import Level, State
from tests.inference.tensorrt.standin_cuda import StandInCuda
from tests.inference.tensorrt.standin_trt import StandInTrt
from tests.inference.tensorrt.test_detector import board, inspect, open_one, scan_of
from tests.station.conftest import WIDTH, World, wait_until

ONE = pytest.mark.parametrize("version", ["8.6.0"])


def give_up(thread: threading.Thread) -> None:
    watch = Watch()
    wait_until(lambda: watch.gives_up(thread) is not None)


class Doing(threading.Thread):
    """Does something, and keeps how that ended."""

    def __init__(self, what: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._what = what
        self.ended: BaseException | None = None

    def run(self) -> None:
        try:
            self._what()
        except BaseException as error:
            self.ended = error
        del self._what


@ONE
def test_what_a_silent_gpu_holds_is_left_and_no_call_is_made_to_it(
    trt: StandInTrt, cuda: StandInCuda, network: Path, store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    detector = open_one(network, store)
    ring = pinned_allocator(4096)
    inspecting = Doing(partial(inspect, detector, board(300, 200), 50))
    caplog.set_level("INFO", "aoi_app.inference")
    cuda.hang()
    inspecting.start()
    give_up(inspecting)
    held, pinned = cuda.held, len(cuda.pinned)
    detector.abort()
    detector.close()
    del ring
    with pytest.raises(GpuLost, match=r"GPU 0 has not answered for 10 s"):
        open_one(network, store)
    assert board_memory("tensorrt") is None, "a new ring is in ordinary memory"
    assert (cuda.held, len(cuda.pinned)) == (held, pinned)
    assert len(cuda.hanging) == 1, "the one that was given up"
    assert "its memory is left" in caplog.text
    cuda.answer()
    inspecting.join(30)
    assert isinstance(inspecting.ended, GivenUp)


@ONE
def test_freeing_on_a_gpu_that_hangs_is_given_up_too(
    trt: StandInTrt, cuda: StandInCuda, network: Path, store: Path
) -> None:
    detector = open_one(network, store)
    cuda.hang()
    closing = Doing(detector.close)
    closing.start()
    give_up(closing)
    assert len(cuda.hanging) == 1
    with pytest.raises(EngineError, match="closed"):
        detector.begin(scan_of(board(64, 64)))
    cuda.answer()
    closing.join(30)
    assert isinstance(closing.ended, GivenUp)


class HangingWorld(World):
    """A line whose fp16 is an engine on a GPU, and whose fp32 is none."""

    def __init__(self, open_engine: Callable[[], Detector]) -> None:
        super().__init__()
        self._open_engine = open_engine

    def make(self, spec: EngineSpec, progress: Progress) -> Detector:  # type: ignore[override]
        return self._open_engine() if spec.precision == "fp16" else super().make(spec, progress)


@ONE
@pytest.mark.parametrize("hangs", ["while a board is inspected", "while engines are swapped"])
def test_a_gpu_that_hangs_costs_one_board_and_the_line_goes_on(
    trt: StandInTrt, cuda: StandInCuda, network: Path, store: Path, hangs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_calls, "LIMIT_S", 3.0)
    world = HangingWorld(lambda: open_one(network, store))
    world.boards, world.block_s = 10_000, 0.004
    station = Station(world.parts(), Settings(precision="fp16"), Recipe(width_px=WIDTH))
    try:
        station.start()
        wait_until(lambda: len(world.recorded) >= 3)
        before = threading.enumerate()
        cuda.hang()
        if hangs == "while engines are swapped":
            station.apply(station.settings.with_changes(precision="int8"))
        wait_until(lambda: any("not answered" in i.reason for i in world.recorded))
        seen = len(world.recorded)
        wait_until(lambda: len(world.recorded) >= seen + 5)
        assert station.status().state is State.RUNNING
        assert [i.verdict is Verdict.ERROR for i in world.recorded].count(True) == 1
        assert world.serials() == [f"B{n:04d}" for n in range(len(world.recorded))], "each once, in order"
        last = world.recorded[-1].engine
        assert last is not None and last.runtime != f"TensorRT {trt.__version__}"
        said = [e.what for e in station.events(0) if e.level is Level.ERROR]
        assert any("GPU 0 has not answered" in what for what in said)
        assert len(cuda.hanging) == 1
    finally:
        assert station.close() == 0
    cuda.answer()
    stuck = [t for t in before if t.name == "aoi-inspect"]
    wait_until(lambda: not any(t.is_alive() for t in stuck))
    recorded = len(world.recorded)
    time.sleep(0.2)
    assert len(world.recorded) == recorded, "a thread that comes back does nothing more"


@ONE
def test_a_gpu_that_hangs_while_an_engine_is_prepared_leaves_the_line_another(
    trt: StandInTrt, cuda: StandInCuda, network: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_calls, "LIMIT_S", 3.0)

    def gated() -> Detector:
        detector = open_one(network, store)
        cuda.hang()
        inspect(detector, board(100, 100))
        return detector

    world = HangingWorld(gated)
    world.boards = 5
    station = Station(world.parts(), Settings(precision="fp16"), Recipe(width_px=WIDTH))
    try:
        station.start()
        wait_until(lambda: len(world.recorded) == 5)
        assert all(i.verdict is not Verdict.ERROR for i in world.recorded)
        assert any("GPU 0 has not answered" in e.what for e in station.events(0))
    finally:
        assert station.close() == 0
