"""LiteRT, which was TensorFlow Lite: small machines without a GPU."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.errors import EngineError, ModelError
from aoi_app.inference.model import TFLITE, Model
from aoi_app.inference.onnx_file import plain_hash
from aoi_app.inference.quantise import Progress
from aoi_app.inference.runtimes.base import Options, SessionInfo, chosen_options, layers_in_words
from aoi_app.inference.runtimes.litert_convert import tflite_file
from aoi_app.inference.runtimes.litert_file import interpreter, plain, quantised
from aoi_app.inference.runtimes.session import (
    FixedSession,
    batch_of,
    freed,
    images_of,
    on_cpu,
    threads_of,
    unless_asked,
)

_DEFAULTS: Options = {"threads": 0, "batch": 1, "calibration": ""}
_COMPUTE = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "BATCH_MATMUL")
_KINDS = {"float32": "fp32", "float16": "fp16", "int8": "int8", "uint8": "int8", "int16": "int16"}


class LiteRt:
    """Loads models into LiteRT; their files are made from the ONNX file where there are none beside it.

    A model that is a `.tflite` file itself runs as it is, in the precision that it has.

    Options: `threads` (0 leaves one core to the rest of the station), `batch`, `calibration`: images for INT8.
    """

    def load(self, model: Model, precision: str, options: Options, progress: Progress) -> LiteRtSession:
        """Return a session for `model`. Raises EngineError, ModelError, BackendMissing."""
        chosen = chosen_options("LiteRT", options, _DEFAULTS)
        if precision not in ("fp32", "fp16", "int8"):
            raise EngineError(f"There is no precision called {precision!r}.", "Choose one of fp32, fp16, int8.")
        path = model.path
        if path.suffix != TFLITE:
            path = tflite_file(model, precision, batch_of(model, chosen), images_of(chosen), progress)
        return LiteRtSession(model, path, precision, threads_of(chosen))


class LiteRtSession(FixedSession):
    """One model in LiteRT."""

    def __init__(self, model: Model, path: Path, precision: str, threads: int) -> None:
        self._model, self._path = model, path
        self._interpreter: Any = interpreter(path, threads)
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
        self._outputs = self._in_order()
        ran = layers_in_words(_layers(self._interpreter))
        self._info = SessionInfo(
            "LiteRT", ran, on_cpu(threads), "as in the file" if path == model.path else unless_asked(ran, precision),
            plain_hash(path),
            path.stat().st_size,
        )  # fmt: skip

    def _in_order(self) -> list[Mapping[str, Any]]:
        """Return the outputs as the model names them, else as the converter numbered them."""
        found: Sequence[Mapping[str, Any]] = self._interpreter.get_output_details()
        by_name = {str(d["name"]): d for d in found}
        if set(self._model.output_names) <= set(by_name):
            return [by_name[name] for name in self._model.output_names]
        if len(found) != len(self._model.output_names):
            raise ModelError(
                f"{self._path.name} has {len(found)} outputs, {len(self._model.output_names)} were expected.",
                "Convert it from this very model.",
            )
        return sorted(found, key=lambda d: str(d["name"]))

    def run(self, batch: NDArray[Any]) -> Sequence[NDArray[Any]]:
        """Return the model's outputs. Raises EngineError."""
        if self._interpreter is None:
            raise freed()
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


def _layers(interpreter: Any) -> dict[str, int]:
    """Count the computing layers by what they compute in: the type of what flows into them."""
    kinds = {int(d["index"]): np.dtype(d["dtype"]).name for d in interpreter.get_tensor_details()}
    counts: Counter[str] = Counter()
    for operation in interpreter._get_ops_details():  # the library tells it nowhere else
        if operation["op_name"] in _COMPUTE:
            kind = kinds.get(int(operation["inputs"][0]), "unknown")
            counts[_KINDS.get(kind, kind)] += 1
    return dict(counts)
