"""Finds texts on the screen that do not fit into their widgets."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QRect, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTabBar,
    QToolButton,
    QWidget,
)

from aoi_app.gui.elided import ElidedLabel

SLACK = 1
"""Pixels that rounding may take."""


def clipped(window: QWidget) -> list[str]:
    """Return every text in a window of which a part cannot be seen, with how much room it lacks."""
    found = []
    for widget in window.findChildren(QWidget):
        if widget.isVisible() and widget.window() is window and not widget.visibleRegion().isEmpty():
            found += [f"{type(widget).__name__}: {what}" for what in _lacking(widget)]
    return found


def _lacking(widget: QWidget) -> Iterator[str]:
    if isinstance(widget, QLabel) and widget.text():
        yield from _label(widget)
    elif isinstance(widget, QHeaderView):
        yield from _header(widget)
    elif isinstance(widget, QTabBar):
        rooms = [widget.tabRect(number) for number in range(widget.count())]
        yield from (
            f"tab {widget.tabText(number)!r}" for number, room in enumerate(rooms) if not _within(room, widget.rect())
        )
    elif isinstance(widget, QAbstractButton) and widget.text():
        if isinstance(widget, QToolButton) and widget.toolButtonStyle() is Qt.ToolButtonStyle.ToolButtonIconOnly:
            return
        yield from _wide(widget, widget.text(), widget.sizeHint().width())
        if isinstance(widget, QPushButton | QToolButton) and widget.height() < widget.sizeHint().height() - 4:
            yield f"{widget.text()!r} is {widget.height()} px high, {widget.sizeHint().height()} wanted"
    elif isinstance(widget, QLineEdit) and not widget.text():
        inner = widget.width() - 22
        yield from _too_wide(inner, widget.placeholderText(), _text_width(widget, widget.placeholderText()))
    elif isinstance(widget, QComboBox):
        yield from _too_wide(widget.width() - 36, widget.currentText(), _text_width(widget, widget.currentText()))


def _label(label: QLabel) -> Iterator[str]:
    text = label.text()
    if isinstance(label, ElidedLabel):
        if label.shown != text and label.width() >= label.sizeHint().width():
            yield f"{text!r} ends in dots although it has the {label.sizeHint().width()} px that it asked for"
        if label.shown != text and not label.toolTip().startswith(text):
            yield f"{text!r} ends in dots, and no tool tip has the whole of it"
        return
    if label.wordWrap():
        wanted = label.heightForWidth(label.width())
        if wanted > label.height() + SLACK:
            yield f"{text!r} is {label.height()} px high, {wanted} wanted"
        return
    yield from _wide(label, text, label.sizeHint().width())
    if label.sizeHint().height() > label.height() + 2:
        yield f"{text!r} is {label.height()} px high, {label.sizeHint().height()} wanted"


def _header(header: QHeaderView) -> Iterator[str]:
    if header.orientation() is not Qt.Orientation.Horizontal:
        return
    model = header.model()
    for column in range(header.count()):
        if header.isSectionHidden(column):
            continue
        text = str(model.headerData(column, Qt.Orientation.Horizontal) or "")
        yield from _too_wide(header.sectionSize(column), text, header.sectionSizeFromContents(column).width())


def _wide(widget: QWidget, text: str, wanted: int) -> Iterator[str]:
    yield from _too_wide(widget.width(), text, wanted)


def _too_wide(room: int, text: str, wanted: int) -> Iterator[str]:
    if text and wanted > room + SLACK:
        yield f"{text!r} has {room} px, {wanted} wanted"


def _text_width(widget: QWidget, text: str) -> int:
    return widget.fontMetrics().horizontalAdvance(text)


def _within(inner: QRect, outer: QRect) -> bool:
    return outer.adjusted(-SLACK, -SLACK, SLACK, SLACK).contains(inner)
