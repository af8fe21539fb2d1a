"""The live picture: the newest lines, the newest below."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from aoi_app.core.scan import Pixels
from aoi_app.gui.board.qimages import as_qimage
from aoi_app.gui.texts import tr
from aoi_app.gui.theme import colour


class LivePicture(QWidget):
    """Shows a picture at the widget's width, its lower edge at the bottom; a sentence where there is none."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._pixels: Pixels | None = None
        self._image: QImage | None = None
        self._sentence = ""
        self.setMinimumSize(240, 120)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    @property
    def picture(self) -> Pixels | None:
        """What is on show."""
        return self._pixels

    def show_picture(self, pixels: Pixels | None, sentence: str = "") -> None:
        """Show a picture; without one, a sentence (English, of the table of texts)."""
        if pixels is self._pixels and sentence == self._sentence:
            return
        # The image shares the array's memory.
        self._pixels, self._sentence = pixels, sentence
        self._image = None if pixels is None else as_qimage(pixels)
        self.retranslate()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint it."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), colour("canvas"))
        if self._image is None:
            painter.setPen(colour("muted"))
            inside = self.rect().adjusted(24, 12, -24, -12)
            painter.drawText(inside, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, tr(self._sentence))
            return
        scale = self.width() / self._image.width()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, scale < 2)
        rows = min(float(self._image.height()), self.height() / scale)
        top = self._image.height() - rows
        source = QRectF(0, top, self._image.width(), rows)
        height = rows * scale
        painter.drawImage(
            QRectF(QPointF(0, self.height() - height), QPointF(self.width(), self.height())), self._image, source
        )

    def retranslate(self) -> None:
        """Write the sentence anew."""
        self.setAccessibleName(tr(self._sentence) if self._pixels is None else tr("Live picture"))
        self.update()

    def use_theme(self) -> None:
        """Paint in the colours of the theme in use."""
        self.update()
