"""One camera, held by a thread of its own while it is being adjusted. Knows nothing of windows."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any

from aoi_app.camera.capture import Calibrated, flat_field_of, grab_lines
from aoi_app.camera.figures import LineFigures, line_figures
from aoi_app.camera.flat_field import FlatField, check_dark
from aoi_app.camera.introspection import FeatureInfo, describe, stream_counters
from aoi_app.camera.meter import LineMeter
from aoi_app.core.errors import CameraError, CameraLost
from aoi_app.core.protocols import AcquisitionConfig, CameraInfo, LineScanCamera
from aoi_app.core.scan import LineBlock, Pixels
from aoi_app.core.settings import CameraSettings
from aoi_app.gui.camera.draft import basic_features, config_of, for_creation
from aoi_app.gui.camera.waterfall import Waterfall

FETCH_S = 0.1
"""Longest wait for a block, so that what is asked for is done at once."""
PERIOD_S = 0.08
FOCUS_S = 2.0
CAPTURE_S = 10.0
PREDECESSOR_S = 15.0

MakeCamera = Callable[[CameraSettings], LineScanCamera]


class Phase(str, Enum):
    """What the thread is at."""

    OPENING = "opening"
    RUNNING = "running"
    FAILED = "failed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What there is to see of a camera.

    Attributes
    ----------
    number
        Changes with every look.
    applied
        How the camera really runs; None before it does.
    corrects
        Whether its driver corrects the flat field.
    figures, picture
        Of the newest block, and the newest lines; None before the first.
    line_rate
        Measured by the camera's clock, Hz; None before two blocks.
    counters
        Since the camera was opened, by name: `boards`, `lost_lines`, `incomplete_blocks`, and what its driver counts.
    focus, best_focus
        Mean focus figure of the last `FOCUS_S`, in which what passes by evens out, and the greatest one since the
        camera was opened or set otherwise.
    heard_s
        Monotonic time of the newest block, or of the start.
    error
        What ended it.
    """

    phase: Phase
    number: int = 0
    info: CameraInfo | None = None
    applied: AcquisitionConfig | None = None
    corrects: bool = False
    features: tuple[FeatureInfo, ...] = ()
    figures: LineFigures | None = None
    picture: Pixels | None = None
    line_rate: float | None = None
    counters: Mapping[str, int] = field(default_factory=dict)
    focus: float | None = None
    best_focus: float = 0.0
    heard_s: float = 0.0
    error: Exception | None = None


