"""What of runtimes is compared, what came of it, and what follows for a station."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from aoi_app.inference.gate import GateLimits
from aoi_app.inference.runtimes.base import Option
from aoi_app.inference.runtimes.ort_providers import further_providers
from aoi_app.inference.runtimes.table import RUNTIMES
from aoi_app.inference.tiling import TilePlan, fitting_overlap


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
