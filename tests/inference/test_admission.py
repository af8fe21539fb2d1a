from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from aoi_app.camera.drawn_source import DrawnSource
from aoi_app.core.errors import EngineError
from aoi_app.core.protocols import Detector
from aoi_app.inference.admission import open_admitted
from aoi_app.inference.catalog import find_model
from aoi_app.inference.frozen import FrozenBoard, frozen_boards
from aoi_app.inference.gate import GateLimits
from aoi_app.inference.runtimes.table import open_detector

MODEL = find_model("pcb-bare-deeppcb")


@pytest.fixture(scope="module")
def boards(tmp_path_factory: pytest.TempPathFactory) -> tuple[FrozenBoard, ...]:
    folder = tmp_path_factory.mktemp("plant") / "frozen"
    DrawnSource("bare", {"width": 1_024, "lines": 800}).freeze(folder, 3)
    return frozen_boards([folder])


def open_with(precision: str, boards: Sequence[FrozenBoard], model: Path = MODEL) -> str:
    detector, certificate = open_admitted(
        model, "onnxruntime", precision, lambda: boards, GateLimits(), min_confidence=0.05, overlap=128
    )
    detector.close()
    return str(certificate) if certificate else "reference"


def test_the_reference_needs_no_gate() -> None:
    assert open_with("fp32", ()) == "reference"


def test_fp16_is_admitted_with_a_certificate(boards: Sequence[FrozenBoard]) -> None:
    assert len(boards) == 3 and all(b.truth is not None and b.golden is not None for b in boards)
    assert "admitted. 0 of" in open_with("fp16", boards)


def test_without_images_nothing_is_admitted() -> None:
    with pytest.raises(EngineError, match="no images"):
        open_with("fp16", ())


def test_without_images_nothing_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*args: object, **how: object) -> Detector:
        raise AssertionError("minutes for nothing")

    monkeypatch.setattr("aoi_app.inference.admission.open_detector", build)
    with pytest.raises(EngineError, match="no images"):
        open_with("fp16", ())


def test_both_are_asked_for_boxes_as_faint(boards: Sequence[FrozenBoard], monkeypatch: pytest.MonkeyPatch) -> None:
    """Average precision counts faint boxes: who gives more of them would look better."""
    asked = []

    def opened(*args: object, **how: object) -> Detector:
        asked.append(how["min_confidence"])
        return open_detector(*args, **how)  # type: ignore[arg-type]

    monkeypatch.setattr("aoi_app.inference.admission.open_detector", opened)
    assert "mAP50 " in open_with("fp16", boards[:1])
    assert asked == [0.05, 0.05]


def test_an_engine_that_loses_boxes_is_refused(
    boards: Sequence[FrozenBoard], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = tmp_path / "damaged.onnx"
    proto = onnx.load(str(MODEL))
    for tensor in proto.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.ndim == 4:
            rng = np.random.default_rng(0)
            noisy = values + rng.normal(0, 0.5 * values.std(), values.shape).astype(values.dtype)
            tensor.CopyFrom(numpy_helper.from_array(noisy, tensor.name))
    onnx.save(proto, str(damaged))

    def open_damaged(path: Path, runtime: str, precision: str, **how: object) -> Detector:
        return open_detector(damaged if precision != "fp32" else path, runtime, "fp32", **how)  # type: ignore[arg-type]

    monkeypatch.setattr("aoi_app.inference.admission.open_detector", open_damaged)
    with pytest.raises(EngineError, match="boxes of the reference are lost"):
        open_with("fp16", boards)
