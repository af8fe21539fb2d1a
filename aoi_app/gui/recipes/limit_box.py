"""A limit that a recipe may set or leave out."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDoubleSpinBox, QWidget

from aoi_app.gui.texts import say


class LimitBox(QDoubleSpinBox):
    """A number; at 0 there is no limit.

    Parameters
    ----------
    most
        The greatest limit that can be entered.
    decimals
        Digits that can be entered; a finer limit of a recipe stays as it is until it is edited.
    """

    def __init__(self, most: float, decimals: int, parent: QWidget) -> None:
        super().__init__(parent)
        self.setDecimals(decimals)
        self.setRange(0, most)
        self.setGroupSeparatorShown(True)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        say(self, "setSpecialValueText", "no limit")
        self._given: float | None = None
        self._shown = self.value()

    def show_limit(self, limit: float | None) -> None:
        """Show a recipe's limit; one that would be rounded to none is shown as the least there is."""
        self._given = limit
        least = 10.0 ** -self.decimals()
        self.setValue(0 if limit is None else max(limit, least))
        self._shown = self.value()

    def limit(self) -> float | None:
        """Return the limit, None for none."""
        if self.value() == self._shown:
            return self._given
        return self.value() or None
