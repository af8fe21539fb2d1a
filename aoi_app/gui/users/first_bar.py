"""The first start asks for an administrator: there is none yet, and no password that everybody knows."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QWidget

from aoi_app.gui.icons import pixmap
from aoi_app.gui.texts import say
from aoi_app.gui.theme import tokens
from aoi_app.gui.users.session import Session


class FirstBar(QFrame):
    """Stands above the pages while nobody is administrator; the line may run meanwhile.

    Parameters
    ----------
    name_one
        Asks for name and PIN of the first administrator.
    """

    def __init__(self, session: Session, name_one: Callable[[], object], parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("ask")
        self._session = session
        self._later = False
        self._sign, what = QLabel(self), QLabel(self)
        say(what, "setText", "Nobody is administrator yet: everybody may change everything, under the computer's name.")
        what.setWordWrap(True)
        self.name_button, self.later_button = QPushButton(self), QPushButton(self)
        say(self.name_button, "setText", "Name the administrator")
        say(self.later_button, "setText", "Later")
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 6, 12, 6)
        row.setSpacing(12)
        row.addWidget(self._sign)
        row.addWidget(what, 1)
        row.addWidget(self.name_button)
        row.addWidget(self.later_button)
        self.name_button.clicked.connect(lambda: name_one())
        self.later_button.clicked.connect(self._on_later)
        session.changed.connect(self._show_or_hide)
        self.use_theme()
        self.hide()

    def _on_later(self) -> None:
        """Ask again at the next start."""
        self._later = True
        self._show_or_hide()

    def _show_or_hide(self) -> None:
        self.setVisible(self._session.asked and self._session.open_to_all and not self._later)

    def use_theme(self) -> None:
        """Draw the sign in the colours of the theme in use."""
        self._sign.setPixmap(pixmap("user", 22, tokens().act_text))
