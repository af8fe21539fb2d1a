"""Every runtime, precision and batch on the same boards, in turns: the table that decides what a station uses."""

from __future__ import annotations

import gc
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from aoi_app.core.detection import Detections
from aoi_app.core.errors import AoiError, EngineError
from aoi_app.core.protocols import Detector
from aoi_app.core.scan import Pixels
from aoi_app.inference.comparison import REFERENCE, Choice, Comparison, Figures, best_choice
from aoi_app.inference.frozen import FrozenBoard, detect
from aoi_app.inference.gate import GateLimits, lost_boxes
from aoi_app.inference.metrics import Truth, evaluate
from aoi_app.inference.onnx_file import file_hash
from aoi_app.inference.quantise import Progress
from aoi_app.inference.runtimes.base import Option
from aoi_app.inference.runtimes.ort_providers import PROVIDERS
from aoi_app.inference.runtimes.table import open_detector
from aoi_app.inference.streaming import StreamingDetector

MIB = 2**20
WATTS_S = 4.0
"""So long each choice works alone where the draw of a GPU can be told."""
Pictures = Sequence[tuple[Pixels, Pixels | None]]


@dataclass(slots=True)
class _Runner:
    choice: Choice
    detector: Detector
    made_s: float
    start_s: float
    memory_mib: float
    model_mib: float
    tile_ms: list[float] = field(default_factory=list)
    tiles: int = 0
    seconds: float = 0.0
    watts: list[float] = field(default_factory=list)
    found: dict[int, Detections] = field(default_factory=dict)


