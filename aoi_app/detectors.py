"""Detectors for the line: opened as the settings say, through the gate, and what comes after one that failed."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace

from aoi_app.camera.drivers import drawn_source
from aoi_app.core.errors import EngineError
from aoi_app.core.folders import plant_images_dir
from aoi_app.core.protocols import Detector
from aoi_app.core.settings import Settings
from aoi_app.inference.admission import GateRefused, is_reference, open_admitted
from aoi_app.inference.catalog import find_model
from aoi_app.inference.comparison import tile_budget_ms
from aoi_app.inference.frozen import FrozenBoard, frozen_boards
from aoi_app.inference.gate import Certificate, GateLimits
from aoi_app.inference.model import read_model
from aoi_app.inference.runtimes.base import Option
from aoi_app.inference.runtimes.table import open_detector
from aoi_app.station.engines import EngineSpec, Progress

GATE_BOARDS = 12

BUILT = ("tensorrt", "tensorrt_rtx")
"""Runtimes whose engines are built, which takes minutes, and kept with their certificates."""

FALLBACKS = {"int8": "fp32", "fp16": "fp32"}
"""Precision to try when an engine of another one fails."""


def make_detector(settings: Settings, spec: EngineSpec) -> Detector:
    """Load the detector that a specification names."""
    return open_detector(
        find_model(spec.model),
        spec.runtime,
        spec.precision,
        min_confidence=spec.min_confidence,
        overlap=settings.tile_overlap,
        options=_options(settings, spec),
    )


def admitted_detector(settings: Settings, spec: EngineSpec, progress: Progress) -> tuple[Detector, str]:
    """Open the detector that a specification names, through the gate; return it and what the gate measured."""
    if spec.at_once and spec.runtime in BUILT:
        return _admitted_before(settings, spec)
    limits = _gate_limits(settings, spec)
    # Before the candidate is opened: INT8 is calibrated on the same images.
    reference = is_reference(spec.runtime, spec.precision, dict(spec.options))
    boards = () if reference else plant_boards(settings)
    try:
        detector, certificate = open_admitted(
            find_model(spec.model),
            spec.runtime,
            spec.precision,
            lambda: boards,
            limits,
            min_confidence=spec.min_confidence,
            overlap=settings.tile_overlap,
            options=_options(settings, spec),
            progress=lambda share, text: progress(f"{share:.0%} · {text}"),
        )
    except GateRefused as refused:
        with contextlib.suppress(EngineError):  # why it was refused is what matters
            _keep(spec, refused.certificate)
        raise
    if certificate is None:
        return detector, ""
    try:
        _keep(spec, certificate)
    except BaseException:
        detector.close()
        raise
    return detector, str(certificate)


def _admitted_before(settings: Settings, spec: EngineSpec) -> tuple[Detector, str]:
    """Open an engine that the gate has admitted before: on large boards it takes minutes, and a board waits."""
    from aoi_app.inference.runtimes.tensorrt.loader import DEFAULTS, open_store

    detector = make_detector(settings, spec)
    when = open_store({**DEFAULTS, **dict(spec.options)}).admitted_at(detector.info.sha256)
    if not when:
        detector.close()
        raise EngineError(
            f"{spec} has not passed the gate yet, and a board waits.",
            "Choose it once while there is time: then it is there when it is needed.",
        )
    return detector, f"{detector.info.runtime} {detector.info.precision} was admitted before: {when}."


def _keep(spec: EngineSpec, certificate: Certificate) -> None:
    """Write what the gate measured beside the engine, where engines are kept."""
    if spec.runtime in BUILT:
        from aoi_app.inference.commands import keep_certificate
        from aoi_app.inference.runtimes.tensorrt.loader import DEFAULTS, open_store

        keep_certificate(open_store({**DEFAULTS, **dict(spec.options)}), certificate)


def _options(settings: Settings, spec: EngineSpec) -> dict[str, Option]:
    """Return the runtime's options; INT8 is calibrated on the plant's images of these settings."""
    own: dict[str, Option] = {"calibration": str(plant_images_dir(settings))} if spec.precision == "int8" else {}
    chosen = {**own, **dict(spec.options)}
    return {**chosen, "build": False} if spec.at_once and spec.runtime in BUILT else chosen


def _gate_limits(settings: Settings, spec: EngineSpec) -> GateLimits:
    """Return what the gate holds an engine to: the recipe's budget, or none where it does not tell the width."""
    budget, tile_ms = spec.budget, None
    if budget.verdict_ms is not None and budget.width_px is not None:
        size = read_model(find_model(spec.model)).size
        tile_ms = tile_budget_ms(budget.verdict_ms, budget.width_px, size, settings.tile_overlap)
    return GateLimits(threshold=budget.confidence, p99_ms=tile_ms, memory_mib=budget.memory_mib)


def fallback(spec: EngineSpec) -> EngineSpec | None:
    """Return what to try after an engine failed: FP32 on the same runtime, then ONNX Runtime on the CPU."""
    if spec.precision in FALLBACKS:
        return replace(spec, precision=FALLBACKS[spec.precision])
    if spec.runtime != "onnxruntime" or spec.options:
        return replace(spec, runtime="onnxruntime", precision="fp32", options=())
    return None


def plant_boards(settings: Settings) -> Sequence[FrozenBoard]:
    """Return the plant's images that engines are compared on.

    A line that draws its boards freezes some of them; a real plant puts its images there.
    """
    folder, camera = plant_images_dir(settings), settings.camera
    if not folder.is_dir() and camera.source.partition(":")[0] == "simulated":
        source = drawn_source(camera.source, camera.options)
        if source is not None:
            source.freeze(folder, GATE_BOARDS)
    return frozen_boards([folder], GATE_BOARDS) if folder.is_dir() else ()
