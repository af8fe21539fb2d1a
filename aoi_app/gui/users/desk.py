"""The desk of the window: lets people in and out, keeps the list of them, and notes what they did in the audit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QDialog, QWidget

from aoi_app.core.errors import AoiError
from aoi_app.gui.background import Background
from aoi_app.gui.users.session import AccountBook, Session
from aoi_app.station.status import Level
from aoi_app.storage.accounts import Account

LOOK_AGAIN_MS = 5_000
"""How soon an account that was made, changed or closed in another window is so in this one."""

Tell = Callable[[Level, str, str], None]
"""Puts something that happened before the person: what, and what to do."""


class Desk(QObject):
    """The accounts as a window uses them; every call of them runs in a worker thread.

    Parameters
    ----------
    open_accounts
        Called in the worker thread when the accounts are first needed; None where nobody is to log in.
    """

    def __init__(
        self, open_accounts: Callable[[], AccountBook] | None, session: Session, tell: Tell, window: QWidget
    ) -> None:
        super().__init__(window)
        self._open_accounts, self._session, self._tell, self._window = open_accounts, session, tell, window
        self._accounts: AccountBook | None = None
        self._background = Background(self, "accounts")
        self._asked = 0
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_AGAIN_MS)
        self._timer.timeout.connect(self.look)
        session.went_away.connect(self._on_went_away)

    def begin(self) -> None:
        """Find out who has an account, and notice from now on that somebody is there."""
        handle = self._window.windowHandle()
        if handle is not None:
            handle.installEventFilter(self._session)
        if self._open_accounts is not None:
            # In the background: the first start prepares the record.
            self._find_people(self._on_failed)
            self._timer.start()

    def look(self) -> None:
        """Find out whether accounts were made or changed in another window or on another station."""
        if not self._background.waits_for("people"):
            self._find_people(self._on_not_found)

    def _find_people(self, failed: Callable[[Exception], None]) -> None:
        known = self._session.people

        def take(people: tuple[Account, ...]) -> None:
            # What was learnt here while the answer was on its way is newer than it.
            if self._session.people is known:
                self._session.know(people)

        self._background.run("people", lambda: self.book().all(), take, failed)

    def book(self) -> AccountBook:
        """Return the accounts, opened. Raises AoiError. Call it in a worker thread."""
        if self._accounts is None:
            assert self._open_accounts is not None
            self._accounts = self._open_accounts()
        return self._accounts

    def log_in(self) -> None:
        """Let somebody in, or out; the first time, name the administrator."""
        if self._open_accounts is None:
            self._tell(Level.WARNING, "This station has no accounts.", "")
        elif self._session.account is not None:
            self._log_out(self._session.account)
            self._session.take(None)
        else:
            from aoi_app.gui.users.dialogs import LogInDialog

            ask(LogInDialog(self._session, self.book, self._window))

    def show_people(self) -> None:
        """Make and change accounts."""
        if self._session.account is None:
            self.log_in()
        if self._session.account is not None:
            from aoi_app.gui.users.dialogs import PeopleDialog

            ask(PeopleDialog(self._session, self.book, self._window))

    def note(self, act: str, subject: str, detail: Mapping[str, Any] | None = None) -> None:
        """Put a privileged act of the person at the window into the audit."""
        if self._open_accounts is not None:
            name = self._session.name
            self._do(lambda: self.book().note(name, act, subject, detail))

    def close(self) -> None:
        """Log out who is in, and write what is to be noted."""
        self._timer.stop()
        if self._session.account is not None:
            self._log_out(self._session.account, "window closed")
        self._background.finish()
        close = getattr(self._accounts, "close", None)
        if close is not None:
            close()

    def _on_went_away(self, account: Account) -> None:
        self._log_out(account, "idle")

    def _log_out(self, account: Account, why: str = "") -> None:
        self._do(lambda: self.book().log_out(account, why))

    def _do(self, work: Callable[[], Any], then: Callable[[Any], None] = lambda _: None) -> None:
        # A topic of its own each: none of them may be dropped for a newer one.
        self._asked += 1
        self._background.run(f"accounts {self._asked}", work, then, self._on_failed)

    def _on_not_found(self, error: Exception) -> None:
        if not isinstance(error, AoiError):
            raise error  # a record that cannot be read is told by whoever needs it; this look comes again

    def _on_failed(self, error: Exception) -> None:
        if not isinstance(error, AoiError):
            raise error
        self._tell(Level.ERROR, error.what, error.hint)


def ask(dialog: QDialog) -> None:
    """Show a dialog until it is answered, and let go of it."""
    dialog.exec()
    dialog.deleteLater()
