"""A short trial on this machine: would OpenVINO inspect faster here than ONNX Runtime? Nothing is switched by it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aoi_app.core.errors import EngineError
from aoi_app.inference.compare import compare
from aoi_app.inference.comparison import REFERENCE, Choice
from aoi_app.inference.frozen import FrozenBoard
from aoi_app.inference.model import read_model
from aoi_app.inference.runtimes.table import RUNTIMES

CANDIDATE = Choice("openvino", "fp32")
BOARDS = 4
ROUNDS = 3


def trial(model: Path, boards: Sequence[FrozenBoard], rounds: int = ROUNDS) -> str:
    """Measure OpenVINO and ONNX Runtime in FP32 on the same boards, in turns, and return what came out of it.

    Raises
    ------
    EngineError
        There are no boards, or ONNX Runtime itself fails.
    """
    entry = RUNTIMES[CANDIDATE.runtime]
    if not entry.available:
        return f"OpenVINO is not installed. Install it with: {entry.install}"
    if not boards:
        raise EngineError("There are no images to measure on.", "Put some of the plant's own boards in its folder.")
    overlap = read_model(model).size[1] // 5
    found = {f.choice: f for f in compare(model, boards[:BOARDS], (CANDIDATE,), rounds=rounds, overlap=overlap).figures}
    here, other = found[REFERENCE], found[CANDIDATE]
    fast, usual = round(other.tiles_per_second), round(here.tiles_per_second)
    if other.error:
        return f"OpenVINO cannot run this model here: {other.error}"
    if other.lost_boxes:
        return f"OpenVINO loses {other.lost_boxes} of {other.reference_boxes} boxes here: stay with ONNX Runtime."
    if fast <= usual:
        return f"ONNX Runtime is the faster one here: {usual} tiles a second, OpenVINO {fast}."
    return (
        f"OpenVINO is the faster one here: {fast} tiles a second, ONNX Runtime {usual}, and no box is lost. "
        "Choose it above if you like."
    )
