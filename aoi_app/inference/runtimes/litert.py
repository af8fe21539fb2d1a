"""LiteRT, which was TensorFlow Lite: small machines without a GPU. The home of the `ai_edge_litert` library."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.errors import EngineError, ModelError
from aoi_app.inference.calibration import plant_images_dir
from aoi_app.inference.model import Model
from aoi_app.inference.onnx_file import plain_hash
from aoi_app.inference.quantise import Progress
from aoi_app.inference.runtimes.base import Options, SessionInfo, chosen_options, layers_in_words
from aoi_app.inference.runtimes.litert_convert import tflite_file

_DEFAULTS: Options = {"threads": 0, "batch": 1, "calibration": ""}
_COMPUTE = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "BATCH_MATMUL")
_KINDS = {"float32": "fp32", "float16": "fp16", "int8": "int8", "uint8": "int8", "int16": "int16"}


class LiteRt:
    """Loads models into LiteRT; their files are made from the ONNX file where there are none beside it.

    Options: `threads` (0 leaves one core to the rest of the station), `batch`, `calibration`: images for INT8.
    """

    def load(self, model: Model, precision: str, options: Options, progress: Progress) -> LiteRtSession:
        """Return a session for `model`. Raises EngineError, ModelError, BackendMissing."""
        chosen = chosen_options("LiteRT", options, _DEFAULTS)
        if precision not in ("fp32", "fp16", "int8"):
            raise EngineError(f"There is no precision called {precision!r}.", "Choose one of fp32, fp16, int8.")
        images = [Path(str(chosen["calibration"] or plant_images_dir()))]
        batch = model.batch or max(1, int(chosen["batch"]))
        path = tflite_file(model, precision, batch, images, progress)
        return LiteRtSession(model, path, precision, batch, int(chosen["threads"]))


class LiteRtSession:
    """One model in LiteRT."""

    def __init__(self, model: Model, path: Path, precision: str, batch: int, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        threads = threads or max(1, (os.cpu_count() or 2) - 1)
        self._model, self._path = model, path
        try:
            self._interpreter: Any = Interpreter(str(path), num_threads=threads)
            self._interpreter.allocate_tensors()
        except Exception as error:
            raise ModelError(
                f"LiteRT refuses {path.name}: {str(error).splitlines()[0][:300]}.", "Delete it, to have it made again."
            ) from error
        self._source: Mapping[str, Any] = self._interpreter.get_input_details()[0]
        shape = tuple(int(n) for n in self._source["shape"])
        self._batch = shape[0]
        wanted = model.input_shape(self._batch)
        # Converters for TensorFlow put the channels last.
        self._turn = shape != wanted and shape == (wanted[0], *wanted[2:], wanted[1])
        if shape != wanted and not self._turn:
            raise ModelError(
                f"{path.name} takes {shape}, {model.path.name} takes {wanted}.", "Convert it from this very model."
            )
        self._outputs = self._in_order(len(model.output_names))
        ran = layers_in_words(_layers(self._interpreter))
        self._info = SessionInfo(
            "LiteRT",
            ran,
            f"CPU, {threads} thread{'s' if threads > 1 else ''}",
            "" if precision in ran.lower() else f"asked for {precision}",
            plain_hash(path),
        )

    def _in_order(self, count: int) -> list[Mapping[str, Any]]:
        """Return the outputs in the order in which the converter numbered them."""
        found = sorted(self._interpreter.get_output_details(), key=lambda d: str(d["name"]))
        if len(found) != count:
            raise ModelError(
                f"{self._path.name} has {len(found)} outputs, {count} were expected.",
                "Convert it from this very model.",
            )
        return found

    @property
    def info(self) -> SessionInfo:
        """What really runs."""
        return self._info

    @property
    def batch(self) -> int:
        """Tiles in a run: the file was made for this number."""
        return self._batch

    @property
    def fixed_batch(self) -> bool:
        """Whether every run must have exactly `batch` tiles."""
        return True

    def run(self, batch: NDArray[Any]) -> Sequence[NDArray[Any]]:
        """Return the model's outputs. Raises EngineError."""
        if self._interpreter is None:
            raise EngineError("This engine has been freed.", "Load it again.")
        tiles = np.moveaxis(batch, 1, -1) if self._turn else batch
        try:
            self._interpreter.set_tensor(self._source["index"], quantised(tiles, self._source))
            self._interpreter.invoke()
            return [plain(self._interpreter.get_tensor(d["index"]), d) for d in self._outputs]
        except Exception as error:
            raise EngineError(
                f"LiteRT failed on {self._path.name}: {str(error).splitlines()[0][:300]}.", "Try ONNX Runtime."
            ) from error

    def close(self) -> None:
        """Free the model. May be called twice."""
        self._interpreter = None


def quantised(values: NDArray[Any], tensor: Mapping[str, Any]) -> NDArray[Any]:
    """Return values as a tensor takes them: integers of its scale and zero point where it is quantised."""
    scale, zero = tensor["quantization"]
    kind = np.dtype(tensor["dtype"])
    if kind.kind not in "iu" or not scale:
        return np.ascontiguousarray(values, kind)
    limits = np.iinfo(kind)
    steps = np.rint(values.astype(np.float32) / np.float32(scale)) + zero
    return np.ascontiguousarray(np.clip(steps, limits.min, limits.max).astype(kind))


def plain(values: NDArray[Any], tensor: Mapping[str, Any]) -> NDArray[Any]:
    """Return the real values of a tensor that may be quantised."""
    scale, zero = tensor["quantization"]
    if values.dtype.kind not in "iu" or not scale:
        return values
    return np.asarray((values.astype(np.float32) - np.float32(zero)) * np.float32(scale))


def _layers(interpreter: Any) -> dict[str, int]:
    """Count the computing layers by what they compute in: the type of what flows into them."""
    kinds = {int(d["index"]): np.dtype(d["dtype"]).name for d in interpreter.get_tensor_details()}
    counts: Counter[str] = Counter()
    for operation in interpreter._get_ops_details():  # the library tells it nowhere else
        if operation["op_name"] in _COMPUTE:
            kind = kinds.get(int(operation["inputs"][0]), "unknown")
            counts[_KINDS.get(kind, kind)] += 1
    return dict(counts)
