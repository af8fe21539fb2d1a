"""From an ONNX file to a plan: one function for every release of the library."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aoi_app.core.errors import ModelError
from aoi_app.inference.runtimes.tensorrt.library import Library
from aoi_app.inference.runtimes.tensorrt.progress import BuildWatch, make_monitor

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Profile:
    """Batches that an engine takes: at least, tuned for, at most."""

    least: int
    best: int
    most: int


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to build.

    Attributes
    ----------
    onnx
        The file in its final precision.
    input_shape
        Of one run, NCHW (or NHWC); the first number is replaced by the profile's batches.
    dynamic
        Whether the file leaves the batch (or size) open, so that a profile is needed.
    optimisation_level
        0 (fast build) to 5 (fast engine).
    workspace_mib
        Device memory that tactics may use while they run.
    timing_cache
        File of measured tactics, read if it is there and written back; None for none.
    """

    onnx: Path
    input_name: str
    input_shape: tuple[int, int, int, int]
    profile: Profile
    dynamic: bool
    optimisation_level: int = 3
    workspace_mib: int = 1024
    timing_cache: Path | None = None


@dataclass(frozen=True, slots=True)
class BuiltPlan:
    """A plan and how long it took."""

    data: bytes
    seconds: float


def build_plan(library: Library, request: BuildRequest, watch: BuildWatch) -> BuiltPlan:
    """Build an engine.

    Raises
    ------
    ModelError
        The library's parser refuses the file; with its reasons.
    EngineError
        No engine came out.
    BuildCancelled
        Somebody stopped it.
    """
    trt = library.module
    started = time.monotonic()
    watch.report("reading the network")
    builder = trt.Builder(library.logger)
    network = builder.create_network(library.network_flags())
    _parse(library, network, request.onnx)
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, request.workspace_mib * MIB)
    config.builder_optimization_level = request.optimisation_level
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED  # the inspector reads the precision back
    if hasattr(config, "max_aux_streams"):
        config.max_aux_streams = 0  # one order of work, and no streams that nobody asked for
    if library.can.precision_flags and not library.can.strong_typing:
        _weak_types(library, network, config)
    if request.dynamic:
        config.add_optimization_profile(_profile(builder, request))
    cache = _open_cache(config, request.timing_cache)
    monitor = make_monitor(library, watch)
    if monitor is not None:
        config.progress_monitor = monitor
    watch.report("choosing tactics")
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        watch.report("stopping")  # raises when that is why
        raise library.failure(f"build an engine from {request.onnx.name}")
    if cache is not None and request.timing_cache is not None:
        _write_cache(config, request.timing_cache)
    watch.report("done", 1.0)
    return BuiltPlan(bytes(plan), time.monotonic() - started)


def _parse(library: Library, network: Any, onnx: Path) -> None:
    parser = library.module.OnnxParser(network, library.logger)
    if parser.parse(onnx.read_bytes(), str(onnx)):
        return
    reasons = "; ".join(f"{e.node()}: {e.desc()}" for e in (parser.get_error(i) for i in range(parser.num_errors)))
    raise ModelError(
        f"{library.title} cannot read {onnx.name}: {reasons or 'it gave no reason'}.",
        "Export the model with standard operators, opset 17 or older for TensorRT 8.6.",
    )


def _profile(builder: Any, request: BuildRequest) -> Any:
    profile = builder.create_optimization_profile()
    rest = request.input_shape[1:]
    batches = request.profile
    profile.set_shape(request.input_name, (batches.least, *rest), (batches.best, *rest), (batches.most, *rest))
    return profile


def _weak_types(library: Library, network: Any, config: Any) -> None:
    """Let TensorRT 8.6 follow the types that the ONNX file has.

    Without strong typing the flags only allow a precision; what the file keeps in FP32 while the rest is FP16 is
    asked for layer by layer.
    """
    trt = library.module
    layers = [network.get_layer(i) for i in range(network.num_layers)]
    types = {layer.get_output(j).dtype for layer in layers for j in range(layer.num_outputs)}
    types |= {network.get_input(i).dtype for i in range(network.num_inputs)}
    if any(layer.type == trt.LayerType.QUANTIZE for layer in layers):
        config.set_flag(trt.BuilderFlag.INT8)
    if trt.float16 not in types:
        return
    config.set_flag(trt.BuilderFlag.FP16)
    config.set_flag(trt.BuilderFlag.PREFER_PRECISION_CONSTRAINTS)
    for layer in layers:
        if layer.type in _arithmetic(trt) and layer.get_output(0).dtype == trt.float32:
            layer.precision = trt.float32


def _arithmetic(trt: Any) -> set[Any]:
    names = (
        "CONVOLUTION", "DECONVOLUTION", "MATRIX_MULTIPLY", "ACTIVATION", "ELEMENTWISE", "UNARY", "REDUCE", "SOFTMAX",
        "SCALE", "POOLING", "NORMALIZATION", "RESIZE",
    )  # fmt: skip
    return {getattr(trt.LayerType, name) for name in names if hasattr(trt.LayerType, name)}


def _open_cache(config: Any, path: Path | None) -> Any:
    if path is None:
        return None
    known = path.read_bytes() if path.is_file() else b""
    cache = config.create_timing_cache(known)
    if cache is None or not config.set_timing_cache(cache, False):
        # Of another GPU or release, or damaged: start a new one rather than fail.
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, False)
    return cache


def _write_cache(config: Any, path: Path) -> None:
    cache = config.get_timing_cache()
    if cache is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    draft.write_bytes(bytes(cache.serialize()))
    draft.replace(path)
