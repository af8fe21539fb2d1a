"""ONNX Runtime: what the station runs on everywhere, on the CPU unless another execution provider is chosen."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.errors import EngineError
from aoi_app.inference.model import Model
from aoi_app.inference.onnx_file import weight_types
from aoi_app.inference.precision import PrecisionFile, in_precision
from aoi_app.inference.quantise import Progress
from aoi_app.inference.runtimes.base import Options, SessionInfo, chosen_options, layers_in_words
from aoi_app.inference.runtimes.on_processor import for_processor
from aoi_app.inference.runtimes.ort_library import CPU, first_line, layers, open_session
from aoi_app.inference.runtimes.ort_providers import (
    CPU_PROVIDER,
    PROVIDERS,
    Provider,
    devices_of,
    find_provider,
    read_back,
)
from aoi_app.inference.runtimes.session import (
    BasicSession,
    batch_of,
    freed,
    images_of,
    on_cpu,
    threads_of,
    unless_asked,
)
from aoi_app.inference.seven_bits import clips

_DEFAULTS: Options = {"provider": "cpu", "threads": 0, "batch": 1, "calibration": ""}
_log = logging.getLogger(__name__)


class OnnxRuntime:
    """Loads ONNX models into ONNX Runtime.

    Options: `provider` (a key of `PROVIDERS`), `threads` of one run (0 leaves one core to the rest of the station),
    `batch` for a model that takes any number of tiles (on a CPU one at a time is as fast as many), `calibration`:
    folder of images for INT8.
    """

    def load(self, model: Model, precision: str, options: Options, progress: Progress) -> OnnxSession:
        """Return a session for `model`. Raises EngineError, ModelError."""
        chosen = chosen_options("ONNX Runtime", options, _DEFAULTS)
        file = in_precision(model, precision, images=images_of(chosen), progress=progress)
        provider = find_provider(str(chosen["provider"]))
        return OnnxSession(file, provider, threads_of(chosen), batch_of(model, chosen))


class OnnxSession(BasicSession):
    """One model in ONNX Runtime."""

    def __init__(self, file: PrecisionFile, provider: Provider, threads: int, batch: int) -> None:
        self._model = file.model
        self._batch = batch
        path, said, told = self._model.path, "", ["precision as in the file"]
        device = "CPU" if provider.name == CPU_PROVIDER else ""
        if not device:
            ran, devices = file.precision, devices_of(provider)
            network, noted = for_processor(path, lambda: _clips(provider)) if provider.on_processor else (path, "")
            told.append(noted)
            chosen = [(provider.name, provider.options), *CPU]
            self._session = open_session(network, threads, providers=chosen, devices=devices)
            device, said = read_back(self._session, provider)
        if device == "CPU":
            # also where it fell to the CPU: what that computes in is another question
            self._session, ran, noted = _on_cpu(path, threads)
            device, told = on_cpu(threads), [unless_asked(ran, file.precision), noted]
        if said:
            _log.warning(said)
        detail = "; ".join(filter(None, (said, *told)))
        size, fell_back = path.stat().st_size, bool(said) and device.startswith("CPU")
        self._info = SessionInfo("ONNX Runtime", ran, device, detail, file.sha256, size, fell_back=fell_back)

    @property
    def fixed_batch(self) -> bool:
        """Whether every run must have exactly `batch` tiles."""
        return self._model.batch is not None

    def run(self, batch: NDArray[Any]) -> Sequence[NDArray[Any]]:
        """Return the model's outputs. Raises EngineError."""
        if self._session is None:
            raise freed()
        feed = {self._model.input_name: np.ascontiguousarray(batch)}
        try:
            outputs: list[NDArray[Any]] = self._session.run(list(self._model.output_names), feed)
        except Exception as error:  # the library raises its own types, bare Exceptions and RuntimeErrors
            raise EngineError(
                f"ONNX Runtime failed on {self._model.path.name}: {first_line(error)}.",
                "See the log; check the model with: aoi bench --model FILE.",
            ) from error
        return outputs

    def close(self) -> None:
        """Free the session. May be called twice."""
        self._session = None


def _on_cpu(path: Path, threads: int) -> tuple[Any, str, str]:
    """Return a session on the CPU, what it computes in, read back from the library's own graph, and a remark."""
    if weight_types(path) == {"float"}:
        return open_session(path, threads), "fp32", ""
    network, noted = for_processor(path, lambda: _clips(PROVIDERS["cpu"]))
    with tempfile.TemporaryDirectory(prefix="aoi-ort-") as folder:
        written = Path(folder) / "optimised.onnx"
        session = open_session(network, threads, written=written)
        return session, layers_in_words(layers(written)), noted


@cache
def _clips(provider: Provider) -> bool:
    """Return whether a provider clips sums of INT8 products on this processor, at its fastest."""

    def run(network: bytes, image: NDArray[Any]) -> NDArray[Any]:
        session = open_session(network, 1, providers=[(provider.name, provider.options)], exact=False)
        made: NDArray[Any] = session.run(None, {"in": image})[0]
        return made

    return clips(run)
