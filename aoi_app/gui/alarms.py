"""The alarm bar: a stop rule was broken; it stays until somebody says that they know, and why it was."""

from __future__ import annotations

import getpass
from collections.abc import Callable

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QPushButton, QWidget

from aoi_app.core.errors import AoiError
from aoi_app.gui.background import Background
from aoi_app.gui.history.columns import local_time
from aoi_app.gui.icons import pixmap
from aoi_app.gui.services import AlarmBook
from aoi_app.gui.texts import message, say, tr
from aoi_app.gui.theme import tokens
from aoi_app.gui.users.session import Session
from aoi_app.storage.accounts import Account, Right, Role
from aoi_app.storage.alarms import AlarmRow

PERIOD_MS = 2_000


class AlarmBar(QFrame):
    """Shows the oldest alarm that stands, with a place for its cause; hidden while there is none."""

    def __init__(self, open_alarms: Callable[[], AlarmBook | None], session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("alarm")
        self._open_alarms, self._session = open_alarms, session
        self._book: AlarmBook | None = None
        self._background = Background(self, "alarms")
        self.standing: tuple[AlarmRow, ...] = ()
        self._not_read = False
        self._sign, self._what, self._problem = QLabel(self), QLabel(self), QLabel(self)
        self._what.setWordWrap(True)
        self.cause = QLineEdit(self)
        self.cause.setFixedWidth(320)
        say(self.cause, "setAccessibleName", "Cause of the alarm")
        say(self.cause, "setPlaceholderText", "What was found, and what was done?")
        self.button = QPushButton(self)
        say(self.button, "setText", "Acknowledge")
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 8, 12, 8)
        row.setSpacing(12)
        row.addWidget(self._sign)
        row.addWidget(self._what, 1)
        row.addWidget(self._problem)
        row.addWidget(self.cause)
        row.addWidget(self.button)
        self.button.clicked.connect(self.acknowledge)
        self.cause.returnPressed.connect(self.acknowledge)
        self._timer = QTimer(self)
        self._timer.setInterval(PERIOD_MS)
        self._timer.timeout.connect(self._on_timer)
        self.hide()

    def begin(self) -> None:
        """Look for alarms now, and every two seconds."""
        self._timer.start()
        self.look()

    def _on_timer(self) -> None:
        if not self._background.waits_for("look"):
            self.look()

    def look(self) -> None:
        """Ask which alarms stand."""
        self._background.run("look", self._read, self._show, self._on_not_read)

    def _read(self) -> tuple[AlarmRow, ...]:
        self._book = self._book or self._open_alarms()
        return () if self._book is None else self._book.standing()

    def _show(self, standing: tuple[AlarmRow, ...]) -> None:
        # What was refused stays until another alarm is on show: the next look is two seconds away at most.
        if standing == self.standing and not self._not_read:
            return
        self.standing, self._not_read = standing, False
        self.setVisible(bool(standing))
        self._problem.clear()
        self.retranslate()

    def acknowledge(self) -> None:
        """Take the cause of the alarm on show into the record."""
        if not self.standing or self._book is None:
            return
        book, alarm, cause = self._book, self.standing[0], self.cause.text()
        by = self._session.account
        if by is None:
            if not self._session.may(Right.ACKNOWLEDGE):
                self._problem.setText(tr("Log in to acknowledge it."))
                return
            by = Account(getpass.getuser(), Role.OPERATOR)
        person = by
        self._problem.clear()
        self._background.run(
            "acknowledge", lambda: book.acknowledge(alarm.id, person, cause), self._on_acknowledged, self._on_failed
        )

    def _on_acknowledged(self, _: object) -> None:
        self.cause.clear()
        self.look()

    def _on_not_read(self, error: Exception) -> None:
        self._not_read = True
        self._on_failed(error)

    def _on_failed(self, error: Exception) -> None:
        if not isinstance(error, AoiError):
            raise error
        self._problem.setText(message(error.what))

    def retranslate(self) -> None:
        """Write the alarm anew."""
        if self.standing:
            self._sign.setPixmap(pixmap("warning", 26, tokens().bad_text))
            alarm, more = self.standing[0], len(self.standing) - 1
            rest = "    " + tr("{n} more alarms stand", n=more) if more else ""
            self._what.setText(f"{local_time(alarm.at_us)}    {message(alarm.what)}{rest}")

    def close_bar(self) -> None:
        """Look no more; what was acknowledged is written."""
        self._timer.stop()
        self._background.finish()
