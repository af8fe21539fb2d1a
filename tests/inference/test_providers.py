"""Execution providers of ONNX Runtime: refused when missing, and never a silent fall to the CPU."""

from __future__ import annotations

import logging
import sys
import types
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from aoi_app.core.errors import BackendMissing, EngineError
from aoi_app.inference.model import Model, read_model
from aoi_app.inference.runtimes.onnxruntime import OnnxRuntime
from aoi_app.inference.runtimes.ort_providers import PROVIDERS, missing_providers
from aoi_app.inference.yardstick import write_yardstick

from .conftest import MakeOnnx
from .test_seven_bits import SIDE, WHOLE, detector


@pytest.fixture
def model(make_onnx: MakeOnnx) -> Model:
    values = np.zeros((6, 84), np.float32)
    return read_model(
        make_onnx([("output0", values, (1, 6, 84))], input_shape=(1, 3, 64, 64), metadata={"names": "['a', 'b']"})
    )


@pytest.fixture
def network(tmp_path: Path) -> Model:
    return read_model(write_yardstick(tmp_path / "tiny.onnx", "tiny", size=64, classes=3))


def ignore(share: float, text: str) -> None:
    """Progress that nobody looks at."""


@pytest.mark.parametrize("name", [name for name in PROVIDERS if name != "cpu"])
def test_a_provider_that_is_not_there_is_named_with_its_install_line(name: str, model: Model) -> None:
    if name not in missing_providers():
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


def test_after_a_fall_the_cpu_s_own_precision_is_told(
    network: Model, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if "CUDAExecutionProvider" in ort.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    monkeypatch.setenv("AOI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    with pytest.warns(UserWarning, match="CUDAExecutionProvider"):
        session = OnnxRuntime().load(network, "fp16", {"provider": "cuda"}, ignore)
    assert session.info.precision == "fp32"
    assert "CUDA could not start" in session.info.detail and "asked for fp16" in session.info.detail


def test_openvino_as_a_provider_computes_and_says_so(network: Model) -> None:
    """Where an ONNX Runtime with it is installed: `pip install onnxruntime-openvino` in an environment of its own."""
    if "openvino" in missing_providers():
        pytest.skip(missing_providers()["openvino"])
    tile = np.random.default_rng(0).random(network.input_shape(1)).astype(np.float32)
    here = OnnxRuntime().load(network, "fp32", {}, ignore)
    session = OnnxRuntime().load(network, "fp32", {"provider": "openvino"}, ignore)
    assert session.info.device == "OpenVINO"
    np.testing.assert_allclose(session.run(tile)[0], here.run(tile)[0], atol=1e-2)


def test_openvino_as_a_provider_adds_the_largest_integers_up(tmp_path: Path) -> None:
    if "openvino" in missing_providers():
        pytest.skip(missing_providers()["openvino"])
    largest = read_model(detector(tmp_path / "largest.onnx", "integers"))
    session = OnnxRuntime().load(largest, "int8", {"provider": "openvino"}, ignore)
    np.testing.assert_allclose(session.run(np.ones((1, 3, SIDE, SIDE), np.float32))[0], WHOLE, rtol=1e-4)


def test_a_plug_in_that_cannot_be_loaded_says_why(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its wheel may be there without the libraries that it needs, or for another ONNX Runtime."""
    if "tensorrt_rtx" in missing_providers():
        plugin = types.ModuleType(PROVIDERS["tensorrt_rtx"].plugin)
        plugin.__spec__ = ModuleSpec(plugin.__name__, None)
        plugin.get_library_path = lambda: "/nowhere/libprovider.so"  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, plugin.__name__, plugin)
    assert "tensorrt_rtx" not in missing_providers()
    with pytest.raises(EngineError, match=r"TensorRT for RTX (cannot be loaded|finds no device)"):
        OnnxRuntime().load(model, "fp32", {"provider": "tensorrt_rtx"}, ignore)
