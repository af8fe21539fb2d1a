"""Short notices in the corner of the window; errors stay until they are acknowledged."""

from __future__ import annotations

import re

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from aoi_app.gui.icons import icon, pixmap
from aoi_app.gui.texts import message, say
from aoi_app.gui.theme import colour
from aoi_app.station.status import Event, Level

WIDTH = 440
MOST = 4
BOTTOM = 112
"""Pixels below the lowest: the keys of review can be pressed while something is noticed."""
_UNBROKEN = re.compile(r"[!-.0-~]{24}(?=[!-.0-~])")
"""Letters and signs in a row between which Qt does not break a line; it does so after a slash."""
LOOKS: dict[Level, tuple[str, str, int]] = {
    Level.INFO: ("info", "muted", 5_000),
    Level.WARNING: ("warning", "warn", 12_000),
    Level.ERROR: ("error", "bad", 0),
}
"""Icon, colour token, and milliseconds until it goes by itself (0: when it is closed)."""


def breakable(text: str) -> str:
    """Return a text that fits: a path or a hash without any place to break gets some."""
    return _UNBROKEN.sub("\\g<0>\u200b", text)


class Toast(QWidget):
    """One notice: what happened, and what to do."""

    def __init__(self, event: Event, parent: QWidget) -> None:
        super().__init__(parent)
        self.event_shown = event
        self.times = 1
        self._icon, self._shade, lifetime = LOOKS[event.level]
        self.setFixedWidth(WIDTH)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 12, 8, 12)
        row.setSpacing(12)
        self._sign, self._close = QLabel(self), QToolButton(self)
        row.addWidget(self._sign, 0, Qt.AlignmentFlag.AlignTop)
        texts = QVBoxLayout()
        texts.setSpacing(2)
        self._what, self._hint = QLabel(self), QLabel(self)
        for label in (self._what, self._hint):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setMinimumWidth(WIDTH - 110)
            texts.addWidget(label)
        self._hint.setProperty("role", "muted")
        row.addLayout(texts, 1)
        self._close.setProperty("flat", True)
        say(self._close, "setToolTip", "Close")
        say(self._close, "setAccessibleName", "Close")
        self._close.clicked.connect(self.dismiss)
        row.addWidget(self._close, 0, Qt.AlignmentFlag.AlignTop)
        self.use_theme()
        self.retranslate()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.dismiss)
        if lifetime:
            self._timer.start(lifetime)

    def again(self) -> None:
        """Say that the same happened once more."""
        self.times += 1
        self.retranslate()
        if self._timer.isActive():
            self._timer.start()

    def retranslate(self) -> None:
        """Write the texts anew."""
        event = self.event_shown
        self._what.setText(breakable(message(event.what)) + (f"  (×{self.times})" if self.times > 1 else ""))
        self._hint.setText(breakable(message(event.hint)))
        self._hint.setVisible(bool(event.hint))
        self.adjustSize()

    def use_theme(self) -> None:
        """Draw sign and cross in the colours of the theme in use."""
        self._sign.setPixmap(pixmap(self._icon, 22, colour(self._shade).name()))
        self._close.setIcon(icon("close"))

    def dismiss(self) -> None:
        """Go away."""
        self.hide()
        self.deleteLater()
        parent = self.parent()
        if isinstance(parent, Toasts):
            parent.forget(self)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the card with its coloured edge."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colour("strong_line"), 1))
        painter.setBrush(colour("raised"))
        painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 6, 6)
        painter.fillRect(1, 5, 5, self.height() - 10, colour(self._shade))


class Toasts(QWidget):
    """The stack of notices in the lower right corner of a window; lets clicks through where there is none."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._toasts: list[Toast] = []
        window.installEventFilter(self)
        self.hide()

    @property
    def shown(self) -> tuple[Toast, ...]:
        """The notices on show, oldest first."""
        return tuple(self._toasts)

    def add(self, event: Event) -> None:
        """Show a notice; the same one again is counted instead."""
        for toast in self._toasts:
            if (toast.event_shown.what, toast.event_shown.level) == (event.what, event.level):
                toast.again()
                self._arrange()
                return
        while len(self._toasts) >= MOST:
            self._toasts[0].dismiss()
        toast = Toast(event, self)
        self._toasts.append(toast)
        toast.show()
        self._arrange()

    def forget(self, toast: Toast) -> None:
        """Close the gap that a notice leaves."""
        if toast in self._toasts:
            self._toasts.remove(toast)
        self._arrange()

    def dismiss_all(self) -> None:
        """Acknowledge all notices."""
        for toast in tuple(self._toasts):
            toast.dismiss()

    def _arrange(self) -> None:
        window = self.parentWidget()
        if not self._toasts or window is None:
            self.hide()
            return
        y = 0
        for toast in self._toasts:
            toast.setFixedHeight(max(toast.heightForWidth(WIDTH), 48))
            toast.move(0, y)
            y += toast.height() + 8
        self.setGeometry(window.width() - WIDTH - 20, window.height() - y - BOTTOM, WIDTH, y)
        self.show()
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay in the corner when the window changes its size."""
        if event.type() == QEvent.Type.Resize:
            self._arrange()
        return False
