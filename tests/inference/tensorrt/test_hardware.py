"""What the GPU can do, the memory it has, and what the engine says of itself."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from aoi_app.core.errors import BackendMissing, EngineError
from aoi_app.core.install import install_line
from aoi_app.inference.runtimes.tensorrt.activation import CurvePoint, candidate_batches, choose_batch
from aoi_app.inference.runtimes.tensorrt.bench import name_bottleneck
from aoi_app.inference.runtimes.tensorrt.budget import MIB, VramBudget, estimate, ring_bytes
from aoi_app.inference.runtimes.tensorrt.gpu.driver import CudaError, CudaOutOfMemory, GpuLost, error_of
from aoi_app.inference.runtimes.tensorrt.hardware import GpuFacts, choose_precision, query_gpu
from aoi_app.inference.runtimes.tensorrt.inspector import parse_layers
from aoi_app.inference.runtimes.tensorrt.layout import BATCH
from aoi_app.inference.runtimes.tensorrt.library import Library, abilities, open_library
from aoi_app.inference.yardstick import write_yardstick
from tests.inference.tensorrt.standin_cuda import StandInCuda
from tests.inference.tensorrt.standin_trt import StandInTrt


def a_gpu(major: int, minor: int, name: str = "NVIDIA GPU") -> GpuFacts:
    return GpuFacts(0, name, (major, minor), "13.0", 10, 8 << 30, 7 << 30)


@pytest.mark.parametrize(
    ("capability", "wanted", "used"),
    [
        ((9, 0), "fp16", "fp16"),
        ((7, 5), "int8", "int8"),
        ((6, 1), "fp16", "fp32"),
        ((6, 1), "int8", "int8"),
        ((6, 0), "int8", "fp16"),
        ((5, 2), "int8", "fp32"),
        ((5, 2), "fp32", "fp32"),
    ],
)
def test_a_precision_that_the_gpu_cannot_do_is_replaced_and_said(
    capability: tuple[int, int], wanted: str, used: str
) -> None:
    gpu = a_gpu(*capability)
    choice = choose_precision(wanted, gpu)
    assert choice.precision == used
    assert bool(choice.message) == (used != wanted)
    if used != wanted:
        assert f"{used} is used instead of {wanted}" in choice.message
        with pytest.raises(EngineError, match="no fast"):
            choose_precision(wanted, gpu, degrade=False)


def test_tensor_cores() -> None:
    assert a_gpu(7, 5, "NVIDIA T4").tensor_cores
    assert not a_gpu(7, 5, "NVIDIA GeForce GTX 1660").tensor_cores


def test_the_driver_is_asked(cuda: StandInCuda) -> None:
    gpu = query_gpu()
    assert (gpu.name, gpu.compute_capability, gpu.driver) == ("Stand-in GPU", (8, 6), "13.0")
    assert gpu.fast_fp16
    with pytest.raises(EngineError, match="no GPU 3; the driver sees 1"):
        query_gpu(3)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("CUDA_ERROR_OUT_OF_MEMORY", CudaOutOfMemory),
        ("CUDA_ERROR_ILLEGAL_ADDRESS", GpuLost),
        ("CUDA_ERROR_ECC_UNCORRECTABLE", GpuLost),
        ("CUDA_ERROR_INVALID_VALUE", CudaError),
    ],
)
def test_errors_of_the_driver_keep_their_name(name: str, kind: type[CudaError]) -> None:
    error = error_of(name, "copy lines")
    assert type(error) is kind
    assert name in str(error)
    assert error.hint


def test_a_budget_that_does_not_fit_is_refused_with_the_sum() -> None:
    budget = VramBudget({"weights": 10 * MIB, "activations": 30 * MIB})
    budget.check(40 * MIB, "load it")
    with pytest.raises(EngineError, match=r"weights 10 \+ activations 30 = 40 MiB are needed, 39 MiB are free"):
        budget.check(39 * MIB, "load it")


def test_the_estimate_counts_what_is_there(tmp_path: Path) -> None:
    path = write_yardstick(tmp_path / "net.onnx", "tiny", size=64, classes=3, planes=1)
    one = estimate(path, "images", (1, 1, 64, 64), 1, 256, 1000).items
    four = estimate(path, "images", (4, 1, 64, 64), 2, 256, 1000).items
    assert one["I/O"] == 4 * (64 * 64 + 7 * 84)
    assert four["I/O"] == 8 * one["I/O"]
    assert four["activations"] == pytest.approx(8 * one["activations"], rel=1e-3)
    assert one["activations"] > 0
    of_a_lane = BATCH.itemsize  # what it is told, whatever its batch
    assert four["decoding"] - 2 * of_a_lane == 8 * (one["decoding"] - of_a_lane) > 0
    assert one["weights"] == four["weights"] == pytest.approx(path.stat().st_size, rel=0.1)
    assert one["workspace"] == 256 * MIB
    assert ring_bytes((640, 640), 128, 8) == 16_384 * (640 + 4 * 512)


def test_the_batch_is_the_smallest_that_is_nearly_the_fastest() -> None:
    curve = [CurvePoint(1, 0.5), CurvePoint(4, 1.0), CurvePoint(8, 1.62), CurvePoint(16, 3.2)]
    assert choose_batch(curve) == 8
    assert candidate_batches(1, 12) == (1, 2, 4, 8, 12)
    assert candidate_batches(3, 3) == (3,)


def test_the_bottleneck_is_named_when_there_is_one() -> None:
    assert name_bottleneck(1.0, 0.05, 0.02) == ""
    assert name_bottleneck(1.0, 0.3, 0.02) == "transfer (30%)"
    assert name_bottleneck(1.0, 0.01, 0.2) == "gaps between kernels (20%)"


def layer(name: str, kind: str, datatype: str) -> dict[str, object]:
    tensor = {"Name": "x", "Dimensions": [1, 8, 8, 8], "Format/Datatype": datatype}
    return {"Name": name, "LayerType": kind, "Inputs": [tensor], "Outputs": [tensor]}


def test_precision_is_counted_over_the_layers_that_compute() -> None:
    layers = [
        layer("conv1", "CaskConvolution", "Channel major FP16 format where channel % 8 == 0"),
        layer("conv2", "CaskConvolution", "Half"),
        layer("decode", "Myelin", "Row major linear FP32"),
        layer("to half", "Reformat", "Row major linear FP32"),
        {"Name": "c", "LayerType": "Constant", "Inputs": [], "Outputs": []},
    ]
    report = parse_layers(json.dumps({"Layers": layers}))
    assert str(report) == "FP16 in 2 of 3 layers"
    assert str(parse_layers(json.dumps({"Layers": layers[:2]}))) == "fp16"
    assert str(parse_layers(json.dumps({"Layers": ["conv1", "conv2"]}))) == "not told by the engine"
    with pytest.raises(EngineError):
        parse_layers("no JSON")


def test_type_and_format_apart_are_read_too() -> None:
    """As TensorRT 11 writes it."""

    def apart(kind: str, form: str) -> dict[str, object]:
        tensor = {"Name": "x", "Dimensions": [1, 8, 8, 8], "DataType": kind, "Format": form}
        return {"Name": "conv", "LayerType": "CaskConvolution", "Inputs": [tensor], "Outputs": [tensor]}

    layers = [
        apart("Half", "Channel major, channel % 8 == 0"),
        apart("Float", "Row major linear FP32 format (kLINEAR)"),
    ]
    assert str(parse_layers(json.dumps({"Layers": layers}))) == "FP16 in 1 of 2 layers"
    assert str(parse_layers(json.dumps({"Layers": [apart("Int8", "Row major linear"), *layers]}))) == (
        "INT8 in 1 of 3 layers"
    )


def test_an_engine_of_open_shapes_tells_by_its_tactics() -> None:
    """As TensorRT 8.6 writes it: formats left open, and control characters between the names of fused layers."""
    open_shapes = layer("conv", "CaskConvolution", "N/A due to dynamic shapes")
    half = {**open_shapes, "TacticName": "sm80_xmma_fprop_implicit_gemm_f16f16_f16f16_f16_nhwckrsc_nhwc_tilesize128x64"}
    single = {**open_shapes, "TacticName": "sm80_xmma_fprop_implicit_gemm_tf32f32_tf32f32_f32_nhwckrsc_nchw"}
    text = json.dumps({"Layers": [half, half, single]}).replace("conv", "a\x1eb")
    assert str(parse_layers(text)) == "FP16 in 2 of 3 layers"


def test_each_release_is_known_by_what_it_can_do() -> None:
    cuda = StandInCuda()
    old, new = abilities(StandInTrt(cuda, "8.6.0")), abilities(StandInTrt(cuda, "10.9.0"))
    assert (old.strong_typing, old.precision_flags, old.explicit_batch, old.progress, old.user_memory) == (
        False,
        True,
        True,
        False,
        False,
    )
    assert (new.strong_typing, new.explicit_batch, new.progress, new.user_memory) == (True, False, True, True)
    for version, name in (("8.6.0", "EXPLICIT_BATCH"), ("10.9.0", "STRONGLY_TYPED")):
        module = StandInTrt(cuda, version)
        bit = int(getattr(module.NetworkDefinitionCreationFlag, name))
        assert Library("tensorrt", module).network_flags() == 1 << bit


def test_a_missing_library_comes_with_its_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tensorrt", None)
    open_library.cache_clear()
    with pytest.raises(BackendMissing, match=re.escape(install_line("tensorrt"))):
        open_library("tensorrt")
    open_library.cache_clear()
