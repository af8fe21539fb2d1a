"""A detector that finds what it found of a board then, but for one defect, and one that it did not find."""

from __future__ import annotations

import numpy as np

from aoi_app.core.detection import Detections
from aoi_app.core.inspection import EngineInfo
from aoi_app.core.scan import BoardScan, Pixels
from aoi_app.storage.history import BoardRecord

ADDED = (20.0, 30.0, 60.0, 70.0)


class Changed:
    """Knows the record of the board that it will see."""

    def __init__(self, record: BoardRecord) -> None:
        self._names = ("open", "short", "mousebite", "spur", "copper", "pin-hole")
        kept = [d.defect for d in record.defects[1:]]
        codes = [*(d.defect_code for d in kept), "spur"]
        self._found = Detections(
            np.array([*(d.box for d in kept), ADDED], np.float32),
            np.array([*(d.confidence for d in kept), 0.77], np.float32),
            np.array([self._names.index(code) for code in codes], np.int32),
        )

    @property
    def info(self) -> EngineInfo:
        return EngineInfo("ONNX Runtime 1.31", "fp32", "aoi-bare-2", "cd" * 32, "CPU, 2 threads", self._names)

    @property
    def latency_ms(self) -> dict[str, float]:
        return {"tiles": 12.0, "inference": 400.0}

    def begin(self, scan: BoardScan, golden: Pixels | None = None) -> None: ...

    def advance(self, lines: int) -> Detections:
        return Detections.empty()

    def finish(self, lines: int) -> Detections:
        return self._found

    def abort(self) -> None: ...

    def close(self) -> None: ...
