"""One board at a time: from lines to a verdict, whatever the engine does."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from aoi_app.core.detection import Detections
from aoi_app.core.errors import AoiError, EngineError, RecipeError
from aoi_app.core.golden_recipe import length_slack
from aoi_app.core.inspection import EngineInfo, Inspection, Judgement, ToGolden, Verdict, judge, relevant
from aoi_app.core.protocols import Detector
from aoi_app.core.recipe import MAX_LENGTH_LINES, Recipe
from aoi_app.core.scan import BoardScan, Completeness, LinesIn, Pixels, ScanEnd
from aoi_app.core.text import one_line
from aoi_app.inference.registration import Registration
from aoi_app.station.aligned_golden import AlignedGolden
from aoi_app.station.changeover import Chosen
from aoi_app.station.nudged_golden import NudgedGolden

Golden = Callable[[BoardScan, Recipe], "Pixels | None"]
"""Finds the golden board of a scan, in the scan's geometry; raises AoiError when one is promised and not there."""

Found = Callable[[BoardScan, Detections], None]
"""Hears of provisional detections of the board in hand (all so far), for the screen."""

Tiles = Callable[[int, float], None]
"""Hears of a number of inspected tiles and the milliseconds they took."""

OnError = Callable[[Exception], None]
"""Hears of an error that nobody foresaw, and that made the board in hand an `ERROR`."""

_log = logging.getLogger(__name__)


def _logged(error: Exception) -> None:
    _log.error("inspection: %s", error, exc_info=error)


NO_RECIPE = Recipe(name="no recipe", max_lines=MAX_LENGTH_LINES)
"""Stands in the record of a board that no recipe belongs to."""

GOLDEN_SHORT = 0.01
"""Share of a board that may lie beyond its golden board: a sensor that rises some lines late is no other product."""


class EngineSource(Protocol):
    """Where an `Inspector` gets its detectors from."""

    def for_next_board(self) -> Detector | None:
        """Return the detector for a board that begins now, or None."""

    def failed(self, error: Exception) -> Detector | None:
        """Return a detector to inspect the board in hand again, or None."""

    def board_done(self) -> None:
        """Say that the detector in use inspected a board."""


class RecipeSource(Protocol):
    """Where an `Inspector` gets its recipes from."""

    def lines_needed(self) -> int:
        """Return the lines of a board that must be in before its recipe can be chosen."""

    def choose(self, scan: BoardScan, lines: int) -> Chosen:
        """Return the recipe for a board that begins now. Raises RecipeError when it has none."""


@dataclass(frozen=True, slots=True)
class FixedRecipe:
    """One recipe for every board; the station's `LineChangeover` chooses instead."""

    recipe: Callable[[], Recipe]

    def lines_needed(self) -> int:
        """Return 0."""
        return 0

    def choose(self, scan: BoardScan, lines: int) -> Chosen:
        """Return the recipe."""
        return Chosen(self.recipe())


