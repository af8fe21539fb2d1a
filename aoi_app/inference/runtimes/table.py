"""Which runtimes there are, whether they can be used here, and how a detector is opened."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from aoi_app.core.errors import BackendMissing, EngineError
from aoi_app.core.install import install_line
from aoi_app.core.options import OptionField
from aoi_app.core.protocols import Detector
from aoi_app.inference.model import TFLITE, read_model
from aoi_app.inference.quantise import Progress
from aoi_app.inference.runtimes.base import Option, Runtime, StreamingRuntime
from aoi_app.inference.runtimes.fields import ONNXRUNTIME, OPENVINO, TENSORRT, THREADS, TRITON
from aoi_app.inference.streaming import StreamingDetector
from aoi_app.inference.tiling import fitting_overlap

LITERT = "litert"


@dataclass(frozen=True, slots=True)
class RuntimeEntry:
    """A runtime that a person can choose.

    Attributes
    ----------
    libraries
        Python modules that must be there.
    install
        The command that brings them.
    loader
        Where its `Runtime` is: "module:class".
    whole
        It does more than run the network and brings its own detector (`StreamingRuntime`).
    remote
        It runs on a server.
    fields
        Its options as a form offers them; `missing` is not filled in.
    """

    name: str
    title: str
    libraries: tuple[str, ...]
    install: str
    loader: str
    precisions: tuple[str, ...] = ("fp32", "fp16", "int8")
    whole: bool = False
    remote: bool = False
    fields: tuple[OptionField, ...] = ()

    @property
    def available(self) -> bool:
        """Whether the library is installed; nothing is imported to find out."""
        return all(importlib.util.find_spec(name) is not None for name in self.libraries)


RUNTIMES: Mapping[str, RuntimeEntry] = {
    entry.name: entry
    for entry in (
        RuntimeEntry(
            "onnxruntime",
            "ONNX Runtime",
            ("onnxruntime",),
            "pip install onnxruntime",
            "aoi_app.inference.runtimes.onnxruntime:OnnxRuntime",
            fields=ONNXRUNTIME,
        ),
        RuntimeEntry(
            "openvino",
            "OpenVINO",
            ("openvino",),
            install_line("openvino"),
            "aoi_app.inference.runtimes.openvino:OpenVino",
            fields=OPENVINO,
        ),
        RuntimeEntry(
            LITERT,
            "LiteRT",
            ("ai_edge_litert",),
            install_line("litert"),
            "aoi_app.inference.runtimes.litert:LiteRt",
            fields=(THREADS,),
        ),
        RuntimeEntry(
            "torch",
            "PyTorch",
            ("torch",),
            install_line("train"),
            "aoi_app.inference.runtimes.torch:Torch",
            precisions=("fp32", "fp16"),
            fields=(THREADS,),
        ),
        RuntimeEntry(
            "triton",
            "Triton server",
            ("tritonclient", "grpc"),
            install_line("triton"),
            "aoi_app.inference.runtimes.triton:Triton",
            remote=True,
            fields=TRITON,
        ),
        RuntimeEntry(
            "tensorrt",
            "TensorRT",
            ("tensorrt", "cuda"),
            install_line("tensorrt"),
            "aoi_app.inference.runtimes.tensorrt.loader:TensorRt",
            whole=True,
            fields=TENSORRT,
        ),
        RuntimeEntry(
            "tensorrt_rtx",
            "TensorRT for RTX",
            ("tensorrt_rtx", "cuda"),
            install_line("rtx"),
            "aoi_app.inference.runtimes.tensorrt.loader:TensorRtRtx",
            whole=True,
            fields=TENSORRT,
        ),
    )
}


def load_runtime(name: str) -> Runtime:
    """Return the runtime called `name`.

    Raises
    ------
    EngineError
        There is none of that name.
    BackendMissing
        Its library is not installed; the hint is the command that installs it.
    """
    entry = RUNTIMES.get(name)
    if entry is None:
        raise EngineError(f"There is no runtime called {name!r}.", f"Choose one of {', '.join(RUNTIMES)}.")
    if not entry.available:
        raise BackendMissing(f"{entry.title} is not installed.", f"Install it with: {entry.install}")
    module, _, attribute = entry.loader.partition(":")
    try:
        return cast(Runtime, getattr(importlib.import_module(module), attribute)())
    except ImportError as error:
        raise BackendMissing(
            f"{entry.title} cannot be loaded: {error}.", f"Install it with: {entry.install}"
        ) from error


def open_detector(
    model_path: Path,
    runtime: str = "onnxruntime",
    precision: str = "fp32",
    *,
    min_confidence: float = 0.25,
    overlap: int = 128,
    options: Mapping[str, Option] | None = None,
    progress: Progress = lambda share, text: None,
) -> Detector:
    """Load a model and return a detector that streams.

    Parameters
    ----------
    min_confidence
        Least score, 0 to 1, of what it returns.
    overlap
        Pixels that neighbouring tiles share at least; half of a tile at most is used.
    options
        Of the runtime, by name.
    progress
        Hears of the share done and what is being done; may raise to cancel.

    Raises
    ------
    ModelError
        The file is no detector that can be used.
    EngineError
        The runtime cannot load or run it.
    BackendMissing
        The runtime is not installed.
    """
    chosen = load_runtime(runtime)
    if model_path.suffix == TFLITE and runtime != LITERT:
        raise EngineError(
            f"{model_path.name} is a LiteRT file; {RUNTIMES[runtime].title} cannot run it.",
            "Choose the runtime litert, or the ONNX file of this model.",
        )
    model = read_model(model_path)
    overlap = fitting_overlap(overlap, model.size)
    if isinstance(chosen, StreamingRuntime):
        return chosen.open(model, precision, options or {}, progress, min_confidence=min_confidence, overlap=overlap)
    session = chosen.load(model, precision, options or {}, progress)
    try:
        return StreamingDetector(model, session, min_confidence=min_confidence, overlap=overlap)
    except BaseException:
        session.close()
        raise