def compare(
    model: Path,
    boards: Sequence[FrozenBoard],
    wanted: Sequence[Choice],
    *,
    limits: GateLimits | None = None,
    overlap: int = 128,
    rounds: int = 5,
    options: Callable[[Choice], dict[str, Option]] | None = None,
    watts: Callable[[], float | None] = lambda: None,
    progress: Progress = lambda share, text: None,
    note: Callable[[Comparison], None] = lambda comparison: None,
) -> Comparison:
    """Measure choices on the same boards.

    They take turns, board by board, each round in another order: a machine that drifts slows all of them.

    Parameters
    ----------
    limits
        Threshold, tolerances and the budget of a tile (`p99_ms`), as for the gate.
    rounds
        How often each choice inspects each board.
    options
        Further options of a choice; its batch is added to them.
    watts
        Returns the draw of the GPU of now.
    note
        Hears of the figures after each round: a comparison that is ended has lost only the round in hand.

    Raises
    ------
    EngineError
        There is no board, or the reference itself cannot be opened.
    """
    limits = limits or GateLimits()
    if not boards:
        raise EngineError("There are no boards to compare on.", "Name a folder with images of boards.")
    sha256 = file_hash(model)
    everyone = (REFERENCE, *(choice for choice in wanted if choice != REFERENCE))
    runners: list[_Runner] = []
    failed: list[Figures] = []
    try:
        for number, choice in enumerate(everyone):
            progress(0.3 * number / len(everyone), f"starting {choice}")
            try:
                runners.append(_start(model, sha256, choice, limits, overlap, options, progress))
            except AoiError as error:
                if choice == REFERENCE:
                    raise
                failed.append(Figures(choice, error=str(error)))
        pictures = [(board.pixels, board.golden) for board in boards]
        total = rounds * len(boards)

        def told(whole_rounds: int) -> Comparison:
            truths, labelled = _truths(boards, runners[0])
            figures = tuple(_figures(runner, runners[0], truths, limits) for runner in runners)
            best = best_choice(figures, limits)
            everything = figures + tuple(failed)
            return Comparison(
                model.name, _machine(), len(boards), whole_rounds, limits.p99_ms, labelled, everything, best
            )

        for turn in range(total):
            progress(0.3 + 0.7 * turn / total, f"board {turn + 1} of {total}")
            board = turn % len(boards)
            for runner in _rotated(runners, turn):
                try:
                    _inspect(runner, board, *pictures[board])
                except AoiError as error:
                    if runner.choice == REFERENCE:
                        raise
                    failed.append(Figures(runner.choice, error=str(error)))
                    runners.remove(runner)
                    runner.detector.close()
            if board == len(boards) - 1:
                note(told((turn + 1) // len(boards)))
        if watts() is not None:
            for runner in (runner for runner in runners if _on_gpu(runner.detector)):
                progress(0.99, f"what {runner.choice} draws")
                _draw(runner, pictures, watts)
        return told(rounds)
    finally:
        for runner in runners:
            runner.detector.close()


def _start(
    model: Path,
    sha256: str,
    choice: Choice,
    limits: GateLimits,
    overlap: int,
    options: Callable[[Choice], dict[str, Option]] | None,
    progress: Progress,
) -> _Runner:
    if file_hash(model) != sha256:
        raise EngineError(f"{model.name} changed while it was measured.", "Measure again when it is finished.")
    gc.collect()
    process = psutil.Process()
    memory = process.memory_info().rss

    def opened() -> tuple[Detector, float]:
        started = time.perf_counter()
        detector = open_detector(
            model,
            choice.runtime,
            choice.precision,
            min_confidence=limits.threshold,
            overlap=overlap,
            options={**choice.options, **(options(choice) if options is not None else {})},
            progress=lambda share, text: progress(0.0, f"{choice}: {text}"),
        )
        return detector, time.perf_counter() - started

    # Twice: what the first start makes and keeps is not there to be paid for at the next one.
    first, whole_s = opened()
    instead = _computes_on_cpu(choice, first)
    first.close()
    if instead:
        raise EngineError(f"{PROVIDERS[choice.provider].title} could not start here; the CPU would compute instead.")
    detector, start_s = opened()
    grown = max(0.0, (process.memory_info().rss - memory) / MIB)
    return _Runner(choice, detector, max(0.0, whole_s - start_s), start_s, grown, _model_mib(detector, model))


def _computes_on_cpu(choice: Choice, detector: Detector) -> bool:
    """Return whether the CPU stands in for a provider: its figures would bear a name that is not theirs."""
    provider = PROVIDERS.get(choice.provider)
    return provider is not None and not provider.on_processor and not _on_gpu(detector)


def _model_mib(detector: Detector, model: Path) -> float:
    ran = detector.session.info.file_bytes if isinstance(detector, StreamingDetector) else 0
    return (ran or model.stat().st_size) / MIB


def _rotated(runners: Sequence[_Runner], turn: int) -> Iterator[_Runner]:
    start = turn % len(runners)
    yield from [*runners[start:], *runners[:start]]


def _inspect(runner: _Runner, board: int, pixels: Pixels, golden: Pixels | None) -> None:
    if not runner.found:
        detect(runner.detector, pixels, golden)  # warm-up
    started = time.perf_counter()
    runner.found[board] = detect(runner.detector, pixels, golden)
    seconds = time.perf_counter() - started
    tiles = max(int(runner.detector.latency_ms["tiles"]), 1)
    runner.tile_ms.append(seconds * 1e3 / tiles)
    runner.tiles += tiles
    runner.seconds += seconds


def _on_gpu(detector: Detector) -> bool:
    return "CPU" not in detector.info.device.upper()


def _draw(runner: _Runner, pictures: Pictures, watts: Callable[[], float | None]) -> None:
    """Let one choice work alone for a while and note what the GPU draws: its meter is slow, turns would be mixed."""
    started, spent = time.monotonic(), 0.0
    while spent < WATTS_S:
        detect(runner.detector, *pictures[len(runner.watts) % len(pictures)])
        spent, drawn = time.monotonic() - started, watts()
        # the first half still holds what ran before
        if drawn is not None and spent > WATTS_S / 2:
            runner.watts.append(drawn)


def _truths(boards: Sequence[FrozenBoard], reference: _Runner) -> tuple[list[Truth], bool]:
    given = [board.truth for board in boards]
    known = [truth for truth in given if truth is not None]
    if len(known) == len(boards):
        return known, True
    return [Truth(reference.found[i].boxes, reference.found[i].classes) for i in range(len(boards))], False


def _figures(runner: _Runner, reference: _Runner, truths: Sequence[Truth], limits: GateLimits) -> Figures:
    info = runner.detector.info
    order = range(len(truths))
    compared = [lost_boxes(reference.found[i], runner.found[i], limits) for i in order]
    return Figures(
        runner.choice,
        info.precision,
        info.device,
        p50_ms=float(np.percentile(runner.tile_ms, 50)),
        p95_ms=float(np.percentile(runner.tile_ms, 95)),
        p99_ms=float(np.percentile(runner.tile_ms, 99)),
        tiles_per_second=runner.tiles / runner.seconds,
        made_s=runner.made_s,
        start_s=runner.start_s,
        memory_mib=runner.memory_mib,
        model_mib=runner.model_mib,
        map50=100 * evaluate([runner.found[i] for i in order], truths, len(info.class_names), 0.5).mean,
        lost_boxes=sum(lost for _, lost, _ in compared),
        reference_boxes=sum(expected for expected, _, _ in compared),
        watts=float(np.mean(runner.watts)) if runner.watts else None,
    )


def _machine() -> str:
    cores = psutil.cpu_count(logical=True) or 1
    return f"{platform.system()} {platform.machine()}, {cores} cores, Python {platform.python_version()}"