class FixedEngine:
    """One detector that never changes; the station's `Engines` swaps and falls back instead."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    def for_next_board(self) -> Detector | None:
        """Return the detector."""
        return self._detector

    def failed(self, error: Exception) -> Detector | None:
        """Return None: there is no other."""
        return None

    def board_done(self) -> None:
        """Nothing to do."""


@dataclass(slots=True)
class _Board:
    scan: BoardScan
    recipe: Recipe
    detector: Detector | None
    golden: Pixels | None
    code: str = ""
    aligned: AlignedGolden | NudgedGolden | None = None
    error: str = ""
    found: list[Detections] = field(default_factory=list)
    tiles: int = 0
    busy_ms: float = 0.0


class Inspector:
    """Turns the events of a scan into an inspection. Belongs to one thread.

    Parameters
    ----------
    engines
        `FixedEngine` or `Engines`.
    recipe
        Returns the recipe for a board that begins now; or a `RecipeSource` that looks at the board.
    nudge
        Move golden pictures onto the scan by whole pixels where the recipe does not ask for registration: for boards
        from files, whose golden pictures were often cut out by hand.
    """

    def __init__(
        self,
        engines: EngineSource,
        recipe: Callable[[], Recipe] | RecipeSource,
        golden: Golden,
        on_found: Found | None = None,
        on_tiles: Tiles | None = None,
        on_error: OnError = _logged,
        *,
        nudge: bool = False,
    ) -> None:
        self._engines = engines
        self._nudge = nudge
        self._recipes: RecipeSource = FixedRecipe(recipe) if callable(recipe) else recipe
        self._golden = golden
        self._on_found = on_found
        self._on_tiles = on_tiles
        self._on_error = on_error
        self._board: _Board | None = None

    @property
    def busy(self) -> bool:
        """Whether a board is in hand."""
        return self._board is not None

    def handle(self, event: LinesIn | ScanEnd) -> Inspection | None:
        """Work on what is in; return the inspection when the board has ended.

        Whatever is raised on the way, a board that has ended has its inspection.
        """
        try:
            return self._handled(event)
        except Exception as error:
            self._on_error(error)
            return self._given_up(event, error)

    def _handled(self, event: LinesIn | ScanEnd) -> Inspection | None:
        lines = event.lines if isinstance(event, LinesIn) else event.completeness.lines
        board = self._board
        if board is None or board.scan is not event.scan:
            if isinstance(event, LinesIn) and lines < max(1, self._recipes.lines_needed()):
                return None
            # A board of which nothing was seen needs no engine and no golden board to be an error.
            board = self._board = self._begin(event.scan, lines) if lines else self._unseen(event.scan)
        if isinstance(event, LinesIn):
            self._advance(board, event.lines)
            return None
        inspection = self._finish(board, event)
        self._board = None
        return inspection

    def go_on_without_engine(self, event: LinesIn | ScanEnd | None, error: EngineError) -> Inspection | None:
        """Say, in a thread that takes over, that the engine never came back from `event`: its board is an `ERROR`."""
        self._engines.failed(error)
        return None if event is None else self._given_up(event, error)

    def _given_up(self, event: LinesIn | ScanEnd, error: Exception) -> Inspection | None:
        """Make the board of an event an `ERROR`, from here to its end."""
        board = self._board
        if board is None or board.scan is not event.scan:
            board = self._board = _Board(event.scan, NO_RECIPE, None, None)
        said = error.what.rstrip(".") if isinstance(error, AoiError) else f"{type(error).__name__}: {error}"
        board.error = board.error or f"it could not be inspected: {said}"
        if isinstance(event, LinesIn):
            return None
        self._board = None
        reason = "; ".join([*event.completeness.reasons, board.error])
        return _inspection(board, event, Judgement(Verdict.ERROR, reason, ()), {})

    def _begin(self, scan: BoardScan, lines: int) -> _Board:
        # The engine first: a recipe may wait for one that comes into force with this board.
        detector = self._engines.for_next_board()
        try:
            chosen = self._recipes.choose(scan, lines)
        except RecipeError as error:
            return _Board(scan, NO_RECIPE, None, None, error=error.what.rstrip("."))
        if chosen.changed:
            detector = self._engines.for_next_board()
        recipe = chosen.recipe
        board = _Board(scan, recipe, detector, None, chosen.code)
        if detector is None:
            board.error = "no engine was ready to inspect it"
            return board
        try:
            board.golden = self._golden(scan, recipe)
            if board.golden is not None and (recipe.align_golden or self._nudge):
                board.aligned = (AlignedGolden if recipe.align_golden else NudgedGolden)(board.golden, scan)
                board.golden = board.aligned.pixels
        except Exception as error:
            board.error = f"its golden board cannot be used: {error}"
            return board
        self._guarded(board, lambda d: d.begin(scan, board.golden))
        return board

    def _unseen(self, scan: BoardScan) -> _Board:
        try:
            return _Board(scan, self._recipes.choose(scan, 0).recipe, None, None)
        except RecipeError:
            return _Board(scan, NO_RECIPE, None, None)

    def _advance(self, board: _Board, lines: int) -> None:
        if board.aligned is not None:
            lines = board.aligned.advance(lines)
        new = self._guarded(board, lambda d: d.advance(lines))
        if new is None or not len(new) or self._on_found is None or board.detector is None:
            return
        # The detector delivers more than the recipe looks at, so that thresholds can change at once.
        seen = relevant(new, board.recipe, board.detector.info.class_names, _to_golden(board))
        if len(seen):
            board.found.append(seen)
            self._on_found(board.scan, Detections.concatenate(board.found))

    def _finish(self, board: _Board, end: ScanEnd) -> Inspection:
        lines, width = end.completeness.lines, board.scan.width
        if board.aligned is not None and not board.error:
            try:
                board.aligned.finish(lines)
            except RecipeError as error:
                board.error = error.what.rstrip(".")
        golden = board.golden
        if golden is not None and not board.error and not _as_long(end.completeness, golden.shape[0], board.recipe):
            board.error = f"its golden board has {golden.shape[0]} lines, the board has {lines}"
        detections = self._guarded(board, lambda d: d.finish(lines)) if lines else Detections.empty()
        names = board.detector.info.class_names if board.detector else ()
        began = time.perf_counter()
        found, to_golden = detections or Detections.empty(), _to_golden(board)
        judgement = judge(found, end.completeness, board.recipe, names, width, to_golden)
        if board.error:
            reasons = [r for r in (judgement.reason if judgement.verdict is Verdict.ERROR else "", board.error) if r]
            judgement = Judgement(Verdict.ERROR, "; ".join(reasons), judgement.defects)
        latency = dict(board.detector.latency_ms) if board.detector and lines else {}
        latency.pop("tiles", None)
        latency["judge"] = 1e3 * (time.perf_counter() - began)
        latency["verdict"] = (time.monotonic_ns() - end.ended_ns) / 1e6
        if board.detector is not None and not board.error:
            self._engines.board_done()
        return _inspection(board, end, judgement, latency, board.detector.info if board.detector else None)

    def _guarded(self, board: _Board, step: Callable[[Detector], Detections | None]) -> Detections | None:
        """Run a step; when the engine fails, inspect the board again with another one, or mark it as an error."""
        while board.detector is not None and not board.error:
            began = time.perf_counter()
            try:
                result = step(board.detector)
            except Exception as error:
                self._replace_engine(board, error)
                continue
            self._count(board, 1e3 * (time.perf_counter() - began))
            return result
        return None

    def _replace_engine(self, board: _Board, error: Exception) -> None:
        board.found.clear()
        board.tiles = 0
        board.detector = self._engines.failed(error)
        if board.detector is None:
            board.error = f"the engine failed: {error}"
            return
        try:
            board.detector.begin(board.scan, board.golden)
        except Exception as again:
            board.error = f"the engine failed: {error}; so did the one before it: {again}"

    def _count(self, board: _Board, milliseconds: float) -> None:
        if board.detector is None or self._on_tiles is None:
            return
        tiles = int(board.detector.latency_ms.get("tiles", 0))
        board.busy_ms += milliseconds
        if tiles > board.tiles:
            self._on_tiles(tiles - board.tiles, board.busy_ms)
            board.tiles, board.busy_ms = tiles, 0.0


def _as_long(seen: Completeness, golden: int, recipe: Recipe) -> bool:
    """Tell whether a board is all of its golden board: where no recipe says how short one may be, that does.

    One that was not wholly seen is short for that reason alone, and what was found on it is kept.
    """
    shortest = golden - length_slack(golden) if recipe.min_lines == 1 and seen.ok else 0
    return shortest <= seen.lines <= (1 + GOLDEN_SHORT) * golden


def _inspection(
    board: _Board,
    end: ScanEnd,
    judgement: Judgement,
    latency_ms: Mapping[str, float],
    engine: EngineInfo | None = None,
) -> Inspection:
    return Inspection(
        board_id=board.scan.board_id,
        serial=one_line(board.code) or board.scan.serial,
        verdict=judgement.verdict,
        reason=judgement.reason,
        defects=judgement.defects,
        recipe=board.recipe.name,
        recipe_revision=board.recipe.revision,
        engine=engine,
        completeness=end.completeness,
        input_hash=end.input_hash,
        started_ns=board.scan.started_ns,
        ended_ns=time.time_ns(),
        width=board.scan.width,
        latency_ms=latency_ms,
        registration=_matrix(board),
    )


def _registration(board: _Board) -> Registration | None:
    return board.aligned.registration if isinstance(board.aligned, AlignedGolden) else None


def _to_golden(board: _Board) -> ToGolden | None:
    found = _registration(board)
    return None if found is None else found.to_golden


def _matrix(board: _Board) -> tuple[float, ...] | None:
    found = _registration(board)
    return None if found is None or board.error else tuple(float(v) for v in found.matrix.ravel())
