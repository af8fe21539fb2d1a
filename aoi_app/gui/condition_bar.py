"""What is not as it should be stands above the pages for as long as it is so; a notice would be gone in seconds."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from aoi_app.gui.elided import ElidedLabel
from aoi_app.gui.icons import pixmap
from aoi_app.gui.texts import message, tr
from aoi_app.gui.theme import colour
from aoi_app.gui.toasts import LOOKS
from aoi_app.station.status import Condition

MOST = 3
"""Rows at most: further conditions are counted in the last one, and named in its tool tip."""
SIGN = 18


class _Row(QFrame):
    """One condition: sign, what, and what to do."""

    def __init__(self, condition: Condition, others: tuple[Condition, ...], parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("condition")
        self.setProperty("level", condition.level.value)
        sign, text = QLabel(self), ElidedLabel(self)
        name, shade, _ = LOOKS[condition.level]
        sign.setPixmap(pixmap(name, SIGN, colour(shade).name()))
        shown, *more = [message(f"{c.what} {c.hint}".strip()) for c in (condition, *others)]
        if more:
            shown = f"{shown}    {tr('{n} more', n=len(more))}"
        text.say_whole(shown, "\n".join(more))
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 4, 12, 4)
        row.setSpacing(10)
        row.addWidget(sign)
        row.addWidget(text, 1)


class ConditionBar(QWidget):
    """A row for each condition, the worst first; hidden while all is well."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.conditions: tuple[Condition, ...] = ()
        self._rows: list[_Row] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self.hide()

    @property
    def texts(self) -> tuple[str, ...]:
        """What stands in the rows."""
        return tuple(label.text() for row in self._rows for label in row.findChildren(ElidedLabel))

    def show_conditions(self, conditions: tuple[Condition, ...]) -> None:
        """Show what is not as it should be now."""
        if conditions != self.conditions:
            self.conditions = conditions
            self.retranslate()

    def retranslate(self) -> None:
        """Write the rows anew."""
        for row in self._rows:
            row.hide()
            row.deleteLater()
        shown = self.conditions[:MOST]
        rest = self.conditions[MOST:]
        self._rows = [_Row(condition, rest if n == MOST - 1 else (), self) for n, condition in enumerate(shown)]
        for row in self._rows:
            self._column.addWidget(row)
        self.setVisible(bool(self._rows))

    def use_theme(self) -> None:
        """Draw the signs in the colours of the theme in use."""
        self.retranslate()
