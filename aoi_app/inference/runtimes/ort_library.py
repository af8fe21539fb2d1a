"""The library `onnxruntime`: sessions with the settings that a station needs."""

from __future__ import annotations

import re
import tempfile
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from aoi_app.core.errors import ModelError
from aoi_app.inference.model import Model
from aoi_app.inference.onnx_file import load_proto

if TYPE_CHECKING:
    import onnx

CPU: Sequence[tuple[str, Mapping[str, str]]] = (("CPUExecutionProvider", {}),)
PROBE_S = 60.0
"""A network that takes longer than this for an empty image is of no use on a line."""
_NOISE = (
    re.compile(r"\[ONNXRuntimeError\] : \d+ : \w+ : "),
    re.compile(r"Load model from .* failed: ?"),
    re.compile(r"(Exception during initialization|Fatal error): "),
    # File, line and signature of the C++ function that threw.
    re.compile(r"/\S+:\d+ .*?\)(?: const)?(?: \[.*?\])? (?=[A-Z]|\w+ )"),
)
_COMPUTE = ("Conv", "Gemm", "MatMul")
_KINDS = {"float": "fp32", "float16": "fp16", "bfloat16": "bf16", "int8": "int8", "uint8": "int8"}


def run_once(path: Path, feeds: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
    """Run a network a single time and return all of its outputs by name. Raises ModelError."""
    import onnxruntime as ort

    session = open_session(path, 1, level="none")
    names = [output.name for output in session.get_outputs()]
    limit = ort.RunOptions()
    # A file from anywhere may loop for ever; the library looks at this between two nodes.
    watch = threading.Timer(PROBE_S, setattr, (limit, "terminate", True))
    watch.start()
    try:
        return dict(zip(names, session.run(names, dict(feeds), limit), strict=True))
    except Exception as error:
        shapes = ", ".join(f"{name} {value.shape}" for name, value in feeds.items())
        raise ModelError(
            f"{path.name} fails on an empty image ({shapes}): {first_line(error)}.",
            "Export it for a fixed size, or give its size in the metadata (imgsz).",
        ) from error
    finally:
        watch.cancel()


def simplified(model: Model, batch: int) -> onnx.ModelProto:
    """Return the network for a fixed batch with everything constant computed, in standard operators only.

    Raises ModelError.
    """
    import onnx

    proto = load_proto(model.path)
    source = next(v for v in proto.graph.input if v.name == model.input_name)
    for dim, value in zip(source.type.tensor_type.shape.dim, model.input_shape(batch), strict=True):
        dim.dim_value = value
    # What was noted for any batch is not true any more; it is inferred again.
    del proto.graph.value_info[:]
    for output in proto.graph.output:
        output.type.tensor_type.ClearField("shape")
    with tempfile.TemporaryDirectory(prefix="aoi-ort-") as folder:
        written = Path(folder) / "simplified.onnx"
        open_session(proto.SerializeToString(), 1, level="basic", written=written)
        return onnx.load(str(written))


def open_session(
    network: Path | bytes,
    threads: int,
    *,
    level: str = "all",
    written: Path | None = None,
    providers: Sequence[tuple[str, Mapping[str, str]]] = CPU,
    devices: Sequence[Any] = (),
    exact: bool = True,
) -> Any:
    """Return an `InferenceSession`.

    Parameters
    ----------
    level
        How much the graph is optimised: none, basic (standard operators stay standard), all.
    written
        Where the library writes down what it made of the graph.
    providers
        Name and options of execution providers, the best first.
    devices
        Of a plug-in, instead of `providers`.
    exact
        Whether INT8 products are added up rightly where that is slower.

    Raises
    ------
    ModelError
        The library refuses the network.
    """
    import onnxruntime as ort

    wanted = ort.SessionOptions()
    wanted.intra_op_num_threads = threads
    wanted.inter_op_num_threads = 1
    # Threads that spin while they wait take the cores from the window and the camera.
    wanted.add_session_config_entry("session.intra_op.allow_spinning", "0")
    wanted.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    # Without it x86 processors that have no VNNI add two products in 16 bits, and clip what does not fit: INT8 networks
    # were wrong by whole pixels there, without a word. Others, and weights in 7 bits, are as fast as without.
    wanted.add_session_config_entry("session.x64quantprecision", "1" if exact else "0")
    wanted.log_severity_level = 4  # failures come as exceptions
    if written is not None:
        wanted.optimized_model_filepath = str(written)
    levels = ort.GraphOptimizationLevel
    wanted.graph_optimization_level = {
        "none": levels.ORT_DISABLE_ALL,
        "basic": levels.ORT_ENABLE_BASIC,
        "all": levels.ORT_ENABLE_ALL,
    }[level]
    try:
        source = network if isinstance(network, bytes) else str(network)
        if devices:
            wanted.add_provider_for_devices(list(devices), {})
            return ort.InferenceSession(source, wanted)
        return ort.InferenceSession(source, wanted, providers=[(n, dict(o)) for n, o in providers])
    except Exception as error:
        raise ModelError(
            f"ONNX Runtime {ort.__version__} refuses {_called(network)}: {first_line(error)}.",
            "Export it with standard operators, and for the opset of this version.",
        ) from error


def layers(path: Path) -> dict[str, int]:
    """Count the computing layers of an optimised network by the type of their weights."""
    import onnx
    from onnx import TensorProto

    graph = onnx.load(str(path), load_external_data=False).graph
    kinds = {t.name: TensorProto.DataType.Name(t.data_type).lower() for t in graph.initializer}
    quantised = {n.output[0]: n.input[0] for n in graph.node if n.op_type == "DequantizeLinear"}
    counts: Counter[str] = Counter()
    for node in graph.node:
        if any(name in node.op_type for name in _COMPUTE):
            # Integer operators take x, its scale and zero point, then the weights.
            weights = node.input[3] if node.op_type.startswith("QLinear") else node.input[1]
            kind = _KINDS.get(kinds.get(weights, ""))
            # Weights that are unpacked in front of the layer: it computes in FP32.
            kind = kind or ("fp32" if weights in quantised else None)
            if kind is not None:
                counts[kind] += 1
    return dict(counts)


def _called(network: Path | bytes) -> str:
    return "the network" if isinstance(network, bytes) else network.name


def first_line(error: BaseException) -> str:
    """Return what an error of the library says, on one line and without the places in its source."""
    text = " ".join(str(error).split()) or type(error).__name__
    for noise in _NOISE:
        text = noise.sub("", text)
    return text.strip()[:300].rstrip(". ")
