"""The mouse wheel scrolls a form; it does not change the field that happens to lie under it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QAbstractSpinBox, QComboBox, QWidget


class WheelGuard(QObject):
    """Leaves the wheel to a field only while it has the focus, which the wheel does not give it."""

    def watch(self, field: QWidget) -> None:
        """Watch a field, or all fields of a row."""
        for one in (field, *field.findChildren(QWidget)):
            if isinstance(one, (QAbstractSpinBox, QComboBox)):
                one.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
                one.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Hand the wheel on to what is around the field."""
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False
