"""The whole board, small, with the part in view framed; a click goes there."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from aoi_app.gui.board.qimages import as_qimage, resized
from aoi_app.gui.board.view import BoardView
from aoi_app.gui.class_colours import class_colour
from aoi_app.gui.theme import colour

SIDE = 168
EDGE = 14


class Minimap(QWidget):
    """Lies in the corner of a board view; seen only while that shows less than the whole board."""

    def __init__(self, view: BoardView) -> None:
        super().__init__(view)
        self._view = view
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        view.moved.connect(self._on_moved)
        self.hide()

    def sizeHint(self) -> QSize:
        """Return the board's shape, its longer side `SIDE` pixels."""
        width, lines = self._view.board_size
        factor = SIDE / max(width, lines)
        return QSize(max(24, round(width * factor)), max(24, round(lines * factor)))

    def _on_moved(self) -> None:
        width, lines = self._view.board_size
        x1, y1, x2, y2 = self._view.viewport.visible()
        part = x1 > 1 or y1 > 1 or x2 < width - 1 or y2 < lines - 1
        if self._view.picture is None or not part:
            self.hide()
            return
        size = self.sizeHint()
        self.setGeometry(self._view.width() - size.width() - EDGE, EDGE, size.width(), size.height())
        self.show()
        self.update()

    @property
    def _factor(self) -> float:
        return self.width() / self._view.board_size[0]

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the coarsest level, the defects as dots and the part in view as a frame."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), colour("canvas_line"))
        picture = self._view.picture
        if picture is None:
            return
        factor = self._factor
        coarse = picture.levels[-1][: picture.lines >> (len(picture.levels) - 1)]
        height = min(self.height(), round(picture.lines * factor))
        if coarse.size and height > 0:
            painter.drawImage(0, 0, as_qimage(resized(coarse, self.width(), height)))
        painter.setPen(Qt.PenStyle.NoPen)
        for box, code in zip(picture.marks.boxes[:400].tolist(), picture.marks.codes[:400], strict=True):
            painter.setBrush(class_colour(code))
            painter.drawRect(QRectF((box[0] + box[2]) / 2 * factor - 2, (box[1] + box[3]) / 2 * factor - 2, 4, 4))
        x1, y1, x2, y2 = (v * factor for v in self._view.viewport.visible())
        painter.setBrush(Qt.BrushStyle.NoBrush)
        frame = QRectF(QPointF(x1, y1), QPointF(x2, y2)).intersected(QRectF(self.rect()).adjusted(1, 1, -1, -1))
        for shade, width in ((Qt.GlobalColor.black, 3), (Qt.GlobalColor.white, 1)):
            painter.setPen(QPen(shade, width))
            painter.drawRect(frame)
        painter.setPen(QPen(colour("strong_line"), 1))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _go(self, event: QMouseEvent) -> None:
        self._view.go_to(event.position().x() / self._factor, event.position().y() / self._factor)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go to the place under the cursor."""
        self._go(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with the button held."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._go(event)
