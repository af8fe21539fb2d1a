"""ONNX Runtime on the CPU: what the station runs on everywhere. The home of the `onnxruntime` library."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.errors import EngineError, ModelError
from aoi_app.inference.calibration import plant_images_dir
from aoi_app.inference.model import Model
from aoi_app.inference.onnx_file import load_proto, weight_types
from aoi_app.inference.precision import PrecisionFile, in_precision
from aoi_app.inference.quantise import Progress, unsigned_activations
from aoi_app.inference.runtimes.base import Options, SessionInfo, chosen_options, layers_in_words

_DEFAULTS: Options = {"threads": 0, "batch": 1, "calibration": ""}
_COMPUTE = ("Conv", "Gemm", "MatMul")
_KINDS = {"float": "fp32", "float16": "fp16", "bfloat16": "bf16", "int8": "int8", "uint8": "int8"}


class OnnxRuntime:
    """Loads ONNX models into ONNX Runtime.

    Options: `threads` of one run (0 leaves one core to the rest of the station), `batch` for a model that takes any
    number of tiles (on a CPU one at a time is as fast as many), `calibration`: folder of images for INT8.
    """

    def load(self, model: Model, precision: str, options: Options, progress: Progress) -> OnnxSession:
        """Return a session for `model`. Raises EngineError, ModelError."""
        chosen = chosen_options("ONNX Runtime", options, _DEFAULTS)
        images = [Path(str(chosen["calibration"] or plant_images_dir()))]
        file = in_precision(model, precision, images=images, progress=progress)
        return OnnxSession(file, int(chosen["threads"]), int(chosen["batch"]))


class OnnxSession:
    """One model in ONNX Runtime."""

    def __init__(self, file: PrecisionFile, threads: int, batch: int) -> None:
        self._model = file.model
        threads = threads or max(1, (os.cpu_count() or 2) - 1)
        self._batch = self._model.batch or max(1, batch)
        with tempfile.TemporaryDirectory(prefix="aoi-ort-") as folder:
            # A network of FP32 only runs as it is; for the others the library writes down what it made of them.
            held = weight_types(self._model.path)
            written = Path(folder) / "optimised.onnx" if held != {"float"} else None
            network: Path | bytes = self._model.path
            if "int8" in held:
                proto = load_proto(self._model.path)
                unsigned_activations(proto)
                network = proto.SerializeToString()
            self._session: Any = _open(network, threads, written=written)
            layers = _layers(written) if written is not None else {"fp32": 1}
        ran = layers_in_words(layers)
        self._info = SessionInfo(
            "ONNX Runtime",
            ran,
            f"CPU, {threads} thread{'s' if threads > 1 else ''}",
            "" if file.precision in ran.lower() else f"asked for {file.precision}, which this CPU does not compute in",
            file.sha256,
        )

    @property
    def info(self) -> SessionInfo:
        """What really runs."""
        return self._info

    @property
    def batch(self) -> int:
        """Tiles in a run."""
        return self._batch

    @property
    def fixed_batch(self) -> bool:
        """Whether every run must have exactly `batch` tiles."""
        return self._model.batch is not None

    def run(self, batch: NDArray[Any]) -> Sequence[NDArray[Any]]:
        """Return the model's outputs. Raises EngineError."""
        if self._session is None:
            raise EngineError("This engine has been freed.", "Load it again.")
        feed = {self._model.input_name: np.ascontiguousarray(batch)}
        try:
            outputs: list[NDArray[Any]] = self._session.run(list(self._model.output_names), feed)
        except Exception as error:  # the library raises its own types, bare Exceptions and RuntimeErrors
            raise EngineError(
                f"ONNX Runtime failed on {self._model.path.name}: {_first_line(error)}.",
                "See the log; check the model with: aoi bench --model FILE.",
            ) from error
        return outputs

    def close(self) -> None:
        """Free the session. May be called twice."""
        self._session = None


def run_once(path: Path, feeds: Mapping[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
    """Run a network a single time and return all of its outputs by name. Raises ModelError."""
    session = _open(path, 1, optimise=False)
    names = [output.name for output in session.get_outputs()]
    try:
        return dict(zip(names, session.run(names, dict(feeds)), strict=True))
    except Exception as error:
        shapes = ", ".join(f"{name} {value.shape}" for name, value in feeds.items())
        raise ModelError(
            f"{path.name} fails on an empty image ({shapes}): {_first_line(error)}.",
            "Export it for a fixed size, or give its size in the metadata (imgsz).",
        ) from error


def _open(network: Path | bytes, threads: int, *, optimise: bool = True, written: Path | None = None) -> Any:
    import onnxruntime as ort

    wanted = ort.SessionOptions()
    wanted.intra_op_num_threads = threads
    wanted.inter_op_num_threads = 1
    # Threads that spin while they wait take the cores from the window and the camera.
    wanted.add_session_config_entry("session.intra_op.allow_spinning", "0")
    wanted.log_severity_level = 4  # failures come as exceptions
    if written is not None:
        wanted.optimized_model_filepath = str(written)
    if not optimise:
        wanted.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        source = network if isinstance(network, bytes) else str(network)
        return ort.InferenceSession(source, wanted, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(
            f"ONNX Runtime {ort.__version__} refuses {_called(network)}: {_first_line(error)}.",
            "Export it with standard operators, and for the opset of this version.",
        ) from error


def _layers(path: Path) -> dict[str, int]:
    """Count the computing layers of an optimised network by the type of their weights."""
    import onnx
    from onnx import TensorProto

    graph = onnx.load(str(path)).graph
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
    return "the INT8 network" if isinstance(network, bytes) else network.name


def _first_line(error: BaseException) -> str:
    text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return text[:300].rstrip(".")
