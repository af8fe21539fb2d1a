"""A GPU that hangs while a line runs: python -m tests.gpu.hang_gpu MODEL STORE, in a process of its own.

The stream of every lane waits for a word in memory that nobody writes: what is queued behind it never ends.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from aoi_app.cli.ending import ending
from aoi_app.core.inspection import Verdict
from aoi_app.core.protocols import Detector
from aoi_app.core.recipe import Recipe
from aoi_app.core.scan import Pixels
from aoi_app.core.settings import Settings
from aoi_app.inference.runtimes.base import Option
from aoi_app.inference.runtimes.table import open_detector
from aoi_app.inference.runtimes.tensorrt.detector import TensorRtDetector
from aoi_app.inference.runtimes.tensorrt.gpu.driver import check, driver, enter
from aoi_app.inference.runtimes.tensorrt.gpu.memory import pinned_allocator
from aoi_app.station.engines import EngineSpec, Progress
from aoi_app.station.station import Station
from aoi_app.station.status import Level
from tests.gpu.conftest import QUICK
from tests.station.conftest import WIDTH, World, wait_until

_AT_LEAST = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("store", type=Path)
    given = parser.parse_args()
    opened: list[TensorRtDetector] = []

    class HangingWorld(World):
        def make(self, spec: EngineSpec, progress: Progress) -> Detector:  # type: ignore[override]
            if spec.precision != "fp16":
                return super().make(spec, progress)
            options: dict[str, Option] = {**QUICK, "store": str(given.store)}
            made = open_detector(given.model, "tensorrt", "fp16", min_confidence=0.25, overlap=64, options=options)
            assert isinstance(made, TensorRtDetector)
            opened.append(made)
            return made

    world = HangingWorld()
    world.boards, world.block_s = 10_000, 0.01
    station = Station(world.parts(), Settings(precision="fp16", ring_slots=16), Recipe(width_px=WIDTH))
    station.start()
    wait_until(lambda: len(world.recorded) >= 3, 300)
    before = world.recorded[-1].engine
    word = pinned_allocator(4)
    hang(opened[0], word)
    wait_until(lambda: any(i.verdict is Verdict.ERROR for i in world.recorded))
    seen = len(world.recorded)
    wait_until(lambda: len(world.recorded) >= seen + 5)
    after = world.recorded[-1].engine
    errors = [i.reason for i in world.recorded if i.verdict is Verdict.ERROR]
    lost = station.close()
    told = {
        "before": before.runtime if before else "",
        "after": after.runtime if after else "",
        "errors": errors,
        "in order": world.serials() == [f"B{n:04d}" for n in range(len(world.recorded))],
        "lost": lost,
        "said": [event.what for event in station.events(0) if event.level is Level.ERROR],
    }
    print(json.dumps(told))
    raise SystemExit(0)


def hang(detector: TensorRtDetector, word: Pixels) -> None:
    """Let the streams of a detector wait for ever."""
    enter(detector.activation.device)
    for lane in detector.activation.lanes:
        check(driver().cuStreamWaitValue32(lane.stream.handle, word.ctypes.data, 1, _AT_LEAST), "let a stream wait")


if __name__ == "__main__":
    with ending():
        main()
