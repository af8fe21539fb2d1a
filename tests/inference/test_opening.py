"""From a file to a detector that inspects, with the real library."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto

from aoi_app.core.errors import BackendMissing, EngineError, ModelError
from aoi_app.core.scan import BoardScan, PixelFormat, read_only
from aoi_app.inference.card import card_path
from aoi_app.inference.catalog import default_model, find_model, list_models
from aoi_app.inference.runtimes import table
from aoi_app.inference.runtimes.table import RuntimeEntry, open_detector

from .conftest import MakeOnnx

NAMES = {"names": "{0: 'open', 1: 'short'}"}


def found_once() -> NDArray[np.float32]:
    values = np.zeros((6, 84), np.float32)  # 64 x 64 px: 64 + 16 + 4 cells
    values[:, 9] = (20, 30, 10, 12, 0.1, 0.8)
    return values


def scan(width: int, lines: int) -> BoardScan:
    return BoardScan("id", "s", read_only(np.zeros((lines, width), np.uint8)), PixelFormat.MONO8, 0, 0)


@pytest.mark.parametrize("batch", [1, 4, "batch"])
@pytest.mark.parametrize("half", [False, True])
def test_a_file_becomes_a_detector(batch: int | str, half: bool, make_onnx: MakeOnnx) -> None:
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    path = make_onnx(
        [("output0", np.stack([found_once()] * 4)[0], (batch, 6, 84))],
        input_shape=(batch, 3, 64, 64),
        metadata=NAMES,
        input_type=kind,
        output_type=kind,
    )
    detector = open_detector(path, "onnxruntime", "fp32", min_confidence=0.5, overlap=16)
    assert detector.info.class_names == ("open", "short") and detector.info.runtime == "ONNX Runtime"
    detector.begin(scan(112, 64))
    found = detector.finish(64)
    assert found.classes.tolist() == [1, 1]
    np.testing.assert_allclose(found.boxes, [[15, 24, 25, 36], [63, 24, 73, 36]], atol=0.02)
    detector.close()
    detector.close()
    with pytest.raises(EngineError):
        detector.begin(scan(112, 64))


def test_a_corrupt_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"\x08\x08" + bytes(300))
    with pytest.raises(ModelError, match="broken"):
        open_detector(path, "onnxruntime", "fp32", min_confidence=0.5, overlap=16)


def test_an_unknown_runtime_option_or_library_is_named(make_onnx: MakeOnnx, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_onnx([("output0", found_once(), (1, 6, 84))], input_shape=(1, 3, 64, 64), metadata=NAMES)
    with pytest.raises(EngineError, match="no runtime called 'abacus'"):
        open_detector(path, "abacus", "fp32")
    with pytest.raises(EngineError, match="no option speed"):
        open_detector(path, "onnxruntime", "fp32", options={"speed": 11})
    entry = RuntimeEntry("gone", "Gone", ("no_such_library",), "pip install no-such-library", "x:Y")
    monkeypatch.setattr(table, "RUNTIMES", {"gone": entry})
    with pytest.raises(BackendMissing) as caught:
        open_detector(path, "gone", "fp32")
    assert "pip install no-such-library" in caught.value.hint


def test_the_engines_folder(make_onnx: MakeOnnx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AOI_ENGINES", str(tmp_path))
    with pytest.raises(ModelError, match="no model in"):
        default_model()
    plain = make_onnx([("output0", found_once(), (1, 6, 84))], name="a.onnx", metadata=NAMES)
    carded = make_onnx([("output0", found_once(), (1, 6, 84))], name="b.onnx", metadata=NAMES)
    card_path(carded).write_text(json.dumps({"name": "the good one"}))
    assert [entry.name for entry in list_models()] == ["a", "the good one"]
    assert default_model() == carded
    assert find_model("") == carded
    assert find_model("a") == find_model("a.onnx") == find_model(str(plain)) == plain
    with pytest.raises(ModelError, match=r"There are: a\.onnx, b\.onnx"):
        find_model("c")


def test_a_model_smaller_than_the_usual_overlap_inspects(make_onnx: MakeOnnx) -> None:
    path = make_onnx([("output0", found_once(), (1, 6, 84))], input_shape=(1, 3, 64, 64), metadata=NAMES)
    detector = open_detector(path)  # tiles share 128 px unless it is told otherwise
    detector.begin(scan(96, 64))
    # Two tiles, one step of half a tile apart: each finds it in its own place.
    np.testing.assert_allclose(detector.finish(64).boxes, [[15, 24, 25, 36], [47, 24, 57, 36]])
    assert detector.latency_ms["tiles"] == 2
    detector.close()
