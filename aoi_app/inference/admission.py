"""Opening an engine for the line: none but the FP32 reference goes on without having passed the gate."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from aoi_app.core.errors import EngineError
from aoi_app.core.protocols import Detector
from aoi_app.inference.frozen import FrozenBoard
from aoi_app.inference.gate import Certificate, GateLimits, no_images, run_gate
from aoi_app.inference.model import TFLITE, Model, read_model
from aoi_app.inference.onnx_file import file_hash
from aoi_app.inference.preprocess import TileCutter
from aoi_app.inference.quantise import Progress
from aoi_app.inference.runtimes.base import HoldsMemory, Option
from aoi_app.inference.runtimes.table import load_runtime, open_detector
from aoi_app.inference.streaming import StreamingDetector
from aoi_app.inference.tiling import Tile

_log = logging.getLogger(__name__)
REFERENCE = ("onnxruntime", "fp32")
"""Runtime and precision that all others are compared with."""


class GateRefused(EngineError):
    """The gate refuses an engine; `certificate` has what it measured."""

    def __init__(self, runtime: str, precision: str, certificate: Certificate) -> None:
        super().__init__(
            f"The gate refused {runtime} {precision}: {'; '.join(certificate.reasons)}.",
            "The engine in use stays. Choose another precision, or look at it with `aoi engine compare`.",
        )
        self.certificate = certificate


def open_admitted(
    model_path: Path,
    runtime: str,
    precision: str,
    boards: Callable[[], Sequence[FrozenBoard]],
    limits: GateLimits,
    *,
    min_confidence: float,
    overlap: int,
    options: Mapping[str, Option] | None = None,
    progress: Progress = lambda share, text: None,
) -> tuple[Detector, Certificate | None]:
    """Open a detector and let the gate decide on it.

    Parameters
    ----------
    boards
        Returns the plant's frozen images; called only when there is something to compare, and before anything is
        built: what nobody can compare is not worth minutes.

    Returns
    -------
    Detector, Certificate or None
        None for the reference itself, and, with a warning, for a LiteRT file that came without its ONNX original.

    Raises
    ------
    EngineError
        The engine cannot be opened, or there is nothing to compare it on.
    GateRefused
        It was compared and does not do.
    ModelError, BackendMissing
        As `open_detector`.
    """
    load_runtime(runtime)  # what is not installed is said before images are asked for
    compared = not is_reference(runtime, precision, options or {})
    original = _original(model_path) if compared else None
    frozen = boards() if original is not None else ()
    if original is not None and not frozen:
        raise no_images()
    candidate = open_detector(
        model_path,
        runtime,
        precision,
        min_confidence=min_confidence,
        overlap=overlap,
        options=options,
        progress=progress,
    )
    if original is None:
        if compared:
            _log.warning(f"{model_path.name} has no ONNX original beside it: what it lost is not known.")
        return candidate, None
    try:
        certificate = _compare(
            model_path,
            original,
            runtime,
            precision,
            candidate,
            frozen,
            limits,
            min_confidence=min_confidence,
            overlap=overlap,
            options=options,
            progress=progress,
        )
        if not certificate.admitted:
            raise GateRefused(runtime, precision, certificate)
    except BaseException:
        candidate.close()
        raise
    return candidate, certificate


def is_reference(runtime: str, precision: str, options: Mapping[str, Option]) -> bool:
    """Tell whether this is what all others are compared with: ONNX Runtime in FP32 on the CPU."""
    return (runtime, precision) == REFERENCE and options.get("provider", "cpu") == "cpu"


def _original(model_path: Path) -> Path | None:
    """Return the ONNX file that a model is compared with; None for a LiteRT file without one."""
    if model_path.suffix != TFLITE:
        return model_path
    made_from = read_model(model_path).card.made_from
    named = model_path.with_name(model_path.name.split(".", 1)[0] + ".onnx")
    return named if made_from and named.is_file() and file_hash(named) == made_from else None


def _compare(
    model_path: Path,
    original: Path,
    runtime: str,
    precision: str,
    candidate: Detector,
    boards: Sequence[FrozenBoard],
    limits: GateLimits,
    *,
    min_confidence: float,
    overlap: int,
    options: Mapping[str, Option] | None,
    progress: Progress,
) -> Certificate:
    model = read_model(model_path)
    session = load_runtime(runtime).load(model, precision, options or {}, progress)
    try:
        # As faint as the candidate's: average precision counts faint boxes, too.
        reference = open_detector(original, *REFERENCE, min_confidence=min_confidence, overlap=overlap)
        try:
            tile = _one_tile(model, boards)
            certificate = run_gate(
                reference, candidate, session, tile, boards, limits, memory_mib=_memory_of(candidate), progress=progress
            )
        finally:
            reference.close()
        # In FP32 the server's file is told by its hash; in another precision nobody has seen what it computes.
        if precision != "fp32" and (session.info.stand_in or _is_stand_in(candidate)):
            raise EngineError(
                f"The server was silent while its {precision} was to be compared, so nothing is known of it.",
                "Choose it again when it answers, or use fp32.",
            )
        return certificate
    finally:
        session.close()


def _memory_of(detector: Detector) -> Callable[[], float] | None:
    """Return what tells the device memory that a detector holds, MiB; None for one that holds none."""
    if not isinstance(detector, HoldsMemory):
        return None
    holder = detector
    return lambda: holder.device_bytes / 2**20


def _is_stand_in(detector: Detector) -> bool:
    return isinstance(detector, StreamingDetector) and detector.session.info.stand_in


def _one_tile(model: Model, boards: Sequence[FrozenBoard]) -> np.ndarray:
    pixels = boards[0].pixels
    batch = TileCutter(model, 1).cut(pixels, len(pixels), [Tile(0, 0)], boards[0].golden)
    return np.array(batch[:1])
