"""What the record keeps: pictures by verdict and age, whole boards, and how much room is left to others."""

from __future__ import annotations

from PySide6.QtWidgets import QDoubleSpinBox, QWidget

from aoi_app.gui.services import Choice
from aoi_app.gui.settings.form import ChoiceBox, Form
from aoi_app.storage.record_settings import RecordSettings
from aoi_app.storage.retention import RetentionPolicy

WHOLE = (
    Choice("none", "None", detail="Previews and pictures of the defects are kept in any case."),
    Choice("failed", "Failed and not inspected ones", detail="So that they can be inspected again."),
    Choice("all", "All", detail="So that any board can be inspected again, and models trained on good ones."),
)
DAYS = (
    ("passed_days", "Pictures of passed boards, days"),
    ("failed_days", "Pictures of failed boards, days"),
    ("error_days", "Pictures of others, days"),
)
FOR_EVER = "0 keeps them for ever; verdicts and defects are never removed."


def number(parent: QWidget, most: float, decimals: int = 0, step: float = 1.0) -> QDoubleSpinBox:
    """Return a field for a number from 0 on."""
    field = QDoubleSpinBox(parent)
    field.setRange(0, most)
    field.setDecimals(decimals)
    field.setSingleStep(step)
    return field


class RecordTab(Form):
    """Edits what is kept; a field at 0 sets no limit."""

    def __init__(self, record: RecordSettings, parent: QWidget) -> None:
        super().__init__(parent)
        self.whole = ChoiceBox(self)
        self.whole.offer(WHOLE, record.whole_boards)
        self.room = number(self, 1e6)
        self.room.setValue(record.whole_boards_gib or 0)
        self.add("Boards kept whole", self.whole, "Only these can be inspected again; the oldest go first.")
        self.add("Room for whole boards, GiB", self.room, "0 sets no limit.")
        self.days: dict[str, QDoubleSpinBox] = {}
        for name, caption in DAYS:
            field = self.days[name] = number(self, 36_500, 1)
            field.setValue(getattr(record.retention, name) or 0)
            self.add(caption, field, FOR_EVER if name == DAYS[-1][0] else "")
        self.warn, self.stop = number(self, 1e6, 1), number(self, 1e6, 1)
        self.warn.setValue(record.warn_free_gib)
        self.stop.setValue(record.stop_free_gib)
        self.add("Warn when fewer GiB are free", self.warn)
        self.add("No pictures of passed boards below, GiB", self.stop)
        self.column.addStretch(1)

    def changes(self) -> dict[str, object]:
        """Return the settings of the record that this tab edits. Raises ValidationError."""
        days = {name: field.value() or None for name, field in self.days.items()}
        return {
            "whole_boards": self.whole.value,
            "whole_boards_gib": self.room.value() or None,
            "retention": RetentionPolicy.model_validate(days),
            "warn_free_gib": self.warn.value(),
            "stop_free_gib": self.stop.value(),
        }
