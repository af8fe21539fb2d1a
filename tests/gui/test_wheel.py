"""The wheel over a form scrolls it and changes no field."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QPoint, QPointF
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QHBoxLayout, QSpinBox, QWidget

from aoi_app.gui.settings.form import Form, scrolled


def turn(field: QWidget) -> None:
    """Turn the wheel one notch towards the user over a field, as a mouse does."""
    window = field.window()
    at = QPointF(field.mapTo(window, field.rect().center()))
    QTest.wheelEvent(window.windowHandle(), at, QPoint(0, -120))
    QApplication.processEvents()


@pytest.mark.parametrize("in_a_row", [False, True])
def test_the_wheel_scrolls_unless_the_field_has_the_focus(qtbot: Any, in_a_row: bool) -> None:
    form = Form()
    number, choice = QSpinBox(form), QComboBox(form)
    number.setValue(50)
    choice.addItems(["fill", "abort"])
    for caption, field in (("Number", number), ("Choice", choice)):
        row = QWidget(form)
        if in_a_row:
            QHBoxLayout(row).addWidget(field)
        form.add(caption, row if in_a_row else field)
    form.column.addStretch(1)
    form.setMinimumHeight(2_000)
    area = scrolled(form)
    qtbot.addWidget(area)
    area.resize(300, 200)
    area.show()
    form.setFocus()
    bar = area.verticalScrollBar()
    for field in (number, choice):
        bar.setValue(0)
        turn(field)
        assert bar.value() > 0
        assert not field.hasFocus()
    assert (number.value(), choice.currentIndex()) == (50, 0)
    area.activateWindow()
    bar.setValue(0)
    number.setFocus()
    qtbot.waitUntil(number.hasFocus)
    turn(number)
    assert number.value() == 49
