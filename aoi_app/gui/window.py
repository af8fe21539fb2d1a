"""The main window: the bar, the pages, the log below, and the timers that poll the station."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from aoi_app.core.recipe import Recipe
from aoi_app.core.settings import Settings, plain
from aoi_app.gui.actions import BAR_ACTIONS, LINE_ACTIONS, MENU_ACTIONS
from aoi_app.gui.alarms import AlarmBar
from aoi_app.gui.condition_bar import ConditionBar
from aoi_app.gui.hooks import ErrorHooks
from aoi_app.gui.lag import LagMeter
from aoi_app.gui.line.page import LinePage
from aoi_app.gui.log_panel import LogPanel
from aoi_app.gui.pages import PAGES
from aoi_app.gui.services import Services
from aoi_app.gui.shell import Shell
from aoi_app.gui.status_strip import StatusStrip
from aoi_app.gui.texts import say
from aoi_app.gui.users.desk import ask
from aoi_app.station.control import StationControl
from aoi_app.station.status import Event, State, StationStatus
from aoi_app.storage.record_settings import RecordSettings

FRAME_MS = 16
STATUS_MS = 100
PLOT_MS = 200
ACTS = {
    "language": "",
    "theme": "",
    "camera": "change camera",
    "recipe": "",  # noted when it comes into force
    **dict.fromkeys(("model", "runtime", "precision"), "change engine"),
}
"""What a change of a setting is called in the audit; "" for what is not noted there."""


class MainWindow(Shell):
    """A window onto a station; the station knows nothing of it.

    Parameters
    ----------
    station
        Polled by timers; no call of it blocks.
    services
        Record, choices and settings file.
    hooks
        Uncaught errors, to be shown beside the station's events.
    """

    first_painted = Signal()

    def __init__(self, station: StationControl, services: Services, hooks: ErrorHooks | None = None) -> None:
        super().__init__(services, station.settings, PAGES, LINE_ACTIONS, BAR_ACTIONS, MENU_ACTIONS)
        self.station = station
        self.lag = LagMeter(self)
        self._hooks = hooks
        self._events_seen = 0
        self._status = StationStatus()
        self.setMinimumSize(1180, 700)
        say(self, "setWindowTitle", "AOI station")
        self.line = LinePage(self)
        self.line.open_board.connect(self.open_board)
        self.log = LogPanel(self)
        self.log.hide()
        self.strip = StatusStrip(self)
        self.setStatusBar(self.strip)
        self.alarms = AlarmBar(services.open_alarms, self.session, self)
        self.conditions = ConditionBar(self)
        self.bar.check("toggle_marks", True)
        self._plots_ready = False
        self._lay_out()
        self.toasts.raise_()
        self.show_page(0)
        self._timers = [
            self._timer(FRAME_MS, self._on_frame, precise=True),
            self._timer(STATUS_MS, self._on_status),
            self._timer(PLOT_MS, self._on_plot),
        ]
        self._on_status()

    # Putting together

    def _lay_out(self) -> None:
        split = QSplitter(Qt.Orientation.Vertical, self)
        split.addWidget(self._pages)
        split.addWidget(self.log)
        split.setStretchFactor(0, 1)
        split.setCollapsible(0, False)
        split.setSizes([600, 220])
        whole = QWidget(self)
        column = QVBoxLayout(whole)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for widget in (self.bar, self.first, self.alarms, self.conditions):
            column.addWidget(widget)
        column.addWidget(split, 1)
        self.setCentralWidget(whole)

    def _timer(self, period_ms: int, call: object, precise: bool = False) -> QTimer:
        timer = QTimer(self)
        timer.setInterval(period_ms)
        if precise:
            timer.setTimerType(Qt.TimerType.PreciseTimer)
        timer.timeout.connect(call)
        return timer

    # Polling

    def begin(self) -> None:
        """Poll the station from now on."""
        for timer in self._timers:
            timer.start()
        self.lag.start()
        self.alarms.begin()
        self.desk.begin()

    def _on_frame(self) -> None:
        if self._pages.line_in_front:
            self.line.show_frame(self.station.frame())
            self.line.show_judged(self.station.judged())

    def _on_status(self) -> None:
        self._status = status = self.station.status()
        self.line.show_frame(self.station.frame())
        self.line.show_judged(self.station.judged())
        self.line.show_status(status)
        self.strip.show_status(status)
        self.conditions.show_conditions(status.conditions)
        self.bar.show_status(status, self.session.may)
        self._take_events()

    def _on_plot(self) -> None:
        if not self._plots_ready:
            # Imported after the first paint: the plotting library takes longer to load than the window.
            from aoi_app.gui.line.plots import Plots

            self.plots = Plots(self)
            self.line.add_plots(self.plots)
            self._plots_ready = True
        self.plots.add(self._status)

    def _take_events(self) -> None:
        events = self.station.events(self._events_seen)
        if events:
            self._events_seen = events[-1].number
        events += self._hooks.take() if self._hooks else ()
        if events:
            self.show_events(events)

    def show_events(self, events: tuple[Event, ...]) -> None:
        """Put events into the log, and a notice up for each that asks for one."""
        self.log.model.add(events)
        super().show_events(events)

    def board_open(self) -> bool:
        """Tell whether a board is being scanned."""
        return self.line.board_open

    # Pages

    def open_board(self, board_id: str) -> None:
        """Open a board's record."""
        if self._pages.line_in_front:
            self.show_page(self._pages.number("history"))
        super().open_board(board_id)

    # Actions (named in the table)

    def start_line(self) -> None:
        """Start, or go on after a pause."""
        (self.station.resume if self._status.state is State.PAUSED else self.station.start)()

    def pause_line(self) -> None:
        """Let no more boards in."""
        self.station.pause()

    def stop_line(self) -> None:
        """Stop the line."""
        self.station.stop()

    def reset_counters(self) -> None:
        """Begin a new shift."""
        self.station.reset_counters()
        self.desk.note("begin a new shift", "counters of the line")

    def toggle_log(self) -> None:
        """Show or hide the event log."""
        self.log.setVisible(not self.log.isVisible())
        self.bar.check("toggle_log", self.log.isVisible())

    def toggle_marks(self) -> None:
        """Show or hide the boxes on the board."""
        self.line.view.set_marks_shown(self.bar.checked("toggle_marks"))

    def show_settings(self) -> None:
        """Open the settings."""
        from aoi_app.gui.settings.dialog import SettingsDialog

        ask(SettingsDialog(self))

    def show_about(self) -> None:
        """Tell which program this is, and what runs in it."""
        from aoi_app.gui.about import AboutDialog

        ask(AboutDialog(self.services.facts(), self._status, self))

    # Settings

    def set_language(self, name: str) -> None:
        """Speak another language from now on."""
        super().set_language(name)
        self._on_status()

    def take_settings(self, settings: Settings) -> None:
        """Put settings into force: station, language and look.

        Where the source changes, the recipe of a demonstration gives way to the one that goes with the new source.
        """
        old, used = self.settings, self.station.recipe.name
        if settings.camera.source != old.camera.source and settings.recipe == old.recipe:
            recipe = self.services.recipe_of_line(settings.camera.source, used)
            if recipe is not None:
                self.use_recipe(recipe)
                settings = settings.with_changes(recipe=recipe.name)
        self._keep(settings)
        self._pages.take_settings(settings)
        if settings.theme != old.theme:
            self.set_theme(settings.theme)
        if settings.language != old.language:
            self.set_language(settings.language)

    def _keep(self, settings: Settings) -> None:
        self.station.apply(settings)
        super()._keep(settings)

    def _on_kept(self, old: Settings, changes: dict[str, object]) -> None:
        """Put what was changed into the audit, a line for each kind of change."""
        acts: dict[str, dict[str, object]] = {}
        for name, after in changes.items():
            act = ACTS.get(name, "change settings")
            if act:
                acts.setdefault(act, {})[name] = {"before": plain(getattr(old, name)), "after": plain(after)}
        for act, detail in acts.items():
            self.desk.note(act, ", ".join(detail), detail)

    def save_record(self, before: RecordSettings, after: RecordSettings) -> None:
        """Keep the record otherwise, from the next board on. Raises AoiError."""
        self.services.save_record(after)
        old, new = before.model_dump(mode="json"), after.model_dump(mode="json")
        detail = {name: {"before": old[name], "after": new[name]} for name in new if new[name] != old[name]}
        self.desk.note("change record settings", ", ".join(detail), detail)

    def save_recipe(self, recipe: Recipe) -> Recipe:
        """Save a recipe in the name of the person at the window; return it with its new revision."""
        return self.services.save_recipe(recipe, self.session.name)

    def use_recipe(self, recipe: Recipe) -> None:
        """Judge the next board by another recipe."""
        self.station.use_recipe(recipe)
        self.desk.note("use recipe", f"recipe {recipe.name}, revision {recipe.revision}")

    def _on_person(self) -> None:
        super()._on_person()
        self._on_status()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Stop polling; the program stops the station."""
        for timer in self._timers:
            timer.stop()
        self.lag.stop()
        self.alarms.close_bar()
        super().closeEvent(event)
