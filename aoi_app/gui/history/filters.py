"""What a person searches the history for: period, verdict, class, recipe, serial number."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime

from PySide6.QtCore import QDateTime, QTimer, Signal
from PySide6.QtWidgets import QComboBox, QDateTimeEdit, QHBoxLayout, QLineEdit, QPushButton, QWidget

from aoi_app.core.inspection import Verdict
from aoi_app.gui.icons import icon
from aoi_app.gui.line.verdict_looks import LOOKS
from aoi_app.gui.texts import defect_name, say, tr
from aoi_app.storage.clock import to_us
from aoi_app.storage.query import HistoryQuery

HOUR_US = 3_600_000_000
TODAY, CUSTOM = -1, -2
PERIODS: tuple[tuple[str, int], ...] = (
    ("Any time", 0),
    ("Last hour", HOUR_US),
    ("Today", TODAY),
    ("Last 24 hours", 24 * HOUR_US),
    ("Last 7 days", 7 * 24 * HOUR_US),
    ("Last 30 days", 30 * 24 * HOUR_US),
    ("From … to …", CUSTOM),
)
"""Name, and microseconds back from now; 0 for no limit."""
ALL_VERDICTS, ALL_CLASSES, ALL_RECIPES = "All verdicts", "All classes", "All recipes"
TYPING_PAUSE_MS = 250


class Filters(QWidget):
    """The row of filters above the table; tells when any of them changed."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.period, self.verdict, self.defect_class, self.recipe = (QComboBox(self) for _ in range(4))
        self.serial = QLineEdit(self)
        self.serial.setClearButtonEnabled(True)
        self.serial.setMinimumWidth(190)
        self.serial.setMaximumWidth(260)
        say(self.serial, "setPlaceholderText", "Serial number begins with …")
        self._since, self._until = QDateTimeEdit(self), QDateTimeEdit(self)
        for edit, back in ((self._since, -1), (self._until, 0)):
            edit.setCalendarPopup(True)
            edit.setDisplayFormat("yyyy-MM-dd HH:mm")
            edit.setDateTime(QDateTime.currentDateTime().addDays(back))
            edit.dateTimeChanged.connect(self._on_changed)
        self._reset = QPushButton(self)
        say(self._reset, "setText", "Clear filters")
        self._reset.clicked.connect(self.clear)
        self._codes: tuple[str, ...] = ()
        self._recipes: tuple[str, ...] = ()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        for widget in (self.period, self._since, self._until, self.verdict, self.defect_class, self.recipe):
            row.addWidget(widget)
        row.addWidget(self.serial, 1)
        row.addWidget(self._reset)
        row.addStretch(1)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(TYPING_PAUSE_MS)
        self._pause.timeout.connect(self.changed)
        self.retranslate()
        for box in (self.period, self.verdict, self.defect_class, self.recipe):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
            box.currentIndexChanged.connect(self._on_changed)
        self.serial.textChanged.connect(lambda _text: self._pause.start())
        self._on_changed()

    def _on_changed(self) -> None:
        custom = PERIODS[max(self.period.currentIndex(), 0)][1] == CUSTOM
        self._since.setVisible(custom)
        self._until.setVisible(custom)
        self.changed.emit()

    def offer(self, codes: Sequence[str], recipes: Sequence[str]) -> None:
        """Offer these classes and recipes; what is chosen stays chosen."""
        if (tuple(codes), tuple(recipes)) != (self._codes, self._recipes):
            self._codes, self._recipes = tuple(codes), tuple(recipes)
            self.retranslate()

    def clear(self) -> None:
        """Let all boards pass."""
        for box in (self.period, self.verdict, self.defect_class, self.recipe):
            box.setCurrentIndex(0)
        self.serial.clear()

    def query(self) -> HistoryQuery:
        """Return what is asked for now."""
        since, until = self._times(PERIODS[max(self.period.currentIndex(), 0)][1])
        verdict, code, recipe = (b.currentData() for b in (self.verdict, self.defect_class, self.recipe))
        return HistoryQuery(
            since_us=since,
            until_us=until,
            verdicts=(Verdict(verdict),) if verdict else (),
            classes=(code,) if code else (),
            recipes=(recipe,) if recipe else (),
            serial=self.serial.text().strip(),
        )

    def _times(self, back: int) -> tuple[int | None, int | None]:
        if back == CUSTOM:
            first, last = (edit.dateTime().toMSecsSinceEpoch() * 1000 for edit in (self._since, self._until))
            return first, last + 60_000_000
        if back == TODAY:
            return to_us(datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)), None
        return (time.time_ns() // 1000 - back if back else None), None

    def retranslate(self) -> None:
        """Write the lists anew; what is chosen stays chosen."""
        verdicts = [(tr(ALL_VERDICTS), "")] + [(tr(look.word), v.value) for v, look in LOOKS.items()]
        classes = [(tr(ALL_CLASSES), ""), *((defect_name(code), code) for code in self._codes)]
        recipes = [(tr(ALL_RECIPES), ""), *((name, name) for name in self._recipes)]
        periods = [(tr(name), name) for name, _ in PERIODS]
        boxes = (self.period, self.verdict, self.defect_class, self.recipe)
        for box, entries in zip(boxes, (periods, verdicts, classes, recipes), strict=True):
            chosen = box.currentData()
            box.blockSignals(True)
            box.clear()
            for title, value in entries:
                box.addItem(title, value)
            box.setCurrentIndex(max(0, box.findData(chosen)))
            box.blockSignals(False)
        self._reset.setIcon(icon("undo"))

    def use_theme(self) -> None:
        """Draw the icon in the colours of the theme in use."""
        self._reset.setIcon(icon("undo"))
