"""When the line gives alarm, and when the shifts begin."""

from __future__ import annotations

from PySide6.QtWidgets import QDoubleSpinBox, QLineEdit, QWidget

from aoi_app.core.errors import SettingsError
from aoi_app.gui.settings.form import Form
from aoi_app.gui.settings.record_tab import number
from aoi_app.storage.record_settings import RecordSettings
from aoi_app.storage.shifts import Shift, sorted_shifts
from aoi_app.storage.stop_rules import StopRules


class ShiftTab(Form):
    """Edits the stop rules; a rule at 0 is switched off."""

    def __init__(self, record: RecordSettings, parent: QWidget) -> None:
        super().__init__(parent)
        rules = record.stop_rules
        self._rules = rules
        self.in_a_row = self._field("Same defect at the same place, boards in a row", rules.in_a_row, 100)
        self.place = self._field("Same place: no further apart than, px", rules.same_place_px, 10_000)
        self.least_yield = self._field(
            "Least first-pass yield within an hour, %", _percent(rules.min_first_pass_yield), 100, decimals=1
        )
        self.yield_boards = self._field("… judged from so many boards on", rules.yield_boards, 100_000)
        self.most_rejects = self._field("Most rejected boards, %", _percent(rules.max_reject_rate), 99.9, decimals=1)
        self.reject_boards = self._field("… of the last boards", rules.reject_boards, 100_000, "A rule at 0 is off.")
        self.shifts = QLineEdit(shifts_text(record.shifts), self)
        self.add("Shifts", self.shifts, "Name and beginning of each: early 06:00, late 14:00, night 22:00")
        self.column.addStretch(1)

    def _field(
        self, caption: str, value: float | None, most: float, note: str = "", decimals: int = 0
    ) -> QDoubleSpinBox:
        field = number(self, most, decimals)
        field.setValue(value or 0)
        self.add(caption, field, note)
        return field

    def changes(self) -> dict[str, object]:
        """Return the settings of the record that this tab edits. Raises ValidationError, SettingsError."""
        rejects = self.most_rejects.value()
        rules = StopRules(
            in_a_row=round(self.in_a_row.value()) or None,
            same_place_px=self.place.value() or self._rules.same_place_px,
            min_first_pass_yield=_share(self.least_yield.value()),
            yield_boards=round(self.yield_boards.value()) or self._rules.yield_boards,
            max_reject_rate=_share(rejects),
            reject_boards=round(self.reject_boards.value()) or self._rules.reject_boards,
        )
        return {"stop_rules": rules, "shifts": read_shifts(self.shifts.text())}


def shifts_text(shifts: tuple[Shift, ...]) -> str:
    """Return shifts as a person writes them."""
    return ", ".join(f"{s.name} {s.begins:%H:%M}" for s in shifts)


def read_shifts(text: str) -> tuple[Shift, ...]:
    """Read shifts as a person writes them. Raises SettingsError."""
    try:
        parts = [part.strip().rsplit(maxsplit=1) for part in text.replace("，", ",").split(",") if part.strip()]
        return sorted_shifts(
            [Shift.model_validate({"name": name, "begins": begins.zfill(5)}) for name, begins in parts]
        )
    except ValueError as error:
        raise SettingsError(
            f"The shifts {text!r} cannot be read.",
            "Write a name and a time for each, no two alike: early 06:00, late 14:00, night 22:00.",
        ) from error


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _share(percent: float) -> float | None:
    return round(percent / 100, 6) or None
