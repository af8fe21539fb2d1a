"""The station: camera, engine and record as one running line."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from aoi_app.core.errors import AoiError, EngineError, StoreError
from aoi_app.core.inspection import Inspection
from aoi_app.core.recipe import Recipe
from aoi_app.core.scan import LinesIn, ScanEnd
from aoi_app.core.settings import Settings
from aoi_app.inference.device_calls import LOOK_S, GivenUp, Watch
from aoi_app.station.acquisition import Acquisition
from aoi_app.station.changeover import Chosen, LineChangeover
from aoi_app.station.conditions import conditions
from aoi_app.station.display import Display
from aoi_app.station.engines import Engines
from aoi_app.station.handover import ScanFeed
from aoi_app.station.in_force import InForce
from aoi_app.station.inspecting import Inspector
from aoi_app.station.journal import Journal
from aoi_app.station.judged import JudgedBoard
from aoi_app.station.line_state import LineState
from aoi_app.station.live import LiveFrame, LiveView
from aoi_app.station.memory_watch import MemoryWatch
from aoi_app.station.metrics import Metrics
from aoi_app.station.parts import Parts
from aoi_app.station.recording import Recorder
from aoi_app.station.status import Event, EventKind, Level, State, StationStatus
from aoi_app.station.taking import BoardTaker, TakenBoard

DRAIN_S = 60.0
CAMERA_S = 45.0
"""More than a camera takes that is given up while it is opened or set, and closed then."""
RECORD_PATIENCE_S = 2.0
"""So long a verdict waits for the record of the board before; a slower record gets a queue."""

__all__ = ["Parts", "Station"]


class Station:
    """Runs a line; implements `StationControl`.

    A supervisor thread carries out what the listeners ask for, one thing after the other, so that no call blocks.
    """

    def __init__(self, parts: Parts, settings: Settings, recipe: Recipe, journal: Journal | None = None) -> None:
        self.journal = journal or Journal()
        self._parts = parts
        self._line_settings = settings
        self._state = LineState()
        self._last: Inspection | None = None
        self._memory = MemoryWatch(parts.open_monitor, self.journal)
        self._feed = ScanFeed(2 * settings.ring_slots + 64)
        self._metrics = Metrics()
        self._view = LiveView()
        self._engines = Engines(parts.make_detector, parts.fallback, self.journal)
        self._in_force = InForce(self._engines, self.journal, settings, recipe)
        self._display = Display(self._view, self._class_names, self.journal)
        self._recorder: Recorder | None = None
        self._acquisition: Acquisition | None = None
        self._taker = BoardTaker()
        self._changeover = LineChangeover(
            lambda: parts.changeover(self.settings), self._recipe_for_next_board, self._change_over, self._announce
        )
        self._reopen_line = False
        self._boards_in = 0
        self._boards_out = 0
        self._in_hand: LinesIn | ScanEnd | None = None
        self._closing = threading.Event()
        self._commands: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._inspector = Inspector(
            self._engines,
            self._changeover,
            parts.golden,
            self._display.found,
            self._metrics.tiles,
            self._go_to_fault,
        )
        self._inspection = threading.Thread(target=self._inspect, name="aoi-inspect", daemon=True)
        self._watch = threading.Thread(target=self._watch_devices, name="aoi-watch", daemon=True)
        self._supervisor = threading.Thread(target=self._supervise, name="aoi-station", daemon=True)
        self._inspection.start()
        self._watch.start()
        self._supervisor.start()

    # What listeners may do

    def start(self) -> None:
        """Arm and run; from IDLE or FAULT."""
        self._commands.put(self._arm)

    def pause(self) -> None:
        """Finish the board in hand, then let no more boards in."""
        self._commands.put(self._pause)

    def resume(self) -> None:
        """Go on after `pause`."""
        self._commands.put(self._resume)

    def stop(self) -> None:
        """Stop acquisition, inspect and record what is in, go to IDLE."""
        self._commands.put(self._halt)

    def apply(self, settings: Settings) -> None:
        """Work with other settings from the next board on."""
        self._commands.put(lambda: self._take_settings(settings))

    def use_recipe(self, recipe: Recipe) -> None:
        """Judge the next board by another recipe."""
        self._commands.put(lambda: self._take_recipe(recipe))

    def take_board(self) -> Future[TakenBoard]:
        """Ask for the next whole board that passes, as a picture."""
        return self._taker.request()

    def reset_counters(self) -> None:
        """Begin a new shift."""
        self._metrics.reset()

    def events(self, after: int) -> tuple[Event, ...]:
        """Return the events numbered above `after` that are still kept."""
        return self.journal.after(after)

    def frame(self) -> LiveFrame | None:
        """Return the newest picture of the line."""
        return self._view.frame()

    def judged(self) -> JudgedBoard | None:
        """Return the newest verdict with pictures of its defects."""
        return self._view.judged()

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._in_force.settings

    @property
    def line_settings(self) -> Settings:
        """The settings that the boards which are inspected now were scanned with."""
        return self._line_settings

    @property
    def recipe(self) -> Recipe:
        """The recipe in force."""
        return self._in_force.recipe

    def status(self) -> StationStatus:
        """Return the newest snapshot."""
        acquisition, recorder, engine = self._acquisition, self._recorder, self._engines.current
        (fault, hint), recipe = self._state.fault, self.recipe
        return StationStatus(
            state=self._state.now,
            fault=fault,
            fault_hint=hint,
            camera=acquisition.info if acquisition else None,
            camera_connected=bool(acquisition and acquisition.connected),
            engine=engine.info if engine else None,
            waiting_engine=self._engines.waiting,
            recipe=recipe.name,
            recipe_revision=recipe.revision,
            counters=self._metrics.counters(),
            rates=self._metrics.rates(),
            memory=self._memory.sample,
            last=self._last,
            inspect_queue=len(self._feed),
            record_queue=len(recorder) if recorder is not None else 0,
            conditions=conditions((fault, hint), acquisition, self._engines, recorder, self.journal),
        )

    def close(self) -> int:
        """Stop the line and free everything; return the number of boards that could not be inspected and recorded."""
        if self._closing.is_set():
            return 0
        done = threading.Event()
        self._commands.put(self._halt)
        self._commands.put(done.set)
        done.wait(DRAIN_S + 20)
        self._closing.set()
        self._supervisor.join(5)
        self._watch.join(DRAIN_S)
        lost = self._recorder.close() if self._recorder is not None else 0
        lost += max(0, self._boards_in - self._boards_out)
        self._display.close()
        self._view.clear()
        return lost

    # Supervisor thread

    def _supervise(self) -> None:
        while not self._closing.is_set():
            try:
                with contextlib.suppress(queue.Empty):
                    self._commands.get(timeout=0.05)()
                self._step()
            except Exception as error:
                self._go_to_fault(error)
            self._memory.step()
        self._memory.close()

    def _step(self) -> None:
        """Go on with what takes time."""
        if self._state.now is State.ARMING:
            if self._engines.settled and self._engines.next_spec is not None:
                self._open_line()
            elif self._engines.hopeless:
                last = next((e for e in reversed(self.journal.after(0)) if e.level is Level.ERROR), None)
                self._go_to_fault(
                    EngineError(
                        last.what if last else "No engine could be loaded.",
                        (last.hint if last else "") or "Choose another model, runtime or precision in the settings.",
                    )
                )
        acquisition = self._acquisition
        if self._reopen_line and acquisition is not None and self._engines.settled:
            acquisition.pause()
            if (acquisition.resting or not acquisition.connected) and self._boards_out >= self._boards_in:
                self._reopen()

    def _reopen(self) -> None:
        """Between two boards, none of them in hand: change the camera, and whatever must change with it."""
        self._close_line()
        self._wait_inspected(time.monotonic() + DRAIN_S)
        paused = self._state.now is State.PAUSED
        if paused or self._state.now is State.RUNNING:
            self._open_line()
        if paused:
            self._pause()

    def _arm(self) -> None:
        if not self._state.go(State.ARMING, State.IDLE, State.FAULT):
            return
        self._close_line()
        if self._recorder is None:
            self._recorder = Recorder(self._parts.open_store(self.settings), self.journal, self._go_to_fault)
        self._in_force.arm()

    def _open_line(self) -> None:
        """Open the camera and run, unless the line has failed meanwhile."""
        self._engines.release()
        self._in_force.line_opens()
        settings, recipe = self.settings, self.recipe
        self._line_settings = settings
        acquisition = self._acquisition = Acquisition(
            lambda: self._parts.open_line(settings, recipe), self._deliver, self._go_to_fault, self.journal
        )
        self._reopen_line = False
        if self._state.go(State.RUNNING, State.ARMING, State.RUNNING, State.PAUSED):
            acquisition.start()
        else:
            self._acquisition = None

    def _close_line(self) -> None:
        acquisition = self._acquisition
        if acquisition is None:
            return
        acquisition.stop()
        if not acquisition.join(CAMERA_S):
            self.journal.add(Level.ERROR, "camera", "The camera's driver does not answer.", "Restart the station.")
        self._acquisition = None

    def _pause(self) -> None:
        if self._acquisition is not None and self._state.go(State.PAUSED, State.RUNNING):
            self._acquisition.pause()

    def _resume(self) -> None:
        if self._acquisition is not None and self._state.go(State.RUNNING, State.PAUSED):
            self._acquisition.resume()

    def _halt(self) -> None:
        stopping = self._state.go(State.STOPPING, *(set(State) - {State.FAULT}))
        self._close_line()
        deadline = time.monotonic() + DRAIN_S
        self._wait_inspected(deadline)
        while self._recorder is not None and len(self._recorder) and stopping and time.monotonic() < deadline:
            time.sleep(0.01)
        self._state.go(State.IDLE, State.STOPPING)

    def _wait_inspected(self, deadline: float) -> None:
        while self._boards_out < self._boards_in and time.monotonic() < deadline:
            time.sleep(0.01)

    def _take_settings(self, settings: Settings) -> None:
        old = self.settings
        if (old.camera, old.ring_slots) != (settings.camera, settings.ring_slots):
            self._change_line()
        self._in_force.use_settings(settings, armed=self._armed)

    def _take_recipe(self, recipe: Recipe) -> None:
        """Take over a recipe; an engine or a camera that it needs comes into force with it."""
        if recipe.line_size != self.recipe.line_size:
            self._change_line()
        self._in_force.use_recipe(recipe, armed=self._armed, line_changes=self._reopen_line)

    @property
    def _armed(self) -> bool:
        return self._state.now is not State.IDLE

    def _change_line(self) -> None:
        """Have the camera opened anew when all that was scanned is inspected; the engine waits for it."""
        if self._acquisition is not None:
            self._reopen_line = True
            self._engines.hold()

    def _go_to_fault(self, error: Exception) -> None:
        """Stop the line and say why. From any thread."""
        self.journal.error("station", error)
        if isinstance(error, AoiError):
            self._state.fail(error.what, error.hint)
        else:
            self._state.fail(f"{type(error).__name__}: {error}", "See the log, and start again.")
        acquisition = self._acquisition
        if acquisition is not None:
            acquisition.stop()

    # Acquisition thread

    def _deliver(self, event: LinesIn | ScanEnd) -> None:
        if not self._feed.put(event) and self._state.now is not State.FAULT:
            what = f"{len(self._feed)} entries wait to be inspected."
            self._go_to_fault(EngineError(what, "The engine hangs, or is too slow for this line; see the log."))
        if isinstance(event, ScanEnd):
            self._boards_in += 1
        if isinstance(event, LinesIn):
            self._metrics.lines(event.scan.board_id, event.lines)
            self._display.lines(event)

    # Watching thread

    def _watch_devices(self) -> None:
        """Let another thread go on where a device never comes back from a call, until the last one has ended."""
        inspection, builder = Watch(), Watch()
        while self._inspection.is_alive():
            self._inspection.join(LOOK_S)
            hung = inspection.gives_up(self._inspection)
            if hung is not None:
                thread = threading.Thread(target=self._inspect, args=(hung,), name="aoi-inspect", daemon=True)
                thread.start()
                self._inspection = thread
            hung = builder.gives_up(self._engines.builder)
            if hung is not None:
                self._engines.give_up_builder(hung)

    # Inspection thread

    def _inspect(self, hung: EngineError | None = None) -> None:
        """Inspect what comes; `hung`: why the thread before was given up, with an event in its hands."""
        with contextlib.suppress(GivenUp):
            if hung is not None:
                self._work(lambda event: self._inspector.go_on_without_engine(event, hung))
            while not (self._closing.is_set() and not len(self._feed)):
                self._in_hand = self._feed.take(0.1)
                self._work(self._handle)
            self._in_hand = None
            self._engines.close()

    def _handle(self, event: LinesIn | ScanEnd | None) -> Inspection | None:
        if event is not None:
            return self._inspector.handle(event)
        if not self._inspector.busy:
            self._engines.take_over()
        return None

    def _work(self, handle: Callable[[LinesIn | ScanEnd | None], Inspection | None]) -> None:
        event = self._in_hand
        try:
            inspection = handle(event)
            if inspection is not None and isinstance(event, ScanEnd):
                self._hand_on(inspection, event)
        except Exception as error:
            self._go_to_fault(error)
        self._boards_out += isinstance(event, ScanEnd)

    def _recipe_for_next_board(self) -> Recipe:
        return self._in_force.for_next_board(line_changes=self._reopen_line)

    def _change_over(self, recipe: Recipe) -> None:
        """Put the recipe of the board in hand into force, with its engine; the camera follows between two boards."""
        before = self.recipe
        self._in_force.change_over(recipe)
        if before.line_size != recipe.line_size:
            self._commands.put(self._change_line)

    def _announce(self, chosen: Chosen, before: Recipe) -> None:
        what = f"Changeover to {chosen.recipe.title}: code {chosen.code}."
        self.journal.add(Level.INFO, "changeover", what, kind=EventKind.CHANGEOVER)
        detail = {"code": chosen.code, "before": before.title}
        # The audit is written to a disk: not by the thread that inspects.
        self._commands.put(lambda: self._parts.note("changeover", chosen.recipe.title, detail))

    def _hand_on(self, inspection: Inspection, end: ScanEnd) -> None:
        if self._recorder is None:
            raise StoreError("A board was inspected while no record was open.", "Restart the station.")
        # No verdict is shown before that of the board before is on the disk.
        self._recorder.catch_up(RECORD_PATIENCE_S)
        self._last = inspection
        self._metrics.inspected(inspection)
        self._display.verdict(inspection, end)
        self._recorder.put(inspection, end)
        self._taker.offer(end)
        refused = self._changeover.take_refused()
        if refused is not None:
            stops = self.settings.changeover.unknown == "stop"
            self._go_to_fault(refused) if stops else self.journal.error("changeover", refused)

    def _class_names(self) -> tuple[str, ...]:
        engine = self._engines.current
        return engine.info.class_names if engine else ()
