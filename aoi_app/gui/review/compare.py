"""The suspect beside the golden board: side by side, blinking, or with a slide."""

from __future__ import annotations

from enum import Enum

import numpy as np
from PySide6.QtCore import QPoint, QRect, Qt, QTimer
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from aoi_app.gui.board.qimages import owned_qimage
from aoi_app.gui.review.desk import DefectPictures
from aoi_app.gui.texts import tr
from aoi_app.gui.theme import colour, ui_font

BLINK_MS = 450
GAP = 10
CAPTION = 30

Box = tuple[float, float, float, float]


class Way(Enum):
    """How two pictures are compared."""

    BESIDE = "Side by side"
    BLINK = "Blink"
    SLIDE = "Slide"


class CompareView(QWidget):
    """Shows two pictures of the same place at the same scale; enlarged pixels stay squares."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(320, 240)
        self.setMouseTracking(True)
        self._suspect: QImage | None = None
        self._golden: QImage | None = None
        self._box: Box | None = None
        self._way = Way.BESIDE
        self._golden_now = False
        self._split = 0.5
        self._timer = QTimer(self)
        self._timer.setInterval(BLINK_MS)
        self._timer.timeout.connect(self._on_blink)

    @property
    def way(self) -> Way:
        """How the pictures are compared."""
        return self._way

    def set_way(self, way: Way) -> None:
        """Compare in another way."""
        self._way = way
        (self._timer.start if way is Way.BLINK else self._timer.stop)()
        self._golden_now = False
        self.update()

    def show_pictures(self, pictures: DefectPictures, box: Box | None) -> None:
        """Show other pictures.

        Parameters
        ----------
        box
            The defect in pixels of the pictures.
        """
        self._suspect, self._golden = (
            None if p is None else owned_qimage(np.ascontiguousarray(p)) for p in (pictures.suspect, pictures.golden)
        )
        self._box = box
        self._golden_now = False
        self.update()

    def _on_blink(self) -> None:
        self._golden_now = not self._golden_now
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the pictures in the way that was chosen."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), colour("canvas"))
        painter.setFont(ui_font(11))
        if self._suspect is None:
            painter.setPen(colour("faint"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, tr("The picture is no longer kept"))
        elif self._way is Way.BESIDE:
            half = (self.width() - 3 * GAP) // 2
            for number, (picture, caption) in enumerate(((self._suspect, "Board"), (self._golden, "Golden board"))):
                room = QRect(GAP + number * (half + GAP), 0, half, self.height())
                self._draw(painter, room, picture, caption)
        else:
            self._draw_over(painter, QRect(GAP, 0, self.width() - 2 * GAP, self.height()))

    def _draw_over(self, painter: QPainter, room: QRect) -> None:
        """Draw one picture over the other."""
        golden_on_top = self._golden is not None and self._golden_now
        shown, caption = (self._golden, "Golden board") if golden_on_top else (self._suspect, "Board")
        if self._way is Way.SLIDE and self._golden is not None:
            self._draw(painter, room, self._suspect, "Board | golden board")
            target = self._target(room, self._golden)
            x = target.left() + round(self._split * target.width())
            painter.save()
            painter.setClipRect(QRect(x, target.top(), target.right() - x + 1, target.height()))
            painter.drawImage(target, self._golden)
            painter.restore()
            painter.setPen(QPen(colour("act"), 3))
            painter.drawLine(QPoint(x, target.top()), QPoint(x, target.bottom()))
        else:
            self._draw(painter, room, shown, caption)
            if self._golden is None:
                self._draw_missing(painter, room)

    def _target(self, room: QRect, picture: QImage) -> QRect:
        inside = room.adjusted(0, CAPTION, 0, -GAP)
        size = picture.size().scaled(inside.size(), Qt.AspectRatioMode.KeepAspectRatio)
        target = QRect(QPoint(0, 0), size)
        target.moveCenter(inside.center())
        return target

    def _draw(self, painter: QPainter, room: QRect, picture: QImage | None, caption: str) -> None:
        painter.setPen(colour("muted"))
        painter.drawText(QRect(room.left(), 0, room.width(), CAPTION), Qt.AlignmentFlag.AlignCenter, tr(caption))
        if picture is None:
            self._draw_missing(painter, room)
            return
        target = self._target(room, picture)
        painter.drawImage(target, picture)
        if self._box is not None:
            sx, sy = target.width() / picture.width(), target.height() / picture.height()
            x1, y1, x2, y2 = self._box
            box = QRect(
                round(target.left() + x1 * sx),
                round(target.top() + y1 * sy),
                round((x2 - x1) * sx),
                round((y2 - y1) * sy),
            ).adjusted(-4, -4, 4, 4)
            for shade, width in (("canvas", 4), ("warn", 2)):
                painter.setPen(QPen(colour(shade), width))
                painter.drawRect(box)

    def _draw_missing(self, painter: QPainter, room: QRect) -> None:
        painter.setPen(colour("faint"))
        flags = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom | Qt.TextFlag.TextWordWrap
        whole = self._way is Way.BESIDE
        painter.drawText(
            room.adjusted(20, 0, -20, -24),
            Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap if whole else flags,
            tr("This product has no golden board"),
        )

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Move the slide with the cursor."""
        if self._way is Way.SLIDE and self._golden is not None:
            target = self._target(QRect(GAP, 0, self.width() - 2 * GAP, self.height()), self._golden)
            self._split = min(max((event.position().x() - target.left()) / max(target.width(), 1), 0.0), 1.0)
            self.update()

    def move_slide(self, step: float) -> bool:
        """Move the slide by a share of the picture; False when pictures are not compared so."""
        if self._way is not Way.SLIDE or self._golden is None:
            return False
        self._split = min(max(self._split + step, 0.0), 1.0)
        self.update()
        return True

    def retranslate(self) -> None:
        """Draw the captions anew."""
        self.update()
