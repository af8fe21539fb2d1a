"""A station without camera and engine: boards drawn by the project's own generator grow line by line."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

import numpy as np
import xxhash

from aoi_app.boards.draw import draw_board
from aoi_app.boards.spec import BoardSpec, Look
from aoi_app.core.detection import Detections
from aoi_app.core.inspection import EngineInfo, Inspection, Verdict, judge
from aoi_app.core.protocols import CameraInfo, MemorySample
from aoi_app.core.recipe import ClassRule, Recipe
from aoi_app.core.scan import BoardScan, Completeness, PixelFormat, Pixels, ScanEnd, read_only
from aoi_app.core.settings import Settings
from aoi_app.station.journal import Journal
from aoi_app.station.judged import JudgedBoard, pictures_of
from aoi_app.station.live import LiveFrame, LiveView, Pyramid
from aoi_app.station.status import Condition, Counters, Event, Level, Rates, State, StationStatus
from aoi_app.station.taking import TakenBoard

RULES = {"short": ClassRule(severity=3), "open": ClassRule(severity=3), "mousebite": ClassRule(severity=2)}


class FakeStation:
    """Implements `StationControl`; `scan` and `finish` move it by hand, `run` by the clock."""

    def __init__(self, width: int = 1024, lines: int = 1280, settings: Settings | None = None) -> None:
        self.journal = Journal()
        self.calls: list[str] = []
        self.asked: Future[TakenBoard] | None = None
        self.back_s = 0.0
        self.late_ms = 0.0
        self.goldens: dict[str, Pixels] = {}
        self.ends: list[tuple[Inspection, ScanEnd]] = []
        self._settings = settings or Settings()
        self._recipe = Recipe(rules=RULES, pixel_size_um=(20.0, 20.0), revision=3)
        self._size = (width, lines)
        self._view = LiveView()
        self._state = State.IDLE
        self._fault = ("", "")
        self._counters = Counters()
        self._last: Inspection | None = None
        self._judged: JudgedBoard | None = None
        self._number = 0
        self._board: tuple[BoardScan, Pyramid, Detections] | None = None
        self._lines = 0
        self._names: tuple[str, ...] = ("open", "short", "mousebite", "spur", "copper", "pin-hole")

    # By hand

    def next_board(self, defects: tuple[int, int] = (3, 6), seed: int | None = None) -> None:
        """Let a new board in."""
        self._number += 1
        spec = BoardSpec(width=self._size[0], lines=self._size[1], defects=defects, look=Look.LINE_SCAN)
        drawn = draw_board(spec, self._number if seed is None else seed)
        boxes = np.array([label.box for label in drawn.labels], np.float32).reshape(-1, 4)
        classes = np.array([self._names.index(label.defect_code) for label in drawn.labels], np.int32)
        rng = np.random.default_rng(self._number)
        scores = rng.uniform(0.62, 0.99, len(classes)).astype(np.float32)
        self.goldens[f"b{self._number:05d}"] = drawn.golden
        serial = f"PCB-2026-{self._number:05d}"
        scan = BoardScan(f"b{self._number:05d}", serial, read_only(drawn.image), PixelFormat.MONO8, 0, self._now_ns())
        self._board, self._lines = (scan, Pyramid(drawn.image), Detections(boxes, scores, classes)), 0
        self.scan(0)

    def scan(self, lines: int) -> None:
        """Bring so many lines of the board in."""
        assert self._board is not None
        scan, pyramid, found = self._board
        self._lines = min(self._lines + lines, scan.capacity)
        pyramid.grow(self._lines)
        seen = found.take(found.boxes[:, 3] <= self._lines)
        self._view.show(scan, self._lines, pyramid.levels, seen, self._names)

    def finish(self, completeness: Completeness | None = None, latency_ms: float = 23.0) -> Inspection:
        """Let the trailing edge pass: the verdict stands."""
        assert self._board is not None
        scan, pyramid, found = self._board
        self.scan(scan.capacity)
        whole = completeness or Completeness(self._lines)
        judged = judge(found, whole, self._recipe, self._names, scan.width)
        engine = self._engine()
        stages = {"verdict": latency_ms, "inference": 410.0, "preprocess": 12.0, "postprocess": 8.0, "tiles": 12.0}
        inspection = Inspection(
            scan.board_id,
            scan.serial,
            judged.verdict,
            judged.reason,
            judged.defects,
            self._recipe.name,
            self._recipe.revision,
            engine,
            whole,
            xxhash.xxh3_128_hexdigest(scan.pixels[: self._lines].data),
            scan.started_ns,
            max(self._now_ns(), scan.started_ns + 1),
            scan.width,
            stages,
        )
        self._last = inspection
        self._count(inspection.verdict)
        self.ends.append((inspection, ScanEnd(scan, whole, inspection.input_hash, time.monotonic_ns())))
        self._view.show(scan, self._lines, pyramid.levels, found, self._names, inspection)
        self._judged = JudgedBoard(inspection, pictures_of(judged.defects, scan.pixels[: self._lines]))
        return inspection

    def _now_ns(self) -> int:
        return time.time_ns() - round(self.back_s * 1e9)

    def finish_unseen(self) -> Inspection:
        """Let the verdict stand without a picture of it: the next board came within one period of the screen."""
        view, self._view = self._view, LiveView()
        inspection = self.finish()
        self._view = view
        return inspection

    def happen(self, level: Level, what: str, hint: str = "", detail: str = "", source: str = "camera") -> None:
        """Let something happen."""
        self.journal.add(level, source, what, hint, detail)

    def fail(self, what: str, hint: str) -> None:
        """Go to FAULT."""
        self._state, self._fault = State.FAULT, (what, hint)
        self.happen(Level.ERROR, what, hint, "Traceback (most recent call last): ...", "station")

    def _count(self, verdict: Verdict) -> None:
        c = self._counters
        self._counters = Counters(
            c.boards + 1,
            c.passed + (verdict is Verdict.PASSED),
            c.failed + (verdict is Verdict.FAILED),
            c.errors + (verdict is Verdict.ERROR),
        )

    def _engine(self) -> EngineInfo:
        return EngineInfo("ONNX Runtime 1.31", "fp32", "aoi-bare-1", "ab" * 32, "CPU, 2 threads", self._names)

    # StationControl

    def start(self) -> None:
        self.calls.append("start")
        self._state, self._fault = State.RUNNING, ("", "")

    def pause(self) -> None:
        self.calls.append("pause")
        self._state = State.PAUSED

    def resume(self) -> None:
        self.calls.append("resume")
        self._state = State.RUNNING

    def stop(self) -> None:
        self.calls.append("stop")
        self._state = State.IDLE

    def apply(self, settings: Settings) -> None:
        self.calls.append("apply")
        self._settings = settings

    def use_recipe(self, recipe: Recipe) -> None:
        self.calls.append("use_recipe")
        self._recipe = recipe

    def take_board(self) -> Future[TakenBoard]:
        self.calls.append("take_board")
        self.asked = Future[TakenBoard]()
        return self.asked

    def reset_counters(self) -> None:
        self.calls.append("reset_counters")
        self._counters = Counters()

    def status(self) -> StationStatus:
        running = self._state is State.RUNNING
        t = time.monotonic()
        wave = 0.5 + 0.5 * np.sin(t)
        p50, p99 = (self.late_ms, 1.5 * self.late_ms) if self.late_ms else (21 + 4 * wave, 48 + 9 * wave)
        rates = Rates(24 + 3 * wave, 3987.0, 12.4, p50, p99, 38.0, 61.0) if running else Rates()
        return StationStatus(
            state=self._state,
            fault=self._fault[0],
            fault_hint=self._fault[1],
            camera=CameraInfo("simulated", "bare", "AOI", "Simulated line, bare boards") if running else None,
            camera_connected=running,
            engine=self._engine(),
            recipe=self._recipe.name,
            recipe_revision=self._recipe.revision,
            counters=self._counters,
            rates=rates,
            memory=MemorySample("process memory", 612 + 10 * wave, 7937),
            last=self._last,
            conditions=self._faults() + self.journal.lasting,
        )

    def _faults(self) -> tuple[Condition, ...]:
        return (Condition(Level.ERROR, "station", *self._fault),) if self._fault[0] else ()

    def events(self, after: int) -> tuple[Event, ...]:
        return self.journal.after(after)

    def frame(self) -> LiveFrame | None:
        return self._view.frame()

    def judged(self) -> JudgedBoard | None:
        return self._judged

    @property
    def settings(self) -> Settings:
        return self._settings

    @property
    def recipe(self) -> Recipe:
        return self._recipe

    def have_counted(self, counters: Counters) -> None:
        """Show other figures of the shift."""
        self._counters = counters

    def with_recipe(self, change: Callable[[Recipe], Recipe]) -> None:
        """Change the recipe in force."""
        self._recipe = change(self._recipe)

    def damage(self, verdict: Verdict, reason: str) -> None:
        """Give the last board another verdict."""
        assert self._last is not None
        self._last = replace(self._last, verdict=verdict, reason=reason, ended_ns=self._last.ended_ns + 1)
