"""The keys of a repair station on a board's record: repaired, closed, undo."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QGridLayout, QLabel, QPushButton, QWidget

from aoi_app.core.errors import AoiError
from aoi_app.gui.history.repairs import Repairs, can_become
from aoi_app.gui.icons import icon
from aoi_app.gui.key_size import key_height
from aoi_app.gui.review.desk import DWELL_S
from aoi_app.gui.review.keys import REPAIRS, UNDO, Act, keys_of
from aoi_app.gui.texts import message, say, tr
from aoi_app.storage.history import BoardRecord, DefectRow

HINTS = {
    "repair": "The chosen defect was confirmed and has been repaired",
    "close": "Nothing more is to be done about the chosen defect: its repair was looked at, or it needs none",
    "undo": "Take back what was said last here",
}


class RepairBar(QWidget):
    """Says of the chosen defect what became of it.

    Parameters
    ----------
    clock
        Seconds; injected so that a key that bounces can be told from one that is meant.
    """

    noted = Signal(object, int)
    """A `BoardRecord` as it is now, and the id of the defect of which something was said."""

    def __init__(self, repairs: Repairs, parent: QWidget, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(parent)
        self._repairs, self.clock = repairs, clock
        self._record: BoardRecord | None = None
        self._chosen: DefectRow | None = None
        self._said: list[tuple[str, int]] = []
        self._busy = False
        self._since = clock()
        self.problem = QLabel(self)
        self.problem.setProperty("role", "problem")
        self.problem.setWordWrap(True)
        self.problem.hide()
        self.buttons: dict[str, QPushButton] = {}
        self._shortcuts: dict[str, QShortcut] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(8)
        grid.addWidget(self.problem, 0, 0, 1, len(REPAIRS) + 1)
        for column, act in enumerate((*REPAIRS, UNDO)):
            grid.addWidget(self._button(act), 1, column)
        self.retranslate()

    def _button(self, act: Act) -> QPushButton:
        button = QPushButton(self)
        button.setMinimumHeight(key_height())
        button.setAutoDefault(False)
        button.setProperty("act", "decide" if act.state else "move")
        button.setIconSize(QSize(24, 24))
        say(button, "setToolTip", HINTS[act.name])
        button.clicked.connect(lambda _checked=False: self.do(act))
        shortcut = QShortcut(self)
        shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
        shortcut.setAutoRepeat(False)
        shortcut.activated.connect(lambda: self.do(act))
        self.buttons[act.name], self._shortcuts[act.name] = button, shortcut
        return button

    def show_defect(self, record: BoardRecord, defect: DefectRow | None) -> None:
        """Take a defect of a board for the one that is meant; None for none."""
        if self._chosen is None or defect is None or defect.id != self._chosen.id:
            self._since = self.clock()
        self._record, self._chosen = record, defect
        self._allow()

    def do(self, act: Act) -> None:
        """Carry out an act."""
        if self._busy or self._record is None:
            return
        if not self._repairs.may():
            self._tell(tr("Log in to review boards."))
        elif act.state is None:
            self._undo(self._record)
        elif not can_become(self._record, self._chosen, act.state):
            self._tell(tr("Choose a defect that review has confirmed."))
        elif self._chosen is not None and self.clock() - self._since >= DWELL_S:
            defect, reviewer = self._chosen.id, self._repairs.reviewer()
            self._wait()
            self._repairs.note(
                self._record.row.board_id,
                self._chosen,
                act.state,
                lambda record: self._on_noted(record, defect, reviewer),
                self._on_failed,
            )

    def _undo(self, record: BoardRecord) -> None:
        reviewer = self._repairs.reviewer()
        mine = next((k for k in reversed(range(len(self._said))) if self._said[k][0] == reviewer), None)
        if mine is None:
            self._tell(tr("There is nothing to take back."))
            return
        _, defect = self._said.pop(mine)
        self._wait()
        self._repairs.take_back(
            record.row.board_id, defect, lambda found: self._on_noted(found, defect, ""), self._on_failed
        )

    def _wait(self) -> None:
        self._busy = True
        self._tell("")
        self._allow()

    def _on_noted(self, record: BoardRecord, defect: int, reviewer: str) -> None:
        self._busy = False
        if reviewer:
            self._said.append((reviewer, defect))
        self._since = self.clock()
        self.noted.emit(record, defect)
        self._allow()

    def _on_failed(self, error: Exception) -> None:
        self._busy = False
        self._allow()
        if not isinstance(error, AoiError):
            raise error
        self._tell(f"{message(error.what)}\n{message(error.hint)}".strip())

    def _allow(self) -> None:
        for act in REPAIRS:
            possible = self._record is not None and can_become(self._record, self._chosen, act.state)
            self.buttons[act.name].setEnabled(possible and not self._busy)
        self.buttons[UNDO.name].setEnabled(bool(self._said) and not self._busy)

    def _tell(self, text: str) -> None:
        self.problem.setText(text)
        self.problem.setVisible(bool(text))

    def retranslate(self) -> None:
        """Write acts and their keys anew."""
        keys = keys_of(self._repairs.keys())
        for act in (*REPAIRS, UNDO):
            sequence = QKeySequence(keys[act.name])
            self._shortcuts[act.name].setKey(sequence)
            shown = sequence.toString(QKeySequence.SequenceFormat.NativeText)
            self.buttons[act.name].setText(f"{tr(act.text)}\n[{shown}]")
            self.buttons[act.name].setIcon(icon(act.icon))

    def use_theme(self) -> None:
        """Draw the icons in the colours of the theme in use."""
        self.retranslate()
