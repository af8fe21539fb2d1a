"""The person at the window: logs in, is logged out when idle, may do some things and not others."""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from PySide6.QtCore import QEvent, QObject, QTimer, Signal

from aoi_app.storage.accounts import Account, IdleLogout, Right, Role

CHECK_MS = 5_000
_LIVE = {
    QEvent.Type.KeyPress,
    QEvent.Type.MouseButtonPress,
    QEvent.Type.MouseMove,
    QEvent.Type.Wheel,
    QEvent.Type.TouchBegin,
}


class AccountBook(Protocol):
    """The accounts; called from a worker thread, raises AccessDenied. `storage.accounts.Accounts` is one."""

    def all(self) -> tuple[Account, ...]:
        """Return everybody, by name."""

    def create_first(self, name: str, secret: str) -> Account:
        """Make the first administrator."""

    def create(self, by: Account, name: str, secret: str, role: Role) -> Account:
        """Make an account."""

    def change_role(self, by: Account, name: str, role: Role) -> None:
        """Make somebody something else."""

    def change_secret(self, by: Account, name: str, secret: str) -> None:
        """Give somebody a new PIN."""

    def set_active(self, by: Account, name: str, active: bool) -> None:
        """Let somebody in no longer, or again."""

    def log_in(self, name: str, secret: str) -> Account:
        """Return who proved to be `name`."""

    def log_out(self, account: Account, why: str = "") -> None:
        """Note that somebody left."""

    def note(self, who: str, act: str, subject: str, detail: Mapping[str, Any] | None = None) -> None:
        """Put a privileged act into the audit that is not done in the database."""


class Session(QObject):
    """Who is logged in.

    As long as no account was made, the station is open: whoever sits there may do everything, under the name that the
    computer knows them by. From the first administrator on, people log in.

    Parameters
    ----------
    board_open
        Tells whether a board is being scanned: nobody is logged out then.
    """

    changed = Signal()
    went_away = Signal(object)
    """An `Account` was logged out because nobody was there."""

    def __init__(
        self,
        parent: QObject,
        board_open: Callable[[], bool] = lambda: False,
        idle: IdleLogout | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(parent)
        self.account: Account | None = None
        self.people: tuple[Account, ...] = ()
        self.asked = False
        self._board_open = board_open
        self._idle = idle or IdleLogout()
        self._clock = clock
        self._touched = clock()
        self._timer = QTimer(self)
        self._timer.setInterval(CHECK_MS)
        self._timer.timeout.connect(self.check_idle)
        self._timer.start()

    @property
    def open_to_all(self) -> bool:
        """Whether no account was made yet."""
        return not self.people

    @property
    def name(self) -> str:
        """Name that acts and decisions are recorded under."""
        return self.account.name if self.account is not None else getpass.getuser()

    def may(self, right: Right | None) -> bool:
        """Tell whether the person at the window may do something; looking at things needs no right."""
        return right is None or self.open_to_all or (self.account is not None and self.account.may(right))

    def know(self, people: tuple[Account, ...]) -> None:
        """Take over who has an account; an account that was closed or changed is so at once."""
        if self.asked and people == self.people:
            return
        self.people, self.asked = people, True
        if self.account is not None:
            now = next((p for p in people if p.name == self.account.name and p.active), None)
            self.account = now
        self.changed.emit()

    def take(self, account: Account | None) -> None:
        """Let somebody in, or out."""
        self.account = account
        self._touched = self._clock()
        self.changed.emit()

    def check_idle(self) -> None:
        """Log out who went away, never while a board is open."""
        account = self.account
        if account is not None and self._idle.due(self._clock() - self._touched, self._board_open()):
            self.take(None)
            self.went_away.emit(account)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Notice that somebody is there."""
        if event.type() in _LIVE:
            self._touched = self._clock()
        return False
