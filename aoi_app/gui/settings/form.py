"""Forms of the settings: labelled rows, and lists of choices that may be greyed."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from aoi_app.gui.services import Choice
from aoi_app.gui.settings.wheel import WheelGuard
from aoi_app.gui.texts import message, say, tr

PADDING = 7
"""Pixels before the text of a field."""


class Beside(QWidget):
    """Several fields in one row of a form, each found by its own name; what has a text needs no other name."""

    def __init__(self, fields: Sequence[tuple[QWidget, str]], parent: QWidget, stretched: int = -1) -> None:
        super().__init__(parent)
        self.first = fields[0][0]
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for number, (field, name) in enumerate(fields):
            row.addWidget(field, int(number == stretched))
            if name:
                say(field, "setAccessibleName", name)
        if stretched < 0:
            row.addStretch(1)


class Form(QWidget):
    """Rows of a caption, a field and a note below it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.grid = QGridLayout()
        self.grid.setHorizontalSpacing(20)
        self.grid.setVerticalSpacing(10)
        self.grid.setColumnMinimumWidth(0, 150)
        self.grid.setColumnStretch(1, 1)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(20, 18, 20, 18)
        self.column.setSpacing(14)
        self.column.addLayout(self.grid)
        self._wheel = WheelGuard(self)

    def add(self, caption: str, field: QWidget, note: str = "") -> None:
        """Add a row."""
        row = self.grid.rowCount()
        label = QLabel(self)
        say(label, "setText", caption)
        if isinstance(field, Beside):
            label.setBuddy(field.first)
        else:
            say(field, "setAccessibleName", caption)
            label.setBuddy(field)
        self._wheel.watch(field)
        if isinstance(field, QAbstractSpinBox):
            # A style sheet gives the fields of numbers no padding, unlike all others.
            field.lineEdit().setTextMargins(PADDING, 0, 0, 0)
        self.grid.addWidget(label, row, 0, Qt.AlignmentFlag.AlignVCenter)
        self.grid.addWidget(field, row, 1)
        if note:
            below = self.note()
            say(below, "setText", note)
            self.grid.addWidget(below, row + 1, 1)

    def clear_rows(self) -> None:
        """Take all rows away."""
        while (item := self.grid.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()

    def note(self) -> QLabel:
        """Return an empty note."""
        label = QLabel(self)
        label.setProperty("role", "muted")
        label.setWordWrap(True)
        return label


def scrolled(form: QWidget) -> QScrollArea:
    """Return a form that is longer than the screens of some stations."""
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setWidget(form)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return area


class ChoiceBox(QComboBox):
    """A list of choices; what is missing here is greyed, with the reason as its tool tip and in its text."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._choices: tuple[Choice, ...] = ()

    def offer(self, choices: Sequence[Choice], chosen: str) -> None:
        """Offer choices; `chosen` stays chosen, and is listed even where nobody offers it."""
        known = {choice.value for choice in choices}
        self._choices = tuple(choices) if chosen in known else (Choice(chosen, chosen), *choices)
        self.blockSignals(True)
        self.clear()
        model = self.model()
        for number, choice in enumerate(self._choices):
            text = message(choice.title)
            self.addItem(text if not choice.missing else tr("{title} (not installed)", title=text), choice.value)
            self.setItemData(number, message(choice.missing or choice.detail), Qt.ItemDataRole.ToolTipRole)
            if choice.missing and isinstance(model, QStandardItemModel):
                model.item(number).setEnabled(False)
        self.setCurrentIndex(max(0, self.findData(chosen)))
        self.blockSignals(False)
        self.currentIndexChanged.emit(self.currentIndex())

    def retranslate(self) -> None:
        """Write the titles anew; what is chosen stays chosen."""
        self.offer(self._choices, self.value)

    @property
    def choice(self) -> Choice | None:
        """What is chosen."""
        row = self.currentIndex()
        return self._choices[row] if 0 <= row < len(self._choices) else None

    @property
    def missing(self) -> tuple[Choice, ...]:
        """What cannot be chosen here."""
        return tuple(choice for choice in self._choices if choice.missing)

    @property
    def value(self) -> str:
        """What is written into the settings."""
        return str(self.currentData() or "")
