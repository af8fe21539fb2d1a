"""The bar above the pages: tabs, state of the line, who is there, and everything that an operator can do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QKeySequence, QShortcut
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QLabel, QMenu, QToolButton, QWidget

from aoi_app.gui.actions import ActionSpec, make_action, paint_action
from aoi_app.gui.icons import icon
from aoi_app.gui.pages import Page
from aoi_app.gui.state_pill import StatePill
from aoi_app.gui.texts import say, tr
from aoi_app.station.status import StationStatus
from aoi_app.storage.accounts import Right

HEIGHT = 50
BUTTON_HEIGHT = 34


@dataclass(frozen=True, slots=True)
class _Made:
    spec: ActionSpec
    action: QAction


class TopBar(QFrame):
    """Makes the actions of the tables and shows them.

    Parameters
    ----------
    window
        Has a method for every action's name; its keys work wherever the focus is in it.
    pages
        In the order of their tabs.
    line, bar, menu
        Actions of the line, of the bar and of its menu. Without a line there is no state to show.
    """

    page_chosen = Signal(int)

    def __init__(
        self,
        window: QWidget,
        pages: Sequence[Page],
        line: Sequence[ActionSpec],
        bar: Sequence[ActionSpec],
        menu: Sequence[ActionSpec],
    ) -> None:
        super().__init__(window)
        self.setObjectName("bar")
        self.setFixedHeight(HEIGHT)
        self._window = window
        self._made: list[_Made] = []
        self._tabs = QButtonGroup(self)
        self._tabs.idClicked.connect(self.page_chosen)
        self.state = StatePill(self)
        self.person = QLabel(self)
        self.person.setProperty("role", "muted")
        brand = QLabel(self)
        brand.setPixmap(icon("aoi").pixmap(26, 26))
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 10, 0)
        row.setSpacing(6)
        row.addWidget(brand)
        row.addSpacing(8)
        for number, page in enumerate(pages):
            row.addWidget(self._tab(number, page.title))
        row.addStretch(1)
        row.addWidget(self.state)
        row.addWidget(self.person)
        self.state.setVisible(bool(line))
        row.addSpacing(10)
        for spec in line:
            row.addWidget(self._button(spec, Qt.ToolButtonStyle.ToolButtonTextBesideIcon))
        row.addSpacing(10)
        for spec in bar:
            row.addWidget(self._button(spec, Qt.ToolButtonStyle.ToolButtonIconOnly))
        # Made last: the tab key goes through the bar as one reads it.
        self._menu_button = self._make_menu_button(menu)
        row.addWidget(self._menu_button)

    @property
    def specs(self) -> tuple[ActionSpec, ...]:
        """Every action that was made."""
        return tuple(made.spec for made in self._made)

    def show_status(self, status: StationStatus, may: Callable[[Right | None], bool]) -> None:
        """Show the line's state, and let happen what is possible in it and allowed."""
        self.state.show_status(status)
        for made in self._made:
            made.action.setEnabled(made.spec.possible(status) and may(made.spec.right))

    def allow(self, may: Callable[[Right | None], bool]) -> None:
        """Let happen what is allowed, where there is no line whose state matters."""
        for made in self._made:
            made.action.setEnabled(may(made.spec.right))

    def show_page(self, number: int) -> None:
        """Mark the tab of the page in front."""
        self._tabs.button(number).setChecked(True)

    def show_person(self, name: str, log_in_text: str) -> None:
        """Show who is logged in, and what logging in or out is called now."""
        self.person.setText(name)
        self._action_of("log_in").setText(tr(log_in_text))

    def check(self, name: str, on: bool) -> None:
        """Mark an action as on or off."""
        self._action_of(name).setChecked(on)

    def checked(self, name: str) -> bool:
        """Tell whether an action is on."""
        return self._action_of(name).isChecked()

    def use_theme(self) -> None:
        """Draw the icons in the colours of the theme in use."""
        for made in self._made:
            paint_action(made.action, made.spec)
        self._menu_button.setIcon(icon("menu"))

    def _action_of(self, name: str) -> QAction:
        return next(made.action for made in self._made if made.spec.name == name)

    def _action(self, spec: ActionSpec) -> QAction:
        action = make_action(self._window, spec, getattr(self._window, spec.name))
        self._made.append(_Made(spec, action))
        return action

    def _tab(self, number: int, title: str) -> QToolButton:
        tab = QToolButton(self)
        tab.setProperty("page", True)
        tab.setCheckable(True)
        say(tab, "setText", title)
        self._tabs.addButton(tab, number)
        # Not the button's own shortcut: writing its text anew in another language would take that away.
        key = QShortcut(QKeySequence(f"Ctrl+{number + 1}"), self._window)
        key.activated.connect(lambda: self.page_chosen.emit(number))
        return tab

    def _button(self, spec: ActionSpec, style: Qt.ToolButtonStyle) -> QToolButton:
        button = QToolButton(self)
        button.setDefaultAction(self._action(spec))
        button.setToolButtonStyle(style)
        button.setProperty("flat", style == Qt.ToolButtonStyle.ToolButtonIconOnly)
        button.setMinimumHeight(BUTTON_HEIGHT)
        return button

    def _make_menu_button(self, specs: Sequence[ActionSpec]) -> QToolButton:
        menu = QMenu(self)
        for spec in specs:
            menu.addAction(self._action(spec))
        button = QToolButton(self)
        button.setProperty("flat", True)
        button.setMenu(menu)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setShortcut("F10")
        button.setIcon(icon("menu"))
        say(button, "setToolTip", "More (F10)")
        say(button, "setAccessibleName", "More (F10)")
        return button
