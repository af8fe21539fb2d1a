"""The defects of the last board, worst first, each with its picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QImage, QPainter, QPen
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from aoi_app.core.inspection import Defect, Verdict
from aoi_app.core.scan import Pixels
from aoi_app.gui.board.qimages import thumbnail
from aoi_app.gui.class_colours import class_colour
from aoi_app.gui.texts import defect_title, say, tr
from aoi_app.gui.theme import colour, ui_font

THUMB = 72
AnyIndex = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()


def thumbnails(pictures: Sequence[Pixels | None]) -> tuple[QImage | None, ...]:
    """Return pictures of defects in the size of the list, None for one that there is not."""
    return tuple(None if pixels is None else thumbnail(pixels, 2 * THUMB) for pixels in pictures)


class DefectModel(QAbstractListModel):
    """Defects in the order of the judge: severity, then confidence."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.defects: tuple[Defect, ...] = ()
        self.crops: tuple[QImage | None, ...] = ()
        self.notes: tuple[str, ...] = ()

    def set_defects(
        self, defects: tuple[Defect, ...], crops: tuple[QImage | None, ...], notes: tuple[str, ...] = ()
    ) -> None:
        """Show other defects; `crops` and `notes` may be empty."""
        self.beginResetModel()
        self.defects = defects
        self.crops = crops or (None,) * len(defects)
        self.notes = notes or ("",) * len(defects)
        self.endResetModel()

    def rowCount(self, parent: AnyIndex = ROOT) -> int:
        """Return the number of defects."""
        return 0 if parent.isValid() else len(self.defects)

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a screen reader says, the tool tip, or the defect itself."""
        defect = self.defects[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            said = f"{defect_title(defect.defect_code, defect.component)} {defect.confidence:.0%}"
            return f"{said}, {note}" if (note := self.notes[index.row()]) else said
        if role == Qt.ItemDataRole.ToolTipRole:
            return self.notes[index.row()] or None
        if role == Qt.ItemDataRole.UserRole:
            return defect
        return None


class _Card(QStyledItemDelegate):
    """Draws a defect: picture, class, confidence, place and size."""

    def sizeHint(self, option: QStyleOptionViewItem, index: AnyIndex) -> QSize:
        return QSize(200, THUMB + 12)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: AnyIndex) -> None:
        model = index.model()
        assert isinstance(model, DefectModel)
        number = index.row()
        defect, crop, note = model.defects[number], model.crops[number], model.notes[number]
        rect: QRect = option.rect
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        painter.fillRect(rect, colour("selection" if selected else "field"))
        painter.fillRect(QRect(rect.left(), rect.bottom(), rect.width(), 1), colour("line"))
        stripe = QRect(rect.left(), rect.top() + 4, 6, rect.height() - 9)
        # Its rim: the brightest classes would be lost on a light ground.
        painter.fillRect(stripe, colour("strong_line"))
        painter.fillRect(stripe.adjusted(1, 1, -1, -1), class_colour(defect.defect_code))
        frame = QRect(rect.left() + 12, rect.top() + 5, THUMB, THUMB)
        painter.fillRect(frame, colour("canvas"))
        if crop is not None:
            size = crop.size().scaled(frame.size(), Qt.AspectRatioMode.KeepAspectRatio)
            target = QRect(frame.topLeft(), size)
            target.moveCenter(frame.center())
            painter.drawImage(target, crop)
        painter.setPen(QPen(colour("strong_line"), 1))
        painter.drawRect(frame)
        _draw_texts(painter, rect.adjusted(THUMB + 24, 8, -10, -8), defect, note, selected)
        painter.restore()


def _draw_texts(painter: QPainter, room: QRect, defect: Defect, note: str, selected: bool) -> None:
    place = defect.region
    x, y = (defect.box[0] + defect.box[2]) / 2, (defect.box[1] + defect.box[3]) / 2
    size = tr("{size:.0f} µm", size=defect.size_um) if defect.size_um is not None else ""
    below = [place or f"x {x:,.0f}  y {y:,.0f}", size if defect.counts else tr("tolerated by the recipe")]
    if note:
        below = ["    ".join(part for part in below if part), note]
    lines = (
        (defect_title(defect.defect_code, defect.component), 11.0, True, "text"),
        *((text, 9.5, False, "muted") for text in below),
    )
    right = f"{defect.confidence:.0%}"
    painter.setFont(ui_font(11, True))
    painter.setPen(QColor(colour("selection_text" if selected else "text")))
    painter.drawText(room, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop, right)
    used = QFontMetrics(painter.font()).horizontalAdvance(right) + 8
    step = room.height() / len(lines)
    for number, (text, points, bold, shade) in enumerate(lines):
        font = ui_font(points, bold)
        painter.setFont(font)
        painter.setPen(QColor(colour("selection_text" if selected else shade)))
        width = room.width() - (used if number == 0 else 0)
        line = QRect(room.left(), room.top() + round(number * step), width, round(step))
        text = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, width)
        painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)


class DefectList(QListView):
    """List of defects; choosing one tells which."""

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        say(self, "setAccessibleName", "Defects")
        self._model = DefectModel(self)
        self.setModel(self._model)
        self.setItemDelegate(_Card(self))
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._verdict: Verdict | None = None
        self.clicked.connect(self._on_clicked)
        self.activated.connect(self._on_clicked)

    def _on_clicked(self, index: QModelIndex) -> None:
        self.chosen.emit(index.row())

    @property
    def defects(self) -> tuple[Defect, ...]:
        """The defects on show."""
        return self._model.defects

    @property
    def placeholder(self) -> str:
        """What stands in place of the defects where there are none: only a board that passed is said to have none."""
        if self._verdict is None:
            return tr("No verdict yet")
        return tr("No defects") if self._verdict is Verdict.PASSED else tr("Defects not known")

    def show_defects(
        self,
        verdict: Verdict,
        defects: tuple[Defect, ...],
        crops: tuple[QImage | None, ...] = (),
        notes: tuple[str, ...] = (),
    ) -> None:
        """Show the defects of another board and its verdict, with a note on each where there are notes."""
        self._verdict = verdict
        self._model.set_defects(defects, crops, notes)

    def choose(self, row: int) -> None:
        """Mark a row, without telling anyone."""
        self.setCurrentIndex(self._model.index(row))
        if row < 0:
            self.clearSelection()

    def paintEvent(self, event: Any) -> None:
        """Draw the list, or why it is empty."""
        super().paintEvent(event)
        if not self._model.rowCount():
            painter = QPainter(self.viewport())
            painter.setPen(colour("faint"))
            painter.setFont(ui_font(11))
            painter.drawText(self.viewport().rect(), Qt.AlignmentFlag.AlignCenter, self.placeholder)

    def retranslate(self) -> None:
        """Draw the names anew."""
        self.viewport().update()
