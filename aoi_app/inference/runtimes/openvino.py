"""OpenVINO on CPU, GPU and NPU. The home of the `openvino` library."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.errors import AoiError, EngineError, ModelError
from aoi_app.inference.model import Model
from aoi_app.inference.precision import PrecisionFile, cache_dir, in_precision
from aoi_app.inference.quantise import Progress
from aoi_app.inference.runtimes.base import Options, SessionInfo, chosen_options, layers_in_words
from aoi_app.inference.runtimes.on_processor import for_processor
from aoi_app.inference.runtimes.session import (
    FixedSession,
    batch_of,
    freed,
    images_of,
    on_cpu,
    threads_of,
    unless_asked,
)
from aoi_app.inference.seven_bits import clips

_DEFAULTS: Options = {
    "device": "CPU",
    "hint": "latency",
    "threads": 0,
    "batch": 1,
    "arithmetic": "",
    "calibration": "",
}
_HINTS = {"latency": "LATENCY", "throughput": "THROUGHPUT"}
# Left to itself, OpenVINO computes in BF16 where the processor can: another precision than the one asked for.
_ARITHMETIC = {"fp32": "f32", "fp16": "f16", "int8": "f32"}
_KINDS = {"f32": "fp32", "f16": "fp16", "bf16": "bf16", "i8": "int8", "u8": "int8"}
_COMPUTE = ("Convolution", "Deconvolution", "FullyConnected", "MatMul", "GroupConvolution", "Gemm")


class OpenVino:
    """Loads ONNX models into OpenVINO.

    Options: `device` (CPU, GPU, NPU, ...), `hint` (latency or throughput), `threads` (0 leaves one core to the rest
    of the station), `batch`, `arithmetic` (f32, f16, bf16: what is not INT8 is computed in; empty for what the
    precision says), `calibration`: folder of images for INT8.
    """

    def load(self, model: Model, precision: str, options: Options, progress: Progress) -> OpenVinoSession:
        """Return a session for `model`. Raises EngineError, ModelError."""
        chosen = chosen_options("OpenVINO", options, _DEFAULTS)
        if chosen["hint"] not in _HINTS:
            raise EngineError(f"OpenVINO has no hint {chosen['hint']!r}.", f"Choose {' or '.join(_HINTS)}.")
        file = in_precision(model, precision, images=images_of(chosen), progress=progress)
        progress(0.0, f"compiling {model.path.name} for {chosen['device']}")
        return OpenVinoSession(file, chosen)


class OpenVinoSession(FixedSession):
    """One compiled model."""

    def __init__(self, file: PrecisionFile, chosen: Options) -> None:
        import openvino as ov

        self._model = file.model
        self._batch = batch_of(self._model, chosen)
        device = str(chosen["device"])
        core = ov.Core()
        if device.split(".")[0] not in {name.split(".")[0] for name in core.available_devices}:
            raise EngineError(
                f"OpenVINO finds no device {device} here.", f"It finds {', '.join(core.available_devices) or 'none'}."
            )
        threads = threads_of(chosen)
        wanted: dict[str, Any] = {
            "PERFORMANCE_HINT": _HINTS[str(chosen["hint"])],
            "INFERENCE_PRECISION_HINT": str(chosen["arithmetic"]) or _ARITHMETIC[file.precision],
            "CACHE_DIR": str(cache_dir() / "openvino"),
        }
        if device == "CPU":
            wanted["INFERENCE_NUM_THREADS"] = threads
        source: Path | bytes = self._model.path
        noted = ""
        try:
            if device == "CPU":
                source, noted = for_processor(self._model.path, _clips)
            network = core.read_model(source)
            network.reshape({self._model.input_name: list(self._model.input_shape(self._batch))})
            compiled = core.compile_model(network, device, wanted)
        except AoiError:
            raise
        except Exception as error:  # the library raises RuntimeError for everything
            raise ModelError(
                f"OpenVINO {ov.__version__} refuses {self._model.path.name}: {_cause(error)}.",
                "Use ONNX Runtime for this model, or export it with standard operators.",
            ) from error
        self._request: Any = compiled.create_infer_request()
        self._outputs = [compiled.output(name) for name in self._model.output_names]
        ran = layers_in_words(_layers(compiled.get_runtime_model()))
        name = str(core.get_property(device, "FULL_DEVICE_NAME")).strip()
        self._info = SessionInfo(
            "OpenVINO",
            ran,
            on_cpu(threads, name) if device == "CPU" else name,
            "; ".join(filter(None, (unless_asked(ran, file.precision), noted))),
            file.sha256,
            self._model.path.stat().st_size,
        )

    def run(self, batch: NDArray[Any]) -> Sequence[NDArray[Any]]:
        """Return the model's outputs; they lie in the library's memory until the next run. Raises EngineError."""
        if self._request is None:
            raise freed()
        try:
            found: Mapping[Any, Any] = self._request.infer(
                {self._model.input_name: np.ascontiguousarray(batch)}, share_inputs=True, share_outputs=True
            )
        except Exception as error:
            raise EngineError(
                f"OpenVINO failed on {self._model.path.name}: {_cause(error)}.", "See the log; try ONNX Runtime."
            ) from error
        return [found[output] for output in self._outputs]

    def close(self) -> None:
        """Free the model. May be called twice."""
        self._request = None
        self._outputs = []


@cache
def _clips() -> bool:
    """Return whether OpenVINO clips sums of INT8 products on this processor."""
    import openvino as ov

    def run(network: bytes, image: NDArray[Any]) -> NDArray[Any]:
        core = ov.Core()
        compiled = core.compile_model(core.read_model(network), "CPU", {"INFERENCE_NUM_THREADS": 1})
        return np.asarray(compiled(image)[0])

    return clips(run)


def _layers(graph: Any) -> dict[str, int]:
    """Count the computing layers of a compiled network by what they compute in, as the library tells it."""
    counts: Counter[str] = Counter()
    for node in graph.get_ops():
        facts = node.get_rt_info()
        kind = str(facts["layerType"].astype(str)) if "layerType" in facts else ""
        if kind in _COMPUTE:
            said = str(facts["runtimePrecision"].astype(str)) if "runtimePrecision" in facts else ""
            counts[_KINDS.get(said, said or "unknown")] += 1
    return dict(counts)


def _cause(error: BaseException) -> str:
    """Return the lines of a long report that say what is wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("Exception from", "Check '")) and line[-1] != ":"]
    return "; ".join((telling or lines or [type(error).__name__])[:3])[:300].rstrip(".")
