"""A widget for one option, made from what is said of it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QCheckBox, QDoubleSpinBox, QLineEdit, QSpinBox, QWidget

from aoi_app.core.options import Option, OptionField
from aoi_app.gui.services import Choice
from aoi_app.gui.settings.form import ChoiceBox

Read = Callable[[], Option]


def editor_of(one: OptionField, value: Option, parent: QWidget) -> tuple[QWidget, Read]:
    """Return a widget for an option, and what reads it."""
    if one.choices:
        box = ChoiceBox(parent)
        box.offer([Choice(v, title, missing=one.missing.get(v, "")) for v, title in one.choices.items()], str(value))
        return box, lambda: box.value
    if isinstance(one.default, bool):
        tick = QCheckBox(parent)
        tick.setChecked(bool(value))
        return tick, tick.isChecked
    if isinstance(one.default, int):
        whole = QSpinBox(parent)
        whole.setRange(int(one.least), int(one.most))
        whole.setValue(int(value))
        return whole, whole.value
    if isinstance(one.default, float):
        number = QDoubleSpinBox(parent)
        number.setRange(one.least, one.most)
        number.setDecimals(2)
        number.setValue(float(value))
        return number, number.value
    line = QLineEdit(str(value), parent)
    return line, lambda: line.text().strip()
