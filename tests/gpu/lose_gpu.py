"""A GPU that is lost while boards are inspected: python -m tests.gpu.lose_gpu MODEL STORE, in a process of its own."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from aoi_app.boards.draw import draw_window
from aoi_app.boards.spec import BoardSpec
from aoi_app.core.errors import EngineError
from aoi_app.core.protocols import Detector
from aoi_app.detectors import fallback
from aoi_app.inference.frozen import detect
from aoi_app.inference.runtimes.base import Option
from aoi_app.inference.runtimes.table import open_detector
from aoi_app.inference.runtimes.tensorrt.detector import TensorRtDetector
from aoi_app.station.engines import Engines, EngineSpec, Progress
from aoi_app.station.journal import Journal
from tests.gpu.conftest import QUICK


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("store", type=Path)
    given = parser.parse_args()

    def make(spec: EngineSpec, progress: Progress) -> Detector:
        options: dict[str, Option] | None = {**QUICK, "store": str(given.store)} if spec.runtime == "tensorrt" else None
        return open_detector(
            given.model, spec.runtime, spec.precision, min_confidence=spec.min_confidence, overlap=64, options=options
        )

    journal = Journal()
    engines = Engines(make, fallback, journal)
    engines.request(EngineSpec(str(given.model), "tensorrt", "fp16", 0.25))
    while not engines.settled:
        time.sleep(0.05)
    detector = engines.take_over()
    assert isinstance(detector, TensorRtDetector), [event.what for event in journal.after(0)]
    drawn = draw_window(BoardSpec(width=900, lines=900, defects=(20, 20)), 1)
    board = (drawn.image, drawn.golden)
    before = detect(detector, *board)
    engines.board_done()
    break_context(detector)
    try:
        detect(detector, *board)
        raise SystemExit("The broken GPU went unnoticed.")
    except EngineError as error:
        said = str(error)
        other: Detector | None = engines.failed(error)
    assert other is not None, "nothing is left to inspect with"
    after = detect(other, *board)
    lines = [event.what for event in journal.after(0)]
    print(json.dumps({"said": said, "runs": other.info.runtime, "boxes": [len(before), len(after)], "log": lines}))
    engines.close()


def break_context(detector: TensorRtDetector) -> None:
    """Let a kernel write where nothing is: no later call in this process's context succeeds."""
    kernels, lane = detector.activation.kernels, detector.activation.lanes[0]
    assert kernels is not None
    kernels.preprocess(lane.stream, 1, 0x10, 0x10, 0x10)


if __name__ == "__main__":
    main()
