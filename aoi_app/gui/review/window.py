"""A window for review only: a second screen at the line, or a station of its own on the same record."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QVBoxLayout, QWidget

from aoi_app.core.settings import Settings
from aoi_app.gui.actions import BAR_ACTIONS, MENU_ACTIONS
from aoi_app.gui.hooks import ErrorHooks
from aoi_app.gui.pages import PAGES
from aoi_app.gui.services import Services
from aoi_app.gui.shell import Shell
from aoi_app.gui.texts import say

PAGE_NAMES = ("review", "history", "statistics")
ACTION_NAMES = {"toggle_language", "log_in", "toggle_theme", "toggle_full_screen", "show_keys", "close"}
HOOKS_MS = 500


class ReviewWindow(Shell):
    """Reviews, looks back and counts; it has no line, and starts and changes none.

    Parameters
    ----------
    hooks
        Uncaught errors, to be shown.
    """

    def __init__(self, services: Services, settings: Settings, hooks: ErrorHooks | None = None) -> None:
        super().__init__(
            services,
            settings,
            [page for name in PAGE_NAMES for page in PAGES if page.name == name],
            (),
            [spec for spec in BAR_ACTIONS if spec.name in ACTION_NAMES],
            [spec for spec in MENU_ACTIONS if spec.name in ACTION_NAMES],
        )
        self._hooks = hooks
        self.setMinimumSize(1024, 640)
        say(self, "setWindowTitle", "AOI review")
        whole = QWidget(self)
        column = QVBoxLayout(whole)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for widget in (self.bar, self.first):
            column.addWidget(widget)
        column.addWidget(self._pages, 1)
        self.setCentralWidget(whole)
        self.toasts.raise_()
        self._timer = QTimer(self)
        self._timer.setInterval(HOOKS_MS)
        self._timer.timeout.connect(self._take_events)
        self.bar.allow(self.session.may)

    def begin(self) -> None:
        """Open the record and begin."""
        super().begin()
        self._timer.start()
        self.show_page(0)

    def _take_events(self) -> None:
        events = self._hooks.take() if self._hooks else ()
        if events:
            self.show_events(events)

    def _on_person(self) -> None:
        super()._on_person()
        self.bar.allow(self.session.may)
