"""The main window: pages, the bar above them, the log below, and the timers that poll the station."""

from __future__ import annotations

import time
from dataclasses import dataclass

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QAction, QCloseEvent
from PySide6.QtWidgets import (
    QApplication,
    QButtonGroup,
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QMenu,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from aoi_app.core.errors import AoiError
from aoi_app.core.settings import Settings
from aoi_app.gui.actions import BAR_ACTIONS, LINE_ACTIONS, MENU_ACTIONS, ActionSpec, make_action, paint_action
from aoi_app.gui.alarms import AlarmBar
from aoi_app.gui.background import Background
from aoi_app.gui.hooks import ErrorHooks
from aoi_app.gui.icons import icon
from aoi_app.gui.lag import LagMeter
from aoi_app.gui.line.page import LinePage
from aoi_app.gui.log_panel import LogPanel
from aoi_app.gui.pages import PAGES, Page
from aoi_app.gui.services import Services
from aoi_app.gui.status_strip import StatusStrip
from aoi_app.gui.texts import LANGUAGES, language, message, say, tr, use_language
from aoi_app.gui.theme import apply_theme
from aoi_app.gui.toasts import Toasts
from aoi_app.gui.users.session import AccountBook, Session
from aoi_app.station.control import StationControl
from aoi_app.station.status import Event, Level, State, StationStatus

FRAME_MS = 16
STATUS_MS = 100
PLOT_MS = 200
TOASTED = (Level.WARNING, Level.ERROR)
STATE_NAMES = {
    State.IDLE: "Idle",
    State.ARMING: "Getting ready",
    State.RUNNING: "Running",
    State.PAUSED: "Paused",
    State.STOPPING: "Stopping",
    State.FAULT: "Fault",
}


@dataclass(frozen=True, slots=True)
class _Made:
    spec: ActionSpec
    action: QAction


class MainWindow(QMainWindow):
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
        super().__init__()
        self.station = station
        self.services = services
        self.settings = station.settings
        self.lag = LagMeter(self)
        self._hooks = hooks
        self._people = Background(self, "accounts")
        self._events_seen = 0
        self.session = Session(self, lambda: self.line.board_open)
        self.session.changed.connect(self._on_person)
        self._accounts: AccountBook | None = None
        self._status = StationStatus()
        self._pages: dict[str, QWidget] = {}
        self._made: list[_Made] = []
        self.setMinimumSize(1180, 700)
        self.setWindowIcon(icon("aoi"))
        say(self, "setWindowTitle", "AOI station")
        self.line = LinePage(self)
        self.line.open_board.connect(self.open_board)
        self.log = LogPanel(self)
        self.log.hide()
        self.strip = StatusStrip(self)
        self.setStatusBar(self.strip)
        self.alarms = AlarmBar(services.open_alarms, self.session, self)
        self._stack = QStackedWidget(self)
        self._tabs = QButtonGroup(self)
        self._plots_ready = False
        self._build()
        self.toasts = Toasts(self)
        self._timers = [
            self._timer(FRAME_MS, self._on_frame, precise=True),
            self._timer(STATUS_MS, self._on_status),
            self._timer(PLOT_MS, self._on_plot),
        ]
        self._on_status()

    # Putting together

    def _build(self) -> None:
        for number, page in enumerate(PAGES):
            place = QWidget(self)
            place.setLayout(QVBoxLayout())
            place.layout().setContentsMargins(0, 0, 0, 0)  # type: ignore[union-attr]
            self._stack.addWidget(place)
            button = QToolButton(self)
            button.setProperty("page", True)
            button.setCheckable(True)
            button.setShortcut(f"Ctrl+{number + 1}")
            say(button, "setText", page.title)
            self._tabs.addButton(button, number)
        self._tabs.idClicked.connect(self.show_page)
        split = QSplitter(Qt.Orientation.Vertical, self)
        split.addWidget(self._stack)
        split.addWidget(self.log)
        split.setStretchFactor(0, 1)
        split.setCollapsible(0, False)
        split.setSizes([600, 220])
        whole = QWidget(self)
        column = QVBoxLayout(whole)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._bar())
        column.addWidget(self.alarms)
        column.addWidget(split, 1)
        self.setCentralWidget(whole)
        self.show_page(0)

    def _bar(self) -> QWidget:
        bar = QFrame(self)
        bar.setObjectName("bar")
        row = QHBoxLayout(bar)
        row.setContentsMargins(12, 0, 10, 0)
        row.setSpacing(6)
        brand = QLabel(bar)
        brand.setPixmap(icon("aoi").pixmap(26, 26))
        row.addWidget(brand)
        row.addSpacing(8)
        for button in self._tabs.buttons():
            row.addWidget(button)
        row.addStretch(1)
        self.state = QLabel(bar)
        self.state.setProperty("role", "pill")
        self.state.setMaximumWidth(420)
        self.state.setFixedHeight(26)
        row.addWidget(self.state)
        self.person = QLabel(bar)
        self.person.setProperty("role", "muted")
        row.addWidget(self.person)
        row.addSpacing(10)
        for spec in LINE_ACTIONS:
            row.addWidget(self._button(spec, Qt.ToolButtonStyle.ToolButtonTextBesideIcon))
        row.addSpacing(10)
        for spec in BAR_ACTIONS:
            row.addWidget(self._button(spec, Qt.ToolButtonStyle.ToolButtonIconOnly))
        self._menu = QMenu(self)
        for spec in MENU_ACTIONS:
            self._menu.addAction(self._action(spec))
        self.menu_button = QToolButton(bar)
        self.menu_button.setProperty("flat", True)
        self.menu_button.setMenu(self._menu)
        self.menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.menu_button.setShortcut("F10")
        self.menu_button.setIcon(icon("menu"))
        say(self.menu_button, "setToolTip", "More (F10)")
        say(self.menu_button, "setAccessibleName", "More (F10)")
        row.addWidget(self.menu_button)
        bar.setFixedHeight(50)
        self._check("toggle_marks", True)
        return bar

    def _action(self, spec: ActionSpec) -> QAction:
        action = make_action(self, spec, getattr(self, spec.name))
        self._made.append(_Made(spec, action))
        return action

    def _button(self, spec: ActionSpec, style: Qt.ToolButtonStyle) -> QToolButton:
        button = QToolButton(self)
        button.setDefaultAction(self._action(spec))
        button.setToolButtonStyle(style)
        button.setProperty("flat", style == Qt.ToolButtonStyle.ToolButtonIconOnly)
        button.setMinimumHeight(34)
        return button

    def _check(self, name: str, on: bool) -> None:
        for made in self._made:
            if made.spec.name == name:
                made.action.setChecked(on)

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
        handle = self.windowHandle()
        if handle is not None:
            handle.installEventFilter(self.session)
        if self.services.open_accounts is not None:
            # In the background: the first start prepares the record.
            self._people.run("people", lambda: self._book().all(), self.session.know, self._on_no_accounts)

    def _on_frame(self) -> None:
        if self._stack.currentIndex() == 0:
            self.line.show_frame(self.station.frame())

    def _on_status(self) -> None:
        self._status = status = self.station.status()
        self.line.show_frame(self.station.frame())
        self.line.show_status(status)
        self.strip.show_status(status)
        self._show_state(status)
        for made in self._made:
            made.action.setEnabled(made.spec.possible(status) and self.session.may(made.spec.right))
        self._take_events()

    def _on_plot(self) -> None:
        if not self._plots_ready:
            # Imported after the first paint: the plotting library takes longer to load than the window.
            from aoi_app.gui.line.plots import Plots

            self.plots = Plots(self)
            self.line.add_plots(self.plots)
            self._plots_ready = True
        self.plots.add(self._status)

    def _show_state(self, status: StationStatus) -> None:
        text = tr(STATE_NAMES[status.state])
        if status.fault:
            text = f"{text}: {message(status.fault)}"
        elif status.waiting_engine:
            text = f"{text}: {message(status.waiting_engine)}"
        if self.state.property("state") != status.state.value:
            self.state.setProperty("state", status.state.value)
            self.state.style().unpolish(self.state)
            self.state.style().polish(self.state)
        self.state.setText(self.state.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, 380))
        self.state.setToolTip(f"{text}\n{message(status.fault_hint)}".strip())

    def _take_events(self) -> None:
        events = self.station.events(self._events_seen)
        if events:
            self._events_seen = events[-1].number
        events += self._hooks.take() if self._hooks else ()
        if not events:
            return
        self.log.model.add(events)
        for event in events:
            if event.level in TOASTED:
                self.toasts.add(event)

    # Pages

    def show_page(self, number: int) -> None:
        """Bring a page to the front; it is made when it is first asked for."""
        page = self._page(PAGES[number])
        self._tabs.button(number).setChecked(True)
        self._stack.setCurrentIndex(number)
        shown = getattr(page, "page_shown", None)
        if shown is not None:
            shown()

    def page(self, name: str) -> QWidget:
        """Return a page by name."""
        return self._page(next(p for p in PAGES if p.name == name))

    def _page(self, page: Page) -> QWidget:
        if page.name not in self._pages:
            widget = page.make(self)
            place = self._stack.widget([p.name for p in PAGES].index(page.name))
            place.layout().addWidget(widget)  # type: ignore[union-attr]
            self._pages[page.name] = widget
        return self._pages[page.name]

    def open_board(self, board_id: str) -> None:
        """Open a board's record."""
        names = [p.name for p in PAGES]
        if self._stack.currentIndex() == 0:
            self.show_page(names.index("history"))
        page = self.page("history")
        page.open_board(board_id)  # type: ignore[attr-defined]

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

    def toggle_log(self) -> None:
        """Show or hide the event log."""
        self.log.setVisible(not self.log.isVisible())
        self._check("toggle_log", self.log.isVisible())

    def toggle_marks(self) -> None:
        """Show or hide the boxes on the board."""
        self.line.view.set_marks_shown(next(m.action.isChecked() for m in self._made if m.spec.name == "toggle_marks"))

    def toggle_full_screen(self) -> None:
        """Fill the screen, or not."""
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    def toggle_language(self) -> None:
        """Switch to the other language."""
        names = list(LANGUAGES)
        self.set_language(names[(names.index(language()) + 1) % len(names)])

    def toggle_theme(self) -> None:
        """Switch between dark and light."""
        self.set_theme("light" if self.settings.theme == "dark" else "dark")

    def set_language(self, name: str) -> None:
        """Speak another language from now on."""
        use_language(name, QApplication.topLevelWidgets())
        self._keep(self.settings.with_changes(language=name))
        self._on_status()

    def set_theme(self, name: str) -> None:
        """Look different from now on."""
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        apply_theme(application, name)
        for made in self._made:
            paint_action(made.action, made.spec)
        self.menu_button.setIcon(icon("menu"))
        for widget in self.findChildren(QWidget):
            use_theme = getattr(widget, "use_theme", None)
            if use_theme is not None:
                use_theme()
        self._keep(self.settings.with_changes(theme=name))

    def take_settings(self, settings: Settings) -> None:
        """Put settings into force: station, language and look."""
        old = self.settings
        self._keep(settings)
        for page in self._pages.values():
            use_keys = getattr(page, "use_keys", None)
            if use_keys is not None:
                use_keys(settings.review_keys)
        if settings.theme != old.theme:
            self.set_theme(settings.theme)
        if settings.language != old.language:
            self.set_language(settings.language)

    def _keep(self, settings: Settings) -> None:
        old, self.settings = self.settings, settings
        self.station.apply(settings)
        names = type(settings).model_fields
        changes = {name: getattr(settings, name) for name in names if getattr(settings, name) != getattr(old, name)}
        if changes:
            self.services.save_settings(changes)

    def _book(self) -> AccountBook:
        if self._accounts is None:
            assert self.services.open_accounts is not None
            self._accounts = self.services.open_accounts()
        return self._accounts

    def _on_no_accounts(self, error: Exception) -> None:
        if not isinstance(error, AoiError):
            raise error
        self.tell(Level.ERROR, error.what, error.hint)

    def _on_person(self) -> None:
        self._write_person()
        self._on_status()

    def _write_person(self) -> None:
        for made in self._made:
            if made.spec.name == "log_in":
                open_to_all, account = self.session.open_to_all, self.session.account
                text = "Name the administrator" if open_to_all else "Log out" if account else "Log in"
                made.action.setText(tr(text))
        self.person.setText("" if self.session.account is None else self.session.account.name)

    def tell(self, level: Level, what: str, hint: str = "", detail: str = "") -> None:
        """Put something that happened in the window itself into log and toasts."""
        event = Event(0, time.time_ns(), level, "window", what, hint, detail)
        self.log.model.add((event,))
        if level in TOASTED:
            self.toasts.add(event)

    def log_in(self) -> None:
        """Let somebody in, or out; the first time, name the administrator."""
        if self.services.open_accounts is None:
            self.tell(Level.WARNING, "This station has no accounts.")
        elif self.session.account is not None:
            account = self.session.account
            self._people.run("out", lambda: self._book().log_out(account), lambda _: None, self._on_no_accounts)
            self.session.take(None)
        else:
            from aoi_app.gui.users.dialogs import LogInDialog

            self._ask(LogInDialog(self.session, self._book, self))

    def show_people(self) -> None:
        """Make and change accounts."""
        if self.session.account is None:
            self.log_in()
        if self.session.account is not None:
            from aoi_app.gui.users.dialogs import PeopleDialog

            self._ask(PeopleDialog(self.session, self._book, self))

    def retranslate(self) -> None:
        """Write what depends on data anew."""
        self._write_person()

    def show_settings(self) -> None:
        """Open the settings."""
        from aoi_app.gui.settings.dialog import SettingsDialog

        self._ask(SettingsDialog(self))

    def show_keys(self) -> None:
        """Tell which keys do what."""
        from aoi_app.gui.about import KeysDialog

        self._ask(KeysDialog([m.spec for m in self._made], self))

    def show_about(self) -> None:
        """Tell which program this is, and what runs in it."""
        from aoi_app.gui.about import AboutDialog

        self._ask(AboutDialog(self.services.facts(), self._status, self))

    def _ask(self, dialog: QDialog) -> None:
        dialog.exec()
        dialog.deleteLater()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Stop polling; the program stops the station."""
        for timer in self._timers:
            timer.stop()
        self.lag.stop()
        self.alarms.close_bar()
        self._people.finish()
        for page in self._pages.values():
            close = getattr(page, "close_page", None)
            if close is not None:
                close()
        super().closeEvent(event)
