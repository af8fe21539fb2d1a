"""Shows a board while it is scanned and afterwards: zoom, pan, boxes; fluid at 16,384 x 16,384 pixels.

Each paint crops the part in view from the right level of the pyramid and resizes it to the screen, which takes a few
milliseconds whatever the size of the board (docs/decisions has the measured alternatives).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QToolTip, QWidget

from aoi_app.gui.board.marks_painter import draw_gaps, draw_marks
from aoi_app.gui.board.picture import BoardPicture
from aoi_app.gui.board.qimages import as_qimage, resized
from aoi_app.gui.board.viewport import Viewport
from aoi_app.gui.lag import PaintMeter
from aoi_app.gui.texts import defect_title, labelled, say, tr
from aoi_app.gui.theme import colour, ui_font

MOST_HZ = 60.0
ZOOM_STEP = 1.25
PAN_STEP = 80.0
CLICK_REACH = 6.0
DRAG_PX = 4


class Mode(Enum):
    """What moves the view: nothing but the board's size, the scan, or the operator."""

    FIT = "fit"
    FOLLOW = "follow"
    FREE = "free"


class BoardView(QWidget):
    """A picture of a board.

    `show_picture` may be called at any rate: paints are coalesced and limited to `MOST_HZ`.
    """

    moved = Signal()
    """Another part of the board came into view, or another board."""
    mode_changed = Signal(Mode)
    defect_clicked = Signal(int)
    """Index into the picture's marks; -1 for a click beside all of them."""

    def __init__(self, parent: QWidget | None = None, empty_text: str = "No board yet") -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        say(self, "setAccessibleName", "Picture of the board")
        self.setMinimumSize(240, 160)
        self.meter = PaintMeter()
        self._empty_text = empty_text
        self._picture: BoardPicture | None = None
        self._viewport = Viewport(1, 1)
        self._mode = Mode.FIT
        self._expected_lines = 0
        self._selected: int | None = None
        self._drag: tuple[QPointF, QPointF] | None = None
        self._dragged = False
        self._show_marks = True
        self._painted = 0.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.update)

    # What is shown

    @property
    def picture(self) -> BoardPicture | None:
        """The board on show."""
        return self._picture

    @property
    def viewport(self) -> Viewport:
        """The part in view, in device pixels."""
        return self._viewport

    @property
    def mode(self) -> Mode:
        """What moves the view."""
        return self._mode

    @property
    def board_size(self) -> tuple[float, float]:
        """Width and length of the board in pixels: the length that is expected while it is being scanned."""
        if self._picture is None:
            return 1.0, 1.0
        lines = self._picture.lines
        if not self._picture.whole:
            lines = max(lines, self._expected_lines or self._picture.width)
        return float(self._picture.width), float(lines)

    def show_picture(self, picture: BoardPicture | None) -> None:
        """Show a board, or more of the one on show."""
        old, self._picture = self._picture, picture
        if picture is not None and picture.whole:
            self._expected_lines = picture.lines
        if old is None or picture is None or old.board_id != picture.board_id:
            self._selected = None
        self._follow_mode()
        self._schedule()

    def say_when_empty(self, text: str) -> None:
        """Say something else where there is no board to show."""
        self._empty_text = text
        self._schedule()

    def select(self, index: int | None, centre: bool = False) -> None:
        """Mark one box; `centre` brings it into view."""
        self._selected = index
        if centre and index is not None and self._picture is not None and index < len(self._picture.marks):
            x1, y1, x2, y2 = self._picture.marks.boxes[index].tolist()
            self._set_mode(Mode.FREE)
            self._viewport = self._viewport.centred((x1, y1, x2, y2), self.board_size)
            self.moved.emit()
        self._schedule()

    def set_marks_shown(self, shown: bool) -> None:
        """Show or hide the boxes."""
        self._show_marks = shown
        self._schedule()

    # Moving

    def fit(self) -> None:
        """Show the whole board."""
        self._set_mode(Mode.FIT)

    def follow(self) -> None:
        """Show the full width and stay at the newest line."""
        self._set_mode(Mode.FOLLOW)

    def actual_size(self) -> None:
        """Show one board pixel per screen pixel, around the same centre."""
        self._zoom(1 / self._viewport.scale, self._viewport.width / 2, self._viewport.height / 2)

    def zoom_in(self) -> None:
        """Zoom in around the centre."""
        self._zoom(ZOOM_STEP, self._viewport.width / 2, self._viewport.height / 2)

    def zoom_out(self) -> None:
        """Zoom out around the centre."""
        self._zoom(1 / ZOOM_STEP, self._viewport.width / 2, self._viewport.height / 2)

    def pan(self, dx: float, dy: float) -> None:
        """Move the picture by screen pixels."""
        self._set_mode(Mode.FREE)
        self._viewport = self._viewport.panned(dx, dy, self.board_size)
        self.moved.emit()
        self._schedule()

    def set_viewport(self, viewport: Viewport) -> None:
        """Show the same part as another view does."""
        self._set_mode(Mode.FREE)
        self._viewport = viewport.resized(self._viewport.width, self._viewport.height)
        self._schedule()

    def go_to(self, x: float, y: float) -> None:
        """Centre a board position."""
        view = self._viewport
        self.pan((view.x - x) * view.scale, (view.y - y) * view.scale)

    def _zoom(self, factor: float, x: float, y: float) -> None:
        self._set_mode(Mode.FREE)
        self._viewport = self._viewport.zoomed(factor, x, y, self.board_size)
        self.moved.emit()
        self._schedule()

    def _set_mode(self, mode: Mode) -> None:
        changed, self._mode = mode is not self._mode, mode
        self._follow_mode()
        if changed:
            self.mode_changed.emit(mode)
        self._schedule()

    def _follow_mode(self) -> None:
        if self._picture is not None:
            if self._mode is Mode.FIT:
                self._viewport = self._viewport.fitted(self.board_size)
            elif self._mode is Mode.FOLLOW:
                self._viewport = self._viewport.following(self._picture.width, self._picture.lines)
        self.moved.emit()

    def _schedule(self) -> None:
        if not self._timer.isActive():
            self._timer.start(max(0, round((self._painted + 1 / MOST_HZ - time.perf_counter()) * 1000)))

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the part in view."""
        self._painted = time.perf_counter()
        self.meter.count()
        painter = QPainter(self)
        painter.fillRect(self.rect(), colour("canvas"))
        if self._picture is None:
            self._paint_empty(painter)
        else:
            ratio = self.devicePixelRatioF()
            painter.save()
            painter.scale(1 / ratio, 1 / ratio)
            self._paint_board(painter, self._picture)
            painter.restore()
        if self.hasFocus():
            painter.setPen(QPen(colour("act"), 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))

    def _paint_empty(self, painter: QPainter) -> None:
        painter.setPen(colour("faint"))
        painter.setFont(ui_font(13))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, tr(self._empty_text))

    def _paint_board(self, painter: QPainter, picture: BoardPicture) -> None:
        view = self._viewport
        window = QRectF(0, 0, view.width, view.height)
        left, top, _, _ = view.visible()
        width, lines = self.board_size
        whole = QRectF(-left * view.scale, -top * view.scale, width * view.scale, lines * view.scale)
        if not picture.whole:
            painter.fillRect(whole, QColor(colour("canvas_line")))
        patch = view.patch(picture.width, picture.lines, len(picture.levels))
        if patch is not None:
            (r0, r1), (c0, c1) = patch.rows, patch.columns
            pixels = resized(picture.levels[patch.level][r0:r1, c0:c1], patch.width, patch.height)
            painter.drawImage(QPoint(patch.x, patch.y), as_qimage(pixels))
            draw_gaps(painter, picture.gaps, patch, picture.width)
            if self._show_marks:
                draw_marks(painter, picture.marks, patch, window, self._selected)
        if not picture.whole:
            y = whole.top() + picture.lines * view.scale
            painter.setPen(QPen(colour("act"), 2))
            painter.drawLine(QPointF(whole.left(), y), QPointF(whole.right(), y))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the centre, or the whole board, in view."""
        ratio = self.devicePixelRatioF()
        self._viewport = self._viewport.resized(round(self.width() * ratio), round(self.height() * ratio))
        self._follow_mode()
        self._schedule()

    # Mouse and keys

    def _device(self, point: QPointF) -> QPointF:
        return point * self.devicePixelRatioF()

    def _mark_at(self, point: QPointF) -> int | None:
        if self._picture is None or not self._show_marks:
            return None
        at = self._device(point)
        x, y = self._viewport.to_board(at.x(), at.y())
        return self._picture.marks.at(x, y, CLICK_REACH / self._viewport.scale)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom at the cursor; with Shift, pan across."""
        steps = event.angleDelta()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.pan((steps.y() or steps.x()) / 120 * PAN_STEP, 0)
        elif steps.y():
            at = self._device(event.position())
            self._zoom(ZOOM_STEP ** (steps.y() / 120), at.x(), at.y())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take hold of the picture."""
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._drag = (event.position(), event.position())
            self._dragged = False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag the picture, or tell what is under the cursor."""
        if self._drag is None:
            self._tell_mark(event)
            return
        first, last = self._drag
        if not self._dragged and (event.position() - first).manhattanLength() < DRAG_PX:
            return
        self._dragged = True
        self.setCursor(Qt.CursorShape.ClosedHandCursor)
        step = self._device(event.position() - last)
        self._drag = (first, event.position())
        self.pan(step.x(), step.y())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let go; a click without a drag selects a defect."""
        if self._drag is not None and not self._dragged and event.button() == Qt.MouseButton.LeftButton:
            index = self._mark_at(event.position())
            self.select(index)
            self.defect_clicked.emit(-1 if index is None else index)
        self._drag = None
        self.unsetCursor()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Show the whole board, or one to one when it is shown already."""
        if self._mode is Mode.FIT:
            at = self._device(event.position())
            self._zoom(1 / self._viewport.scale, at.x(), at.y())
        else:
            self.fit()

    def _tell_mark(self, event: QMouseEvent) -> None:
        index = self._mark_at(event.position())
        if index is None or self._picture is None:
            QToolTip.hideText()
            return
        QToolTip.showText(event.globalPosition().toPoint(), mark_text(self._picture, index), self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Zoom with + and -, fit with F, one to one with 1, follow with S, pan with the arrows."""
        keys: dict[Qt.Key, Callable[[], None]] = {
            Qt.Key.Key_Plus: self.zoom_in,
            Qt.Key.Key_Equal: self.zoom_in,
            Qt.Key.Key_Minus: self.zoom_out,
            Qt.Key.Key_F: self.fit,
            Qt.Key.Key_1: self.actual_size,
            Qt.Key.Key_S: self.follow,
            Qt.Key.Key_Left: lambda: self.pan(PAN_STEP, 0),
            Qt.Key.Key_Right: lambda: self.pan(-PAN_STEP, 0),
            Qt.Key.Key_Up: lambda: self.pan(0, PAN_STEP),
            Qt.Key.Key_Down: lambda: self.pan(0, -PAN_STEP),
        }
        act = keys.get(Qt.Key(event.key()))
        if act is None:
            super().keyPressEvent(event)
        else:
            act()

    def leaveEvent(self, event: QEvent) -> None:
        """Hide what was told of a mark."""
        QToolTip.hideText()
        super().leaveEvent(event)

    def retranslate(self) -> None:
        """Draw the texts anew."""
        self.update()


def mark_text(picture: BoardPicture, index: int) -> str:
    """Return what is known of a mark, as lines of text."""
    marks = picture.marks
    box = marks.defects[index].box if index < len(marks.defects) else marks.boxes[index].tolist()
    x1, y1, x2, y2 = box
    lines = [
        f"{defect_title(marks.codes[index], marks.component(index))}  {marks.confidences[index]:.1%}",
        tr("x {x:.0f}, y {y:.0f}, {w:.0f} x {h:.0f} px", x=x1, y=y1, w=x2 - x1, h=y2 - y1),
    ]
    if index < len(marks.defects):
        defect = marks.defects[index]
        lines += [tr("{size:.0f} µm", size=defect.size_um)] if defect.size_um is not None else []
        lines += [labelled(tr("Component"), defect.component)] if defect.component else []
        lines += [labelled(tr("Region"), defect.region)] if defect.region else []
        lines += [] if defect.counts else [tr("tolerated by the recipe")]
    return "\n".join(lines)
