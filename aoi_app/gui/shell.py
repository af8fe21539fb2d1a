"""What every window of the program has: bar, pages, people, notices, language and look."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QApplication, QMainWindow, QWidget

from aoi_app.core.errors import AoiError
from aoi_app.core.settings import Settings
from aoi_app.gui.actions import ActionSpec
from aoi_app.gui.icons import icon
from aoi_app.gui.page_stack import PageStack
from aoi_app.gui.pages import Page
from aoi_app.gui.services import Services
from aoi_app.gui.texts import LANGUAGES, language, use_language
from aoi_app.gui.theme import apply_theme
from aoi_app.gui.toasts import Toasts
from aoi_app.gui.top_bar import TopBar
from aoi_app.gui.users.desk import Desk, ask
from aoi_app.gui.users.first_bar import FirstBar
from aoi_app.gui.users.session import Session
from aoi_app.station.status import Event, EventKind, Level

if TYPE_CHECKING:
    from aoi_app.gui.history.page import HistoryPage

TOASTED = (Level.WARNING, Level.ERROR)
ANNOUNCED = (EventKind.RECONNECTED, EventKind.CHANGEOVER, EventKind.PACE)


class Shell(QMainWindow):
    """A window with pages.

    Parameters
    ----------
    services
        Record, choices and settings file.
    pages
        In the order of their tabs.
    line, bar, menu
        Actions of the line, of the bar and of its menu; each has a method of its name here.
    """

    def __init__(
        self,
        services: Services,
        settings: Settings,
        pages: Sequence[Page],
        line: Sequence[ActionSpec],
        bar: Sequence[ActionSpec],
        menu: Sequence[ActionSpec],
    ) -> None:
        super().__init__()
        self.services = services
        self.settings = settings
        self.session = Session(self, self.board_open)
        self.session.changed.connect(self._on_person)
        self.desk = Desk(services.open_accounts, self.session, self.tell, self)
        self.setWindowIcon(icon("aoi"))
        self.bar = TopBar(self, pages, line, bar, menu)
        self.bar.page_chosen.connect(self.show_page)
        self._pages = PageStack(self, pages)
        self.first = FirstBar(self.session, self.log_in, self)
        self.toasts = Toasts(self)

    def board_open(self) -> bool:
        """Tell whether a board is being scanned: nobody is logged out then."""
        return False

    def begin(self) -> None:
        """Ask who has an account, and notice from now on that somebody is there."""
        self.desk.begin()
        # On the page and not on the first tab: a pedal's key is meant for what is in front.
        front = self._pages.currentWidget()
        if front is not None:
            front.setFocus()

    # Notices

    def tell(self, level: Level, what: str, hint: str = "", detail: str = "") -> None:
        """Put something that happened in the window itself before the person."""
        self.show_events((Event(0, time.time_ns(), level, "window", what, hint, detail),))

    def show_events(self, events: tuple[Event, ...]) -> None:
        """Show a notice for each event that asks for one."""
        for event in events:
            if event.level in TOASTED or event.kind in ANNOUNCED:
                self.toasts.add(event)

    # Pages

    def show_page(self, number: int) -> None:
        """Bring a page to the front; it is made when it is first asked for."""
        self.bar.show_page(number)
        self._pages.bring(number)

    def page(self, name: str) -> QWidget:
        """Return a page by name."""
        return self._pages.page(name)

    def open_board(self, board_id: str) -> None:
        """Open a board's record."""
        cast("HistoryPage", self.page("history")).open_board(board_id)

    # Actions (named in the table)

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

    def log_in(self) -> None:
        """Let somebody in, or out; the first time, name the administrator."""
        self.desk.log_in()

    def show_people(self) -> None:
        """Make and change accounts."""
        self.desk.show_people()

    def show_keys(self) -> None:
        """Tell which keys do what."""
        from aoi_app.gui.about import KeysDialog

        ask(KeysDialog(self.bar.specs, self, self.settings.review_keys))

    # Settings

    def set_language(self, name: str) -> None:
        """Speak another language from now on."""
        use_language(name, QApplication.topLevelWidgets())
        self._keep(self.settings.with_changes(language=name))

    def set_theme(self, name: str) -> None:
        """Look different from now on."""
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        apply_theme(application, name)
        for widget in self.findChildren(QWidget):
            use_theme = getattr(widget, "use_theme", None)
            if use_theme is not None:
                use_theme()
        self._keep(self.settings.with_changes(theme=name))

    def _keep(self, settings: Settings) -> None:
        """Take over settings and keep what was changed for the next start."""
        old, self.settings = self.settings, settings
        names = type(settings).model_fields
        changes = {name: getattr(settings, name) for name in names if getattr(settings, name) != getattr(old, name)}
        if changes:
            try:
                self.services.save_settings(changes)
            except AoiError as error:
                # They hold all the same, for as long as the program runs.
                self.tell(Level.WARNING, error.what, error.hint)
            self._on_kept(old, changes)

    def _on_kept(self, old: Settings, changes: dict[str, object]) -> None:
        """Hear of settings that were changed."""

    # The person at the window

    def _on_person(self) -> None:
        self.retranslate()

    def retranslate(self) -> None:
        """Write who is there anew."""
        account = self.session.account
        text = "Name the administrator" if self.session.open_to_all else "Log out" if account else "Log in"
        self.bar.show_person("" if account is None else account.name, text)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Have every page end its work."""
        self._pages.close_pages()
        self.desk.close()
        super().closeEvent(event)
