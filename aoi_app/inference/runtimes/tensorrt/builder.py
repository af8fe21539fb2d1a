"""From an ONNX file to a plan: one function for every release of the library."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aoi_app.core.errors import ModelError
from aoi_app.inference.onnx_file import load_proto
from aoi_app.inference.runtimes.tensorrt.library import Library
from aoi_app.inference.runtimes.tensorrt.pairs import plain_before, separate_pairs
from aoi_app.inference.runtimes.tensorrt.progress import BuildWatch, counting, make_monitor

_log = logging.getLogger(__name__)

MIB = 1024 * 1024
_FLOAT, _FLOAT16 = 1, 10  # of onnx.TensorProto
_PLAIN_BEFORE = ("Add",)
"""What reads unrounded values where types are weak: TensorRT 8.6 has no Resize whose result is rounded for an Add."""


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


TIMINGS = 8
"""Runs of a kernel whose mean tells how long it takes. One, as is usual, is soon wrong where a line runs beside the
build: on a busy machine it chose FP32 for half of a network's layers, and an FP16 plan slower than that in FP32."""


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
    What the progress listener raises to cancel goes through, but where it came too late: a plan that is whole is
    returned, and `watch.raise_stop` tells of it.
    """
    trt = library.module
    started = time.monotonic()
    watch.report(0.0, "reading the network")
    builder = trt.Builder(library.logger)
    network = builder.create_network(library.network_flags())
    _parse(library, network, request.onnx)
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, request.workspace_mib * MIB)
    config.builder_optimization_level = request.optimisation_level
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED  # the inspector reads the precision back
    if hasattr(config, "max_aux_streams"):
        config.max_aux_streams = 0  # one order of work, and no streams that nobody asked for
    if hasattr(trt.BuilderFlag, "REQUIRE_USER_ALLOCATION"):
        config.set_flag(trt.BuilderFlag.REQUIRE_USER_ALLOCATION)  # what takes memory of its own, no graph can record
    if hasattr(config, "avg_timing_iterations"):
        config.avg_timing_iterations = TIMINGS
    _no_external_tactics(trt, config)
    if hasattr(trt, "PreviewFeature") and hasattr(trt.PreviewFeature, "PROFILE_SHARING_0806"):
        config.set_preview_feature(trt.PreviewFeature.PROFILE_SHARING_0806, True)  # several contexts, as later releases
    if library.can.precision_flags and not library.can.strong_typing:
        _weak_types(library, network, config, request.onnx)
    if request.dynamic:
        config.add_optimization_profile(_profile(builder, request))
    cache = _open_cache(library, config, request.timing_cache)
    monitor = make_monitor(library, watch)
    if monitor is not None:
        config.progress_monitor = monitor
    watch.report(0.0, f"{library.title} chooses tactics")
    with counting(watch, library.title) if monitor is None else nullcontext():
        plan = builder.build_serialized_network(network, config)
    if plan is None:
        watch.raise_stop()
        raise library.failure(f"build an engine from {request.onnx.name}")
    if cache is not None and request.timing_cache is not None:
        _write_cache(config, request.timing_cache)
    return BuiltPlan(bytes(plan), time.monotonic() - started)


def _parse(library: Library, network: Any, onnx: Path) -> None:
    parser = library.module.OnnxParser(network, library.logger)
    plain = () if library.can.strong_typing else _PLAIN_BEFORE
    if parser.parse(network_bytes(onnx, plain), str(onnx)):
        return
    reasons = "; ".join(f"{e.node()}: {e.desc()}" for e in (parser.get_error(i) for i in range(parser.num_errors)))
    raise ModelError(
        f"{library.title} cannot read {onnx.name}: {reasons or 'it gave no reason'}.",
        "Export the model with standard operators, opset 17 or older for TensorRT 8.6.",
    )


def network_bytes(path: Path, plain: Collection[str] = ()) -> bytes:
    """Return the file as it is parsed: an input that is only ever cast to FP16 becomes FP16 itself.

    The kernel that cuts the tiles then writes what the first layer reads, and half the bytes. In INT8 every reader of
    a rounded tensor gets a rounding of its own, and nodes of the kinds `plain` none.
    """
    proto = load_proto(path)
    weights = {t.name for t in proto.graph.initializer}
    for source in proto.graph.input:
        readers = [n for n in proto.graph.node if source.name in n.input]
        if source.name not in weights and readers and all(_casts_to_half(n) for n in readers):
            source.type.tensor_type.elem_type = _FLOAT16
    separate_pairs(proto)
    plain_before(proto, plain)
    return bytes(proto.SerializeToString())


def _casts_to_half(node: Any) -> bool:
    return bool(node.op_type == "Cast" and any(a.name == "to" and a.i == _FLOAT16 for a in node.attribute))


def _profile(builder: Any, request: BuildRequest) -> Any:
    profile = builder.create_optimization_profile()
    rest = request.input_shape[1:]
    batches = request.profile
    profile.set_shape(request.input_name, (batches.least, *rest), (batches.best, *rest), (batches.most, *rest))
    return profile


def _no_external_tactics(trt: Any, config: Any) -> None:
    """Leave out cuBLAS and cuDNN, as later releases do: detectors gain nothing, both take device memory."""
    sources = getattr(trt, "TacticSource", None)
    external = [getattr(sources, n) for n in ("CUBLAS", "CUBLAS_LT", "CUDNN") if hasattr(sources, n)]
    if external:
        config.set_tactic_sources(config.get_tactic_sources() & ~sum(1 << int(e) for e in external))


def _weak_types(library: Library, network: Any, config: Any, onnx: Path) -> None:
    """Let TensorRT 8.6 follow the types that the ONNX file has.

    Without strong typing the flags only allow a precision; what the file keeps in FP32 while the rest is FP16 is
    asked for layer by layer. The library does not tell types before it has built, so the file is asked.
    """
    trt = library.module
    types = node_types(onnx)
    if types.quantised:
        config.set_flag(trt.BuilderFlag.INT8)
    if not types.half:
        return
    config.set_flag(trt.BuilderFlag.FP16)
    config.set_flag(trt.BuilderFlag.PREFER_PRECISION_CONSTRAINTS)
    kinds = _arithmetic(trt)
    for layer in (network.get_layer(i) for i in range(network.num_layers)):
        if layer.type in kinds and types.single & set(_nodes_of(layer)):
            layer.precision = trt.float32


@dataclass(frozen=True, slots=True)
class NodeTypes:
    """What a file says of its nodes.

    Attributes
    ----------
    half, quantised
        Whether any node computes FP16; whether any quantises.
    single
        Names of the nodes that compute FP32.
    """

    half: bool
    quantised: bool
    single: frozenset[str]


def node_types(path: Path) -> NodeTypes:
    """Return in which types the nodes of a file compute."""
    import onnx

    graph = onnx.shape_inference.infer_shapes(load_proto(path)).graph
    kinds = {v.name: v.type.tensor_type.elem_type for v in (*graph.value_info, *graph.input, *graph.output)}
    computing = [n for n in graph.node if n.op_type not in ("Cast", "Constant", "Shape")]
    return NodeTypes(
        half=any(kinds.get(name) == _FLOAT16 for n in computing for name in n.output),
        quantised=any(n.op_type == "QuantizeLinear" for n in computing),
        single=frozenset(n.name for n in computing if any(kinds.get(name) == _FLOAT for name in n.output)),
    )


def _nodes_of(layer: Any) -> list[str]:
    """Return the ONNX nodes that a layer was made of, by its name and what the parser noted."""
    return [layer.name, *re.findall(r"ONNX Layer: ([^\]\x1e]+)", str(getattr(layer, "metadata", "")))]


def _arithmetic(trt: Any) -> set[Any]:
    names = (
        "CONVOLUTION", "DECONVOLUTION", "MATRIX_MULTIPLY", "ACTIVATION", "ELEMENTWISE", "UNARY", "REDUCE", "SOFTMAX",
        "SCALE", "POOLING", "NORMALIZATION",
    )  # fmt: skip
    return {getattr(trt.LayerType, name) for name in names if hasattr(trt.LayerType, name)}


def _open_cache(library: Library, config: Any, path: Path | None) -> Any:
    if path is None:
        return None
    known = path.read_bytes() if path.is_file() else b""
    library.logger.last_error = ""
    library.logger.trying = bool(known)
    try:
        cache = config.create_timing_cache(known)
        taken = cache is not None and config.set_timing_cache(cache, False)
    finally:
        library.logger.trying = False
    # 8.x at times cannot read what it wrote ("Myelin error from unknown graph"), says so in its log only, and then
    # builds without any cache: https://github.com/lightvector/KataGo/issues/739
    if not taken or (known and library.logger.last_error):
        # Of another GPU or release, or damaged: start a new one rather than fail.
        _log.info("The timing cache %s could not be read, a new one is begun: %s", path.name, library.logger.last_error)
        library.logger.last_error = ""
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, False)
    return cache


def _write_cache(config: Any, path: Path) -> None:
    cache = config.get_timing_cache()
    if cache is None:
        return
    draft = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(bytes(cache.serialize()))
        draft.replace(path)
    except OSError as error:  # the plan is what minutes went into
        _log.warning("The timing cache %s could not be written: %s", path.name, error.strerror)