class Session:
    """Opens a camera, runs it, and gives it back.

    No call waits; what is asked for is done in the session's thread, one thing after the other.

    Parameters
    ----------
    make
        From settings to a camera that is not open yet.
    settings
        How it is to run.
    width
        Pixels a line that the recipe wants; None for the camera's own.
    after
        A session whose camera must be given back first.
    """

    def __init__(
        self, make: MakeCamera, settings: CameraSettings, width: int | None, after: Session | None = None
    ) -> None:
        self.settings = settings
        self._make = make
        self._width = width
        self._after = after
        self._look = Look(Phase.OPENING)
        self._closing = threading.Event()
        self._wanted: queue.SimpleQueue[tuple[Future[Any], Callable[[LineScanCamera], Any]]] = queue.SimpleQueue()
        self._meter = LineMeter(settings.height)
        self._before: Counter[str] = Counter()
        self._newest: LineBlock | None = None
        self._heard_s = 0.0
        self._features: tuple[FeatureInfo, ...] = ()
        self._focus: deque[tuple[float, float]] = deque()
        self._focus_is_full = False
        self._waterfall = Waterfall()
        self._looked_s = 0.0
        self._thread = threading.Thread(target=self._run, name="aoi-camera-page", daemon=True)
        self._thread.start()

    # What the page may do; from any thread

    @property
    def look(self) -> Look:
        """The newest look."""
        return self._look

    @property
    def ended(self) -> bool:
        """Whether the camera has been given back."""
        return not self._thread.is_alive()

    def apply(self, settings: CameraSettings) -> Future[None]:
        """Run the camera by other settings; when it refuses them it goes on as before and the answer is its error."""
        return self._ask(lambda camera: self._apply(camera, settings))

    def read_features(self) -> Future[None]:
        """Read all features anew."""
        return self._ask(self._describe)

    def capture(self, lines: int, dark: bool = False) -> Future[Pixels]:
        """Return so many lines as they come; it takes `CAPTURE_S` at most. Dark ones are refused when they are not."""
        return self._ask(lambda camera: self._capture(camera, lines, dark))

    def measure(self, dark: Pixels, bright: Pixels) -> Future[FlatField]:
        """Make a flat field of lines that `capture` took."""
        return self._ask(lambda camera: flat_field_of(camera, dark, bright))

    def save(self, field: FlatField, file: Path) -> Future[None]:
        """Write a flat field."""
        return self._ask(lambda camera: field.save(file))

    def close(self) -> None:
        """Have the camera given back; does not wait."""
        self._closing.set()

    def join(self, timeout_s: float) -> bool:
        """Wait until the camera is given back; tell whether it is."""
        self._thread.join(timeout_s)
        return self.ended

    # The session's thread

    def _ask(self, work: Callable[[LineScanCamera], Any]) -> Future[Any]:
        answer: Future[Any] = Future()
        self._wanted.put((answer, work))
        return answer

    def _run(self) -> None:
        camera: LineScanCamera | None = None
        error: Exception | None = None
        try:
            if self._after is not None:
                self._after.join(PREDECESSOR_S)
                self._after = None
            if not self._closing.is_set():
                camera = self._make(for_creation(self.settings))
                camera.open()
                self._start(camera, self.settings)
            while camera is not None and not self._closing.is_set():
                self._serve(camera)
                block = camera.fetch(FETCH_S)
                if block is not None:
                    self._take(block)
                self._show(camera)
        except Exception as problem:
            error = problem
        finally:
            if camera is not None:
                camera.close()
            self._refuse_the_rest()
            self._publish(phase=Phase.FAILED if error else Phase.CLOSED, error=error)

    def _serve(self, camera: LineScanCamera) -> None:
        while not self._closing.is_set():
            try:
                answer, work = self._wanted.get_nowait()
            except queue.Empty:
                return
            try:
                answer.set_result(work(camera))
            except Exception as error:
                answer.set_exception(error)
                if isinstance(error, CameraLost):
                    raise

    def _refuse_the_rest(self) -> None:
        while not self._wanted.empty():
            self._wanted.get()[0].set_exception(CameraError("The camera was closed.", "Open it again."))

    def _apply(self, camera: LineScanCamera, settings: CameraSettings) -> None:
        self._halt(camera)
        try:
            self._start(camera, settings)
        except CameraLost:
            raise
        except Exception as error:
            self._start(camera, self.settings)
            if isinstance(error, ValueError):
                raise CameraError(f"The value is refused: {error}.", "Give a value within the limits.") from error
            raise
        self.settings = settings

    def _start(self, camera: LineScanCamera, settings: CameraSettings) -> None:
        applied = camera.configure(config_of(settings, self._width))
        self._meter = LineMeter(applied.height)
        # Before it runs: a camera that runs locks features that may be set all the same, by a new start.
        self._features = tuple(describe(camera) or basic_features(applied))
        camera.start_acquisition()
        self._focus.clear()
        self._focus_is_full = False
        self._heard_s = time.monotonic()
        self._publish(
            phase=Phase.RUNNING,
            info=camera.info,
            applied=applied,
            corrects=isinstance(camera, Calibrated),
            heard_s=self._heard_s,
            features=self._features,
            best_focus=0.0,
        )

    def _halt(self, camera: LineScanCamera) -> None:
        """Stop the stream; what was counted stays counted."""
        self._before = self._counted(camera)
        camera.stop_acquisition()

    def _counted(self, camera: LineScanCamera) -> Counter[str]:
        counted = Counter(self._before)
        counted.update({"boards": self._meter.boards, "lost_lines": self._meter.lost_lines})
        counted.update(stream_counters(camera))
        return counted

    def _describe(self, camera: LineScanCamera) -> None:
        settable = {feature.name for feature in self._features if feature.writable}
        found = [replace(f, writable=f.writable or f.name in settable) for f in describe(camera)]
        self._publish(features=tuple(found) or self._features)

    def _capture(self, camera: LineScanCamera, lines: int, dark: bool) -> Pixels:
        self._halt(camera)
        try:
            pixels = grab_lines(camera, config_of(self.settings, self._width), lines, CAPTURE_S)
        finally:
            self._start(camera, self.settings)
        if dark:
            check_dark(pixels)
        return pixels

    def _take(self, block: LineBlock) -> None:
        self._heard_s = time.monotonic()
        if block.is_incomplete:
            self._before["incomplete_blocks"] += 1
            return
        self._meter.feed(block)
        if block.lines:
            self._waterfall.add(block.pixels)
            self._newest = block

    def _show(self, camera: LineScanCamera) -> None:
        now = time.monotonic()
        if now - self._looked_s < PERIOD_S:
            return
        self._looked_s = now
        newest, self._newest = self._newest, None
        seen: dict[str, Any] = {}
        if newest is not None:
            figures = line_figures(newest.pixels)
            seen = {"figures": figures, "picture": self._waterfall.picture(), **self._focused(now, figures.focus)}
        counters = self._counted(camera)
        self._publish(line_rate=self._meter.line_rate, counters=counters, heard_s=self._heard_s, **seen)

    def _focused(self, now: float, focus: float) -> dict[str, float]:
        self._focus.append((now, focus))
        while now - self._focus[0][0] > FOCUS_S:
            self._focus.popleft()
            self._focus_is_full = True
        mean = sum(value for _, value in self._focus) / len(self._focus)
        # A mean of few blocks says more of what they show than of the lens.
        best = max(self._look.best_focus, mean) if self._focus_is_full else self._look.best_focus
        return {"focus": mean, "best_focus": best}

    def _publish(self, **changes: Any) -> None:
        self._look = replace(self._look, number=self._look.number + 1, **changes)
