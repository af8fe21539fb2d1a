"""Quantised tensors of LiteRT, and files that do not belong to the model."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi_app.core.errors import EngineError, ModelError
from aoi_app.inference.model import Model, read_model
from aoi_app.inference.runtimes.litert import LiteRt
from aoi_app.inference.runtimes.litert_file import _METADATA_FILES, _metadata, plain, quantised

from .conftest import MakeOnnx


@given(st.integers(0, 2**32 - 1), st.floats(1e-3, 10), st.integers(-128, 127), st.sampled_from([np.int8, np.uint8]))
def test_there_and_back_is_within_half_a_step(seed: int, scale: float, zero: int, kind: type) -> None:
    tensor = {"dtype": kind, "quantization": (scale, zero if kind is np.int8 else zero + 128)}
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    steps = np.random.default_rng(seed).uniform(low, high, 50) - tensor["quantization"][1]  # type: ignore[index]
    values = (steps * scale).astype(np.float32)
    integers = quantised(values, tensor)
    assert integers.dtype == kind
    np.testing.assert_allclose(plain(integers, tensor), values, atol=0.501 * scale, rtol=1e-5)
    far = quantised(np.array([-1e9, 1e9], np.float32), tensor)
    assert far.tolist() == [low, high]


def test_plain_tensors_pass_as_they_are() -> None:
    tensor = {"dtype": np.float32, "quantization": (0.0, 0)}
    values = np.array([1.5, -2], np.float32)
    np.testing.assert_array_equal(quantised(values, tensor), values)
    assert plain(values, tensor) is values


@pytest.fixture
def model(make_onnx: MakeOnnx) -> Model:
    values = np.zeros((6, 84), np.float32)
    return read_model(
        make_onnx([("output0", values, (1, 6, 84))], input_shape=(1, 3, 64, 64), metadata={"names": "['a', 'b']"})
    )


def ignore(share: float, text: str) -> None:
    """Progress that nobody looks at."""


def test_a_broken_file_beside_the_model_is_refused_by_name(model: Model) -> None:
    pytest.importorskip("ai_edge_litert", reason="not installed")
    beside = model.path.with_name("model.fp32.tflite")
    for data in (b"", b"\x1c\x00\x00\x00TFL3" + bytes(200), b"no model at all" * 20):
        beside.write_bytes(data)
        with pytest.raises(ModelError, match=r"model\.fp32\.tflite"):
            LiteRt().load(model, "fp32", {}, ignore)


def test_int8_needs_images(model: Model, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="0 tiles were found"):
        LiteRt().load(model, "int8", {"calibration": str(tmp_path)}, ignore)


def test_metadata_that_cannot_be_unpacked_is_none(tmp_path: Path) -> None:
    file = tmp_path / "metadata.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_METADATA_FILES[0], json.dumps({"names": "['a', 'b']", "more": "x" * 500}))
    data = file.read_bytes()
    assert _metadata(file)["names"] == "['a', 'b']"
    start = 30 + len(_METADATA_FILES[0])
    for damaged in (
        data[:start] + b"\xff" * 20 + data[start + 20 :],  # no deflate stream
        data.replace(b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00"),  # "encrypted"
    ):
        assert damaged != data
        file.write_bytes(damaged)
        assert _metadata(file) == {}
