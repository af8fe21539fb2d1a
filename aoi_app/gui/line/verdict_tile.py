"""The verdict of the last board, legible at three metres."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from aoi_app.core.inspection import Inspection, Verdict
from aoi_app.gui.line.verdict_looks import LAMPS, LOOKS, WAITING, VerdictLook
from aoi_app.gui.texts import defect_name, message, tr
from aoi_app.gui.theme import colour, millimetres, ui_font

CAP_HEIGHT_MM = 20.0
"""Height of the word's capitals: at 3 m, 20 mm are seen under 23 minutes of arc (ISO 9241-303 asks for 16 or more)."""
PAD = 14.0
STRIPE = 12


class VerdictTile(QWidget):
    """Word, sign, place of the sign and colour all say the verdict; any of the four is enough."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._inspection: Inspection | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumHeight(self.sizeHint().height())

    def sizeHint(self) -> QSize:
        """Return a size in which the word has its height in millimetres."""
        return QSize(380, round(min(millimetres(CAP_HEIGHT_MM), 130) + 4 * PAD + 44))

    def show_inspection(self, inspection: Inspection | None) -> None:
        """Show a verdict; None waits for one."""
        if inspection is not self._inspection:
            self._inspection = inspection
            self.setAccessibleName(self.word)
            self.setToolTip(self._reason())
            self.update()

    def retranslate(self) -> None:
        """Draw the word anew."""
        self.setAccessibleName(self.word)
        self.setToolTip(self._reason())
        self.update()

    @property
    def look(self) -> VerdictLook:
        """How the verdict on show looks."""
        return LOOKS[self._inspection.verdict] if self._inspection else WAITING

    @property
    def word(self) -> str:
        """The word on show."""
        return tr(self.look.word)

    def _reason(self) -> str:
        inspection = self._inspection
        if inspection is None:
            return tr("The verdict stands here as soon as a board has passed.")
        if inspection.verdict is Verdict.FAILED:
            return failing_text(inspection)
        return message(inspection.reason) if inspection.reason else ""

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw rim, column of signs, word, and the board it is about."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        look = self.look
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(colour(look.edge), 1))
        painter.setBrush(colour(look.back))
        painter.drawRoundedRect(box, 6, 6)
        if look.striped:
            self._draw_stripes(painter, box, look)
            box = box.adjusted(0, STRIPE / 2, 0, -STRIPE / 2)
        footer = 46.0
        inner = box.adjusted(PAD + 4, PAD + 2, -PAD - 4, -PAD - footer)
        sign = inner.height() / 3
        self._draw_lamps(painter, QRectF(inner.left(), inner.top(), sign, inner.height()), look)
        self._draw_word(painter, inner.adjusted(sign + PAD, 0, 0, 0), look)
        self._draw_board(painter, QRectF(inner.left(), box.bottom() - footer - PAD / 2, inner.width(), footer), look)

    def _draw_stripes(self, painter: QPainter, box: QRectF, look: VerdictLook) -> None:
        painter.save()
        painter.setClipRect(box)
        painter.setPen(QPen(colour(look.front), STRIPE / 2))
        for y in (box.top(), box.bottom() - STRIPE):
            painter.setClipRect(QRectF(box.left() + 2, y + 2, box.width() - 4, STRIPE - 4))
            for k in range(-1, int(box.width() / STRIPE) + 2):
                x = box.left() + k * STRIPE * 1.4
                painter.drawLine(QPointF(x, y + STRIPE), QPointF(x + STRIPE, y))
        painter.restore()

    def _draw_lamps(self, painter: QPainter, column: QRectF, look: VerdictLook) -> None:
        """Draw three places, one above the other; only the verdict's own sign is lit."""
        side = column.width()
        for place, verdict in enumerate(LAMPS):
            box = QRectF(column.left(), column.top() + place * side, side, side).adjusted(2, 3, -4, -3)
            box.setWidth(box.height())
            lit = look.lamp == place
            shade = QColor(colour(look.front))
            shade.setAlphaF(1.0 if lit else 0.22)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(shade, 2.5 if lit else 1))
            if lit:
                look.shape(painter, box)
            else:
                painter.drawRoundedRect(box, 4, 4) if verdict is None else LOOKS[verdict].shape(painter, box)

    def _draw_word(self, painter: QPainter, room: QRectF, look: VerdictLook) -> None:
        word = self.word
        font = ui_font(bold=True)
        font.setPixelSize(100)
        metrics = QFontMetricsF(font)
        ink = metrics.tightBoundingRect(word)
        size = 100 * min(room.width() / max(ink.width(), 1), room.height() / max(ink.height(), 1))
        if look is WAITING:
            size *= 0.6
        font.setPixelSize(max(8, int(size)))
        ink = QFontMetricsF(font).tightBoundingRect(word)
        painter.setFont(font)
        painter.setPen(colour(look.front))
        painter.drawText(QPointF(room.left() - ink.left(), room.center().y() - ink.center().y()), word)

    def _draw_board(self, painter: QPainter, room: QRectF, look: VerdictLook) -> None:
        inspection = self._inspection
        painter.setPen(colour(look.front))
        lower = QRectF(room.left(), room.center().y() - 1, room.width(), room.height() / 2)
        if inspection is None:
            _elided(painter, lower, self._reason(), 10)
            return
        upper = QRectF(room.left(), room.top(), room.width(), room.height() / 2)
        ms = inspection.latency_ms.get("verdict")
        late = "" if ms is None else tr("{ms:.0f} ms after the last line", ms=ms)
        width = QFontMetricsF(ui_font(10)).horizontalAdvance(late) + 8
        _elided(painter, upper.adjusted(0, 0, -width, 0), inspection.serial, 11, bold=True)
        painter.setFont(ui_font(10))
        painter.drawText(upper, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, late)
        _elided(painter, lower, self._reason() or seen_text(inspection), 10)


def failing_text(inspection: Inspection) -> str:
    """Return the number of failing defects by class, such as "2 x short, 1 x open"."""
    counts: dict[str, int] = {}
    for defect in inspection.defects:
        if defect.counts:
            counts[defect.defect_code] = counts.get(defect.defect_code, 0) + 1
    return tr(", ").join(f"{n} × {defect_name(code)}" for code, n in sorted(counts.items(), key=lambda kv: -kv[1]))


def seen_text(inspection: Inspection) -> str:
    """Return what was seen of a board that nothing more is said of; only one that passed may be without a defect."""
    lines = f"{inspection.completeness.lines:,}"
    if inspection.verdict is not Verdict.PASSED:
        return tr("{lines} lines", lines=lines)
    if inspection.defects:
        return tr("{lines} lines, {n} tolerated by the recipe", lines=lines, n=len(inspection.defects))
    return tr("{lines} lines, no defect", lines=lines)


def _elided(painter: QPainter, room: QRectF, text: str, points: float, bold: bool = False) -> None:
    font = ui_font(points, bold)
    painter.setFont(font)
    short = QFontMetricsF(font).elidedText(text, Qt.TextElideMode.ElideRight, room.width())
    painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, short)
