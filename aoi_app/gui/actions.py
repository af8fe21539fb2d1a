"""What an operator can do, as a table: name, text, icon, keys, and when it is possible."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from aoi_app.gui.icons import icon
from aoi_app.gui.texts import say
from aoi_app.gui.theme import tokens
from aoi_app.station.status import State, StationStatus
from aoi_app.storage.accounts import Right

Possible = Callable[[StationStatus], bool]


def always(status: StationStatus) -> bool:
    """Say that an action is possible at any time."""
    return True


def in_states(*states: State) -> Possible:
    """Return the condition that the station is in one of these states."""
    return lambda status: status.state in states


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One action.

    Attributes
    ----------
    name
        Method of the window that does it.
    right
        What the person at the window must be allowed to do.
    checkable
        Whether it stays on until it is chosen again.
    """

    name: str
    text: str
    icon: str = ""
    keys: tuple[str, ...] = ()
    possible: Possible = always
    colour: str = ""
    checkable: bool = False
    right: Right | None = None


LINE_ACTIONS = (
    ActionSpec("start_line", "Start", "start", ("F5",), in_states(State.IDLE, State.FAULT, State.PAUSED)),
    ActionSpec("pause_line", "Pause", "pause", ("F6",), in_states(State.RUNNING)),
    ActionSpec("stop_line", "Stop", "stop", ("F7",), in_states(State.RUNNING, State.PAUSED, State.ARMING, State.FAULT)),
)
MENU_ACTIONS = (
    ActionSpec("show_settings", "Settings…", "settings", ("Ctrl+,",), right=Right.CHANGE_SETTINGS),
    ActionSpec("reset_counters", "Begin a new shift", "refresh", ("Ctrl+Shift+N",), right=Right.CHANGE_SETTINGS),
    ActionSpec("log_in", "Log in or out", "user", ("Ctrl+U",)),
    ActionSpec("show_people", "Users…", "user", right=Right.MANAGE_ACCOUNTS),
    ActionSpec("toggle_log", "Event log", "log", ("F8",), checkable=True),
    ActionSpec("toggle_marks", "Defect boxes", "board", ("B",), checkable=True),
    ActionSpec("toggle_theme", "Dark or light", "theme", ("Ctrl+T",)),
    ActionSpec("toggle_full_screen", "Full screen", "fit", ("F11",), checkable=True),
    ActionSpec("show_keys", "Keys", "info", ("F1",)),
    ActionSpec("show_about", "About", "info"),
    ActionSpec("close", "Quit", "close", ("Ctrl+Q",)),
)
BAR_ACTIONS = (
    ActionSpec("toggle_language", "中文 / English", "language", ("Ctrl+L",)),
    ActionSpec("show_settings", "Settings…", "settings", right=Right.CHANGE_SETTINGS),
)


def make_action(owner: QWidget, spec: ActionSpec, do: Callable[..., object]) -> QAction:
    """Return an action of a window; its keys work wherever the focus is in that window."""
    action = QAction(owner)
    say(action, "setText", spec.text)
    action.setShortcuts([QKeySequence(keys) for keys in spec.keys])
    action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
    action.setCheckable(spec.checkable)
    action.triggered.connect(lambda _checked=False: do())
    paint_action(action, spec)
    owner.addAction(action)
    return action


def paint_action(action: QAction, spec: ActionSpec) -> None:
    """Draw an action's icon in the colours of the theme in use."""
    if spec.icon:
        action.setIcon(icon(spec.icon, getattr(tokens(), spec.colour) if spec.colour else None))
