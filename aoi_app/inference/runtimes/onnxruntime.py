"""ONNX Runtime on the CPU: what the station runs on everywhere. The home of the `onnxruntime` library."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.errors import EngineError, ModelError
from aoi_app.inference.model import Model
from aoi_app.inference.runtimes.base import Option, Options, SessionInfo

_DEFAULTS: dict[str, Option] = {"threads": 0, "batch": 1}


class OnnxRuntime:
    """Loads ONNX models into ONNX Runtime.

    Options
    -------
    threads
        Of one run; 0 leaves one core to the rest of the station.
    batch
        Tiles in a run of a model that takes any number; on a CPU one at a time is as fast as many.
    """

    def load(self, model: Model, precision: str, options: Options) -> OnnxSession:
        """Return a session for `model`. Raises EngineError."""
        unknown = set(options) - set(_DEFAULTS)
        if unknown:
            raise EngineError(
                f"ONNX Runtime has no option {', '.join(sorted(unknown))}.", f"It knows {', '.join(_DEFAULTS)}."
            )
        chosen = {**_DEFAULTS, **options}
        return OnnxSession(model, model.path, int(chosen["threads"]), int(chosen["batch"]))


class OnnxSession:
    """One model in ONNX Runtime."""

    def __init__(self, model: Model, path: Path, threads: int, batch: int) -> None:
        self._model = model
        self._threads = threads or max(1, (os.cpu_count() or 2) - 1)
        self._session: Any = _open(path, self._threads)
        self._batch = model.batch or max(1, batch)
        self._info = SessionInfo(
            "ONNX Runtime", "fp32", f"CPU, {self._threads} thread{'s' if self._threads > 1 else ''}"
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


def _open(path: Path, threads: int, *, optimise: bool = True) -> Any:
    import onnxruntime as ort

    wanted = ort.SessionOptions()
    wanted.intra_op_num_threads = threads
    wanted.inter_op_num_threads = 1
    # Threads that spin while they wait take the cores from the window and the camera.
    wanted.add_session_config_entry("session.intra_op.allow_spinning", "0")
    wanted.log_severity_level = 4  # failures come as exceptions
    if not optimise:
        wanted.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return ort.InferenceSession(str(path), wanted, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(
            f"ONNX Runtime {ort.__version__} refuses {path.name}: {_first_line(error)}.",
            "Export it with standard operators, and for the opset of this version.",
        ) from error


def _first_line(error: BaseException) -> str:
    text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return text[:300].rstrip(".")
