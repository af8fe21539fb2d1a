"""Every runtime, precision and batch on the same boards, in turns: the table that decides what a station uses."""

from __future__ import annotations

import gc
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import psutil

from aoi_app.core.detection import Detections
from aoi_app.core.errors import AoiError, EngineError
from aoi_app.core.protocols import Detector
from aoi_app.core.scan import Pixels
from aoi_app.inference.frozen import FrozenBoard, detect
from aoi_app.inference.gate import GateLimits, lost_boxes
from aoi_app.inference.metrics import Truth, evaluate
from aoi_app.inference.onnx_file import file_hash
from aoi_app.inference.quantise import Progress
from aoi_app.inference.runtimes.base import Option
from aoi_app.inference.runtimes.ort_providers import PROVIDERS, further_providers
from aoi_app.inference.runtimes.table import RUNTIMES, open_detector
from aoi_app.inference.streaming import StreamingDetector
from aoi_app.inference.tiling import TilePlan, fitting_overlap

MIB = 2**20
WATTS_S = 4.0
"""So long each choice works alone where the draw of a GPU can be told."""
Pictures = Sequence[tuple[Pixels, Pixels | None]]


@dataclass(frozen=True, slots=True)
class Choice:
    """A runtime, a precision and a batch to measure; an execution provider where the runtime has several."""

    runtime: str
    precision: str
    batch: int = 1
    provider: str = ""

    @property
    def name(self) -> str:
        """Return what is measured, whatever the batch: a line of the report."""
        return f"{self.runtime}{self.provider and ' ' + self.provider} {self.precision}"

    @property
    def options(self) -> dict[str, Option]:
        """Return the options of the runtime that it stands for."""
        return {"batch": self.batch, **({"provider": self.provider} if self.provider else {})}

    def __str__(self) -> str:
        return f"{self.name} x{self.batch}"


REFERENCE = Choice("onnxruntime", "fp32", 1)


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of one choice.

    Attributes
    ----------
    ran
        The precision that really ran, read back from the runtime.
    p50_ms, p95_ms, p99_ms
        Of a tile: cutting, inference and decoding.
    made_s
        What had to be made first and is kept: the file in this precision, a compiled network; 0 where it was there.
    start_s
        From the file to a detector that is ready, once that is made.
    memory_mib
        By which the program grew while it started, libraries included: the first of a library carries them. 0 where
        it found room that others had given back.
    model_mib
        Of the file that runs.
    map50
        Percent; against labels where every board has them, else against the reference's boxes.
    lost_boxes
        Of `reference_boxes` sure boxes of ONNX Runtime in FP32.
    watts
        Mean draw of the GPU while it worked; None where that cannot be told, or the CPU works.
    error
        Why it could not be measured; all else is 0 then.
    """

    choice: Choice
    ran: str = ""
    device: str = ""
    p50_ms: float = 0.0
    p95_ms: float = 0.0
    p99_ms: float = 0.0
    tiles_per_second: float = 0.0
    made_s: float = 0.0
    start_s: float = 0.0
    memory_mib: float = 0.0
    model_mib: float = 0.0
    map50: float = 0.0
    lost_boxes: int = 0
    reference_boxes: int = 0
    watts: float | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """All figures of one run.

    Attributes
    ----------
    best
        The fastest that loses nothing and keeps to the budget; None when none does.
    """

    model: str
    machine: str
    boards: int
    rounds: int
    budget_ms: float | None
    labelled: bool
    figures: tuple[Figures, ...]
    best: Choice | None

    def as_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return asdict(self)


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


def choices(batches: Sequence[int] = (1,)) -> tuple[Choice, ...]:
    """Return every installed local runtime and provider in every precision and batch, the reference first."""
    every = [
        Choice(name, precision, batch, provider)
        for name, entry in RUNTIMES.items()
        if entry.available and not entry.remote
        for provider in ("", *(further_providers() if name == REFERENCE.runtime else ()))
        for precision in entry.precisions
        for batch in batches
    ]
    return (REFERENCE, *(choice for choice in every if choice != REFERENCE))


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


def best_choice(figures: Sequence[Figures], limits: GateLimits) -> Choice | None:
    """Return the fastest choice that finds what the reference finds and keeps to the budget."""
    reference = next((f for f in figures if f.choice == REFERENCE), None)
    fit = [
        f
        for f in figures
        if not f.error
        and f.lost_boxes == 0
        and (reference is None or f.map50 >= reference.map50 - limits.map_points)
        and (limits.p99_ms is None or f.p99_ms <= limits.p99_ms)
    ]
    return max(fit, key=lambda f: f.tiles_per_second).choice if fit else None


def advice(comparison: Comparison) -> str:
    """Say what a person should choose on this machine; nothing is switched by itself."""
    measured = {f.choice: f for f in comparison.figures if not f.error}
    budget = "" if comparison.budget_ms is None else f" under {comparison.budget_ms:.1f} ms a tile (p99)"
    if comparison.best is None:
        return f"Nothing here keeps up{budget}: a smaller network, a GPU or a server is needed."
    best = measured[comparison.best]
    if best.choice == REFERENCE:
        return f"Best here{budget}: ONNX Runtime in FP32, which the station starts with."
    times = best.tiles_per_second / measured[REFERENCE].tiles_per_second
    name = f"{RUNTIMES[best.choice.runtime].title}{best.choice.provider and f' ({best.choice.provider})'}"
    return (
        f"Best here{budget}: {name} in {best.choice.precision.upper()}, batch {best.choice.batch}; "
        f"{times:.2f} times as fast as ONNX Runtime in FP32, no box lost. "
        f"Nothing was switched: choose it in the settings, or with --runtime {best.choice.runtime} "
        f"--precision {best.choice.precision} "
        f"{' '.join(f'--option {name}={value}' for name, value in best.choice.options.items())}."
    )


def tile_budget_ms(verdict_ms: float | None, board_width: int, tile: tuple[int, int], overlap: int) -> float | None:
    """Return what a tile may take so that the verdict stands `verdict_ms` after the last line; None without a budget.

    When the trailing edge has passed, one row of tiles is left to do.
    """
    if verdict_ms is None:
        return None
    return verdict_ms / len(TilePlan(board_width, *tile, fitting_overlap(overlap, tile)).columns)


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
