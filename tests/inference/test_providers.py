"""Execution providers of ONNX Runtime: refused when missing, and never a silent fall to the CPU."""

from __future__ import annotations

import logging

import numpy as np
import onnxruntime as ort
import pytest

from aoi_app.core.errors import BackendMissing, EngineError
from aoi_app.inference.model import Model, read_model
from aoi_app.inference.runtimes.onnxruntime import OnnxRuntime
from aoi_app.inference.runtimes.ort_providers import PROVIDERS

from .conftest import MakeOnnx


@pytest.fixture
def model(make_onnx: MakeOnnx) -> Model:
    values = np.zeros((6, 84), np.float32)
    return read_model(
        make_onnx([("output0", values, (1, 6, 84))], input_shape=(1, 3, 64, 64), metadata={"names": "['a', 'b']"})
    )


def ignore(share: float, text: str) -> None:
    """Progress that nobody looks at."""


@pytest.mark.parametrize("name", [name for name in PROVIDERS if name != "cpu"])
def test_a_provider_that_is_not_there_is_named_with_its_install_line(name: str, model: Model) -> None:
    if PROVIDERS[name].name in ort.get_available_providers():
        pytest.skip(f"this ONNX Runtime has {name}")
    with pytest.raises(BackendMissing) as caught:
        OnnxRuntime().load(model, "fp32", {"provider": name}, ignore)
    assert PROVIDERS[name].title in caught.value.what and "pip install" in caught.value.hint


def test_an_unknown_provider_is_refused(model: Model) -> None:
    with pytest.raises(EngineError, match="'abacus'"):
        OnnxRuntime().load(model, "fp32", {"provider": "abacus"}, ignore)


def test_a_fall_to_the_cpu_is_announced(
    model: Model, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if "CUDAExecutionProvider" in ort.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    # The library itself drops a provider that it cannot start, and goes on; here it is made to look installed.
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    with caplog.at_level(logging.WARNING), pytest.warns(UserWarning, match="CUDAExecutionProvider"):
        session = OnnxRuntime().load(model, "fp32", {"provider": "cuda"}, ignore)
    assert session.info.device.startswith("CPU")
    assert "CUDA could not start" in session.info.detail and "CUDA could not start" in caplog.text
    assert session.run(np.zeros(model.input_shape(1), np.float32))[0].shape == (1, 6, 84)
