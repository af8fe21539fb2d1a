"""A line of text that may be longer than its room: it ends in dots, and the tool tip has the whole of it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QLabel, QStyle, QStyleOption, QStylePainter, QWidget

LEAST_WIDTH = 24


class ElidedLabel(QLabel):
    """For names and values of any length; a caption that is always the same is given the room it needs.

    Parameters
    ----------
    edges
        Pixels between its sides and the text.
    """

    def __init__(self, parent: QWidget | None = None, edges: int = 0) -> None:
        super().__init__(parent)
        self._edges = edges
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setMinimumWidth(LEAST_WIDTH + 2 * edges)

    @property
    def shown(self) -> str:
        """What can be read of the text."""
        room = self.width() - 2 * self._edges
        return self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room)

    def say_whole(self, text: str, more: str = "") -> None:
        """Write a text, and into the tool tip the whole of it and `more`."""
        self.setText(text)
        self.setToolTip(f"{text}\n{more}".strip())

    def minimumSizeHint(self) -> QSize:
        """Return what is left when hardly anything can be read."""
        return QSize(LEAST_WIDTH + 2 * self._edges, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw ground and rim of the style sheet, and the part of the text that fits."""
        painter = QStylePainter(self)
        option = QStyleOption()
        option.initFrom(self)
        self.style().drawPrimitive(QStyle.PrimitiveElement.PE_Widget, option, painter, self)
        room = self.rect().adjusted(self._edges, 0, -self._edges, 0)
        painter.setFont(self.font())
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(room, self.alignment() | Qt.TextFlag.TextSingleLine, self.shown)
