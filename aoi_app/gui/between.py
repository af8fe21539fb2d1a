"""Two moments between which a person looks: from … to …, local time, to the minute."""

from __future__ import annotations

from PySide6.QtCore import QDateTime, Signal
from PySide6.QtWidgets import QDateTimeEdit, QHBoxLayout, QWidget

from aoi_app.gui.texts import say

MINUTE_US = 60_000_000


class Between(QWidget):
    """Two moments; tells when one of them changed. Which of them is the earlier one does not matter."""

    changed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.first, self.last = QDateTimeEdit(self), QDateTimeEdit(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        for edit, name, back in ((self.first, "From", -1), (self.last, "To", 0)):
            say(edit, "setAccessibleName", name)
            edit.setCalendarPopup(True)
            edit.setDisplayFormat("yyyy-MM-dd HH:mm")
            edit.setDateTime(QDateTime.currentDateTime().addDays(back))
            edit.dateTimeChanged.connect(lambda _: self.changed.emit())
            row.addWidget(edit)

    def bounds(self) -> tuple[int, int]:
        """Return from (included) and to (left out), UTC microseconds; the last minute is whole."""
        since, until = sorted(
            edit.dateTime().toMSecsSinceEpoch() * 1000 // MINUTE_US for edit in (self.first, self.last)
        )
        return since * MINUTE_US, (until + 1) * MINUTE_US
