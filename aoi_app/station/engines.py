"""Which detector inspects the next board: prepared beside the running one, swapped between boards."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from aoi_app.core.errors import EngineError
from aoi_app.core.protocols import Detector
from aoi_app.core.recipe import Recipe
from aoi_app.core.settings import Settings
from aoi_app.inference.device_calls import GivenUp
from aoi_app.station.journal import Journal
from aoi_app.station.status import Level

LEAST_CONFIDENCE = 0.05
"""Detectors deliver from here on (or from the recipe's lowest threshold), so that thresholds change at once."""
GATE_CONFIDENCE = 0.25
"""The gate compares boxes from here on, or from the recipe's lowest threshold where that is less."""


@dataclass(frozen=True, slots=True)
class EngineBudget:
    """What a recipe allows an engine; None sets no limit.

    Attributes
    ----------
    verdict_ms
        After the last line of a board `width_px` pixels wide.
    memory_mib
        Of the GPU.
    confidence
        Every box of the reference that is surer must be found.
    """

    verdict_ms: float | None = None
    width_px: int | None = None
    memory_mib: float | None = None
    confidence: float = GATE_CONFIDENCE

    @staticmethod
    def of(recipe: Recipe) -> EngineBudget:
        """Return what `recipe` allows; the width counts only where the verdict has a limit."""
        limit, least = recipe.verdict_budget_ms, min(GATE_CONFIDENCE, recipe.lowest_confidence)
        return EngineBudget(limit, None if limit is None else recipe.width_px, recipe.gpu_memory_budget_mib, least)


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """A choice of model, runtime and precision, as the settings name it.

    Attributes
    ----------
    options
        Of the runtime: name and value.
    budget
        What the recipe allows; the gate holds the engine to it.
    at_once
        A board waits for it: what would have to be built first is refused.
    """

    model: str
    runtime: str
    precision: str
    min_confidence: float
    options: tuple[tuple[str, int | float | str | bool], ...] = ()
    budget: EngineBudget = EngineBudget()
    at_once: bool = False

    @staticmethod
    def of(settings: Settings, recipe: Recipe) -> EngineSpec:
        """Return what the boards of `recipe` are inspected with under `settings`."""
        least = min(LEAST_CONFIDENCE, recipe.lowest_confidence)
        options = tuple(sorted(settings.engine_options.items()))
        model = settings.model or recipe.model
        return EngineSpec(model, settings.runtime, settings.precision, least, options, EngineBudget.of(recipe))

    def serves(self, model: str, least_confidence: float) -> bool:
        """Tell whether it is of a model and delivers from a confidence on."""
        return self.model == model and self.min_confidence <= least_confidence

    def __str__(self) -> str:
        return f"{self.model or 'default model'}, {self.runtime} {self.precision}"


PATIENCE_S = 30.0
"""A board waits so long for an engine that is being prepared when there is no other."""

Progress = Callable[[str], None]
Make = Callable[[EngineSpec, Progress], Detector]
"""Loads (and where needed builds and gates) a detector; raises AoiError. Runs in a thread of its own."""

Fallback = Callable[[EngineSpec], EngineSpec | None]
"""What to try when an engine failed; None when nothing is left."""


class Superseded(Exception):
    """What was being prepared is not wanted any more: the way out of a build, through its progress."""


class Engines:
    """The detector in use, the one that waits, and the one that may come back.

    `request` may be called from any thread; everything else belongs to the inspection thread.

    The one before stays until the new one has inspected its first board, and comes back if that fails.
    """

    def __init__(self, make: Make, fallback: Fallback, journal: Journal) -> None:
        self._make = make
        self._fallback = fallback
        self._journal = journal
        self._lock = threading.Lock()
        self._asked: EngineSpec | None = None
        self._wanted: EngineSpec | None = None
        self._preparing: EngineSpec | None = None
        self._ready: tuple[EngineSpec, Detector] | None = None
        self._builder: threading.Thread | None = None
        self._progress = ""
        self._current: tuple[EngineSpec, Detector] | None = None
        self._previous: tuple[EngineSpec, Detector] | None = None
        self._closed = False
        self._held = False
        self._refused: EngineSpec | None = None
        self._settled = threading.Event()
        self._settled.set()

    @property
    def waiting(self) -> str:
        """What is being prepared, for the screen; empty when nothing is."""
        return self._progress

    @property
    def current(self) -> Detector | None:
        """The detector in use."""
        return self._current[1] if self._current else None

    @property
    def current_spec(self) -> EngineSpec | None:
        """What the detector in use was asked to be."""
        return self._current[0] if self._current else None

    @property
    def next_spec(self) -> EngineSpec | None:
        """What inspects the next board: the one that is ready, else the one in use."""
        with self._lock:
            entry = self._ready or self._current
        return entry[0] if entry else None

    @property
    def refused(self) -> EngineSpec | None:
        """The request that failed last; None when a later one did not."""
        return self._refused

    @property
    def instead(self) -> tuple[EngineSpec, EngineSpec] | None:
        """What was asked for, and what inspects in its place; None where that is the same, or being prepared."""
        with self._lock:
            asked, current = self._asked, self._current
            preparing = self._ready is not None or not self._settled.is_set()
        return None if preparing or asked is None or current is None or current[0] == asked else (asked, current[0])

    @property
    def settled(self) -> bool:
        """Whether nothing is being prepared."""
        return self._settled.is_set()

    def hold(self) -> None:
        """Let the engine in use inspect until `release`, whatever becomes ready: the camera must change with it."""
        self._held = True

    def release(self) -> None:
        """Take over what is ready with the next board."""
        self._held = False

    def request(self, spec: EngineSpec) -> None:
        """Prepare a detector; the newest request wins, and stops what is being prepared for another one."""
        with self._lock:
            self._asked = spec
        self._begin(spec)

    def _begin(self, spec: EngineSpec) -> None:
        with self._lock:
            # What is under way for the same wish goes on.
            self._wanted = None if spec == self._preparing else spec
            self._refused = None
            self._settled.clear()
            if self._builder is None and not self._closed:
                self._builder = threading.Thread(target=self._build, name="aoi-engine", daemon=True)
                self._builder.start()

    def change_to(self, spec: EngineSpec) -> bool:
        """Prepare a detector for the board in hand, wait for it and use it; tell whether it is in use."""
        self.request(spec)
        self._settled.wait(PATIENCE_S)
        # Even where the camera is to change first: this board was scanned before that, and needs its engine now.
        self._take_ready()
        return self.current_spec == spec

    def _build(self, hung: tuple[EngineSpec | None, EngineError] | None = None) -> None:
        with contextlib.suppress(GivenUp):
            if hung is not None and hung[0] is not None:
                self._not_made(hung[0], hung[1])
            self._build_what_is_wanted()

    def _build_what_is_wanted(self) -> None:
        while True:
            with self._lock:
                spec, self._wanted = self._wanted, None
                self._preparing = spec
                if spec is None or self._closed:
                    self._builder, self._progress = None, ""
                    self._settled.set()
                    return
                self._progress = f"loading {spec}"
            try:
                self._prepare(spec)
            except Exception as error:  # boards wait for this thread: it goes on whatever happens
                self._journal.error("engine", error)

    def _prepare(self, spec: EngineSpec) -> None:
        try:
            made = self._identified(self._make(spec, self._set_progress))
        except Superseded:
            self._journal.add(Level.INFO, "engine", f"{spec} is not prepared any further: it is not wanted any more.")
            return
        except Exception as error:
            with self._lock:
                self._preparing = None
            self._not_made(spec, error)
            return
        with self._lock:
            self._preparing = None
            # A station that has closed meanwhile looks at nothing any more.
            stale, self._ready = ((spec, made), None) if self._closed else (self._ready, (spec, made))
        if stale is not None:
            _close_quietly(stale[1], self._journal)

    def _not_made(self, spec: EngineSpec, error: Exception) -> None:
        self._journal.error("engine", error)
        self._refused = spec
        self._retreat(spec)

    @property
    def builder(self) -> threading.Thread | None:
        """The thread that prepares an engine, while there is one."""
        return self._builder

    def give_up_builder(self, error: EngineError) -> None:
        """Say that the thread which prepares an engine will not come back: another one goes on."""
        with self._lock:
            spec, self._preparing = self._preparing, None
            self._builder = threading.Thread(target=self._build, args=((spec, error),), name="aoi-engine", daemon=True)
            self._builder.start()

    def _identified(self, made: Detector) -> Detector:
        """Return a detector that says what it is; one that cannot would fail with its first board."""
        try:
            _ = made.info
        except Exception:
            _close_quietly(made, self._journal)
            raise
        return made

    def _set_progress(self, text: str) -> None:
        with self._lock:
            if self._wanted is not None or self._closed:
                self._preparing = None  # whoever asks for it again from here on gets it anew
                raise Superseded
            self._progress = text

    def _retreat(self, failed: EngineSpec) -> None:
        """Ask for the next best engine where nothing inspects yet; a running engine simply stays."""
        if self._current is not None or self._ready is not None:
            self._journal.add(Level.WARNING, "engine", "The engine in use stays.")
            return
        other = self._fallback(failed)
        if other is None:
            return
        self._journal.add(Level.WARNING, "engine", f"{failed} failed; trying {other} instead.")
        with self._lock:
            if self._wanted is None:
                self._wanted = other

    def for_next_board(self) -> Detector | None:
        """Return the detector for a board that begins now; takes over a new one that is ready.

        Where nothing inspects and something is being prepared, that is waited for: the board is in its buffer.
        """
        if self._current is None:
            self._settled.wait(PATIENCE_S)
        return self.take_over()

    def take_over(self) -> Detector | None:
        """Use a new detector that is ready, and return the one in use. Never waits."""
        if not (self._held and self._current is not None):
            self._take_ready()
        return self.current

    def _take_ready(self) -> None:
        with self._lock:
            ready, self._ready = self._ready, None
        if ready is not None:
            self._drop_previous()
            self._previous, self._current = self._current, ready
            info = ready[1].info
            self._journal.add(
                Level.INFO, "engine", f"{info.model} runs on {info.runtime}, {info.precision}, {info.device}."
            )

    def board_done(self) -> None:
        """Say that the detector in use inspected a board: the one before is not needed any more."""
        self._drop_previous()

    def failed(self, error: Exception) -> Detector | None:
        """Say that the detector in use failed on the board in hand.

        Returns
        -------
        Detector or None
            The one before, or a fallback, to inspect the board again; None where there is none.
        """
        self._journal.error("engine", error)
        broken, self._current = self._current, None
        if broken is not None:
            _close_quietly(broken[1], self._journal)
        if self._previous is not None:
            self._current, self._previous = self._previous, None
            self._journal.add(Level.WARNING, "engine", f"Back to {self._current[0]}.")
            return self._current[1]
        if broken is not None and not self._closed:
            other = self._fallback(broken[0])
            if other is not None:
                self._journal.add(Level.WARNING, "engine", f"{broken[0]} failed; trying {other} instead.")
                # A build takes minutes, and the boards that pass meanwhile would be errors.
                self._begin(replace(other, at_once=True))
                return self.for_next_board()
        return None

    @property
    def hopeless(self) -> bool:
        """Whether nothing inspects, nothing is ready and nothing is being prepared."""
        with self._lock:
            return self._current is None and self._ready is None and self._builder is None

    def _drop_previous(self) -> None:
        if self._previous is not None:
            _close_quietly(self._previous[1], self._journal)
            self._previous = None

    def close(self) -> None:
        """Free every engine."""
        with self._lock:
            self._closed = True
            self._wanted = None
            builder = self._builder
        if builder is not None:
            self._settled.wait(PATIENCE_S)
        with self._lock:
            ready, self._ready = self._ready, None
        for entry in (ready, self._current, self._previous):
            if entry is not None:
                _close_quietly(entry[1], self._journal)
        self._current = self._previous = None


def _close_quietly(detector: Detector, journal: Journal) -> None:
    try:
        detector.close()
    except Exception as error:
        journal.error("engine", EngineError(f"An engine could not be freed: {error}.", "Restart the station soon."))
