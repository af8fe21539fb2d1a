"""The review page: one defect at a time, one key each, and on to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from aoi_app.core.errors import AoiError
from aoi_app.core.inspection import Verification
from aoi_app.gui.background import Background, Callback
from aoi_app.gui.board.picture import Marks, picture_of_image
from aoi_app.gui.board.view import BoardView
from aoi_app.gui.history.columns import local_time
from aoi_app.gui.history.record_dialog import FactsBlock
from aoi_app.gui.icons import icon
from aoi_app.gui.review.compare import CompareView, Way
from aoi_app.gui.review.desk import BoardWork, Decision, Desk
from aoi_app.gui.review.keys import ACTS, Act, keys_of
from aoi_app.gui.review.loading import ReadGolden, load_work
from aoi_app.gui.services import HistoryReader, Reviewing
from aoi_app.gui.texts import defect_name, message, say, tr
from aoi_app.gui.theme import millimetres
from aoi_app.storage.review import AlreadyReviewed, Reviewed

LOOK_AGAIN_MS = 2_000
QUEUE = 50
KEY_MM = 15.0
"""Height of the decision keys: 15 mm with a mouse at hand, more on a touch screen by its own scale."""
SIDE_WIDTH = 380


class ReviewPage(QWidget):
    """Clears failed boards.

    Everything that touches the record runs in one worker thread, in order. The next defect is shown at once; a
    decision that could not be recorded brings its defect back, with the reason.

    Parameters
    ----------
    open_review, open_history
        Called in the worker thread until they return something.
    reviewer
        Name of who decides.
    may
        Whether that person may decide.
    """

    decided = Signal(object)
    """A `Decision` was recorded."""

    def __init__(
        self,
        open_review: Callable[[], Reviewing | None],
        open_history: Callable[[], HistoryReader | None],
        read_golden: ReadGolden,
        reviewer: Callable[[], str],
        parent: QWidget,
        keys: Mapping[str, str] | None = None,
        desk: Desk | None = None,
        may: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__(parent)
        self._open_review, self._open_history = open_review, open_history
        self._read_golden, self._reviewer, self._may = read_golden, reviewer, may
        self._review: Reviewing | None = None
        self._history: HistoryReader | None = None
        self._background = Background(self, "review")
        self.desk = desk or Desk()
        self._ready: BoardWork | None = None
        self._seen: set[str] = set()
        self._waiting = 0
        self._number = 0
        self.compare = CompareView(self)
        self.map = BoardView(self, "No board in hand")
        self._stack = QStackedWidget(self)
        self._heading, self._progress, self._problem = QLabel(self), QLabel(self), QLabel(self)
        self._facts_place = QVBoxLayout()
        self._facts: QWidget | None = None
        self.buttons: dict[str, QPushButton] = {}
        self._shortcuts: dict[str, QShortcut] = {}
        self._lay_out()
        self.use_keys(keys or {})
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_AGAIN_MS)
        self._timer.timeout.connect(self._on_timer)
        self._show()

    # Putting together

    def _lay_out(self) -> None:
        for label, role in ((self._heading, "heading"), (self._progress, "muted"), (self._problem, "problem")):
            label.setProperty("role", role)
        self._problem.setWordWrap(True)
        self._problem.hide()
        head = QHBoxLayout()
        head.addWidget(self._heading)
        head.addSpacing(16)
        head.addWidget(self._progress, 1)
        self._ways = QButtonGroup(self)
        for number, way in enumerate(Way):
            button = QPushButton(self)
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            say(button, "setText", way.value)
            self._ways.addButton(button, number)
            head.addWidget(button)
        self._ways.button(0).setChecked(True)
        self._ways.idClicked.connect(lambda number: self.compare.set_way(list(Way)[number]))
        frame = QFrame(self)
        frame.setObjectName("panel")
        inside = QVBoxLayout(frame)
        inside.setContentsMargins(1, 1, 1, 1)
        inside.addWidget(self.compare)
        keys = QHBoxLayout()
        keys.setSpacing(10)
        for act in ACTS:
            if act.name != "compare":
                keys.addWidget(self._button(act), 3 if act.state else 2)
        left = QVBoxLayout()
        left.setSpacing(10)
        left.addLayout(head)
        left.addWidget(self._problem)
        left.addWidget(frame, 1)
        left.addLayout(keys)
        side = QFrame(self)
        side.setObjectName("panel")
        side.setFixedWidth(SIDE_WIDTH)
        right = QVBoxLayout(side)
        right.setContentsMargins(1, 1, 1, 12)
        right.addWidget(self.map, 1)
        self._facts_place.setContentsMargins(12, 4, 12, 0)
        right.addLayout(self._facts_place)
        work = QWidget(self)
        row = QHBoxLayout(work)
        row.setContentsMargins(10, 10, 10, 10)
        row.setSpacing(10)
        row.addLayout(left, 1)
        row.addWidget(side)
        done = QLabel(self)
        done.setProperty("role", "heading")
        done.setAlignment(Qt.AlignmentFlag.AlignCenter)
        say(done, "setText", "Nothing waits for review")
        self._stack.addWidget(work)
        self._stack.addWidget(done)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)

    def _button(self, act: Act) -> QPushButton:
        button = QPushButton(self)
        button.setMinimumHeight(min(millimetres(KEY_MM), 96))
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.setProperty("act", "decide" if act.state else "move")
        button.setIconSize(QSize(24, 24))
        button.clicked.connect(lambda _checked=False: self.do(act))
        self.buttons[act.name] = button
        return button

    def use_keys(self, changed: Mapping[str, str]) -> None:
        """Take other keys for the acts."""
        for shortcut in self._shortcuts.values():
            shortcut.deleteLater()
        self._shortcuts = {}
        for act in ACTS:
            shortcut = QShortcut(QKeySequence(keys_of(changed)[act.name]), self)
            # Wherever the focus is in the window: a pedal knows nothing of focus. Hidden pages hear nothing.
            shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
            # A key that is held down must not clear one defect after the other.
            shortcut.setAutoRepeat(False)
            shortcut.activated.connect(lambda act=act: self.do(act))
            self._shortcuts[act.name] = shortcut
        self.retranslate()

    # What a reviewer does

    def do(self, act: Act) -> None:
        """Carry out an act."""
        if not self._may() and act.name not in ("compare", "skip"):
            self._tell(tr("Log in to review boards."))
            return
        if act.state is not None:
            self._decide(act.state)
        else:
            {"undo": self._undo, "skip": self._skip, "compare": self._next_way}[act.name]()

    def _decide(self, state: Verification) -> None:
        decision = self.desk.decide(state)
        if decision is None:
            return
        reviewer = self._reviewer()
        self._in_order(
            lambda: self._reviewing().verify(decision.defect.id, state, reviewer, decision.seconds),
            lambda reviewed: self._on_recorded(decision, reviewed),
            lambda error: self._on_refused(decision, error),
        )
        self._problem.hide()
        self._go_on()

    def _undo(self) -> None:
        reviewer = self._reviewer()
        self._in_order(lambda: self._taken_back(reviewer), self._on_taken_back, self._on_failed)

    def _skip(self) -> None:
        if not self.desk.skip():
            if self.desk.work is not None:
                self._seen.add(self.desk.work.record.row.board_id)
            self.desk.take(None)
        self._go_on()

    def _next_way(self) -> None:
        number = (self._ways.checkedId() + 1) % len(Way)
        self._ways.button(number).setChecked(True)
        self.compare.set_way(list(Way)[number])

    def _go_on(self) -> None:
        if self.desk.defect is None:
            self.desk.take(self._ready)
            self._ready = None
            self._fetch()
        self._show()

    # The record, in the worker thread

    def _in_order(self, work: Callable[[], object], then: Callback, failed: Callable[[Exception], None]) -> None:
        self._number += 1
        self._background.run(f"act {self._number}", work, then, failed)

    def _reviewing(self) -> Reviewing:
        if self._review is None:
            self._review = self._open_review()
        if self._review is None:
            raise AoiError("There is no record to review yet.", "Let a board be inspected first.")
        return self._review

    def _board(self, board_id: str) -> BoardWork | None:
        if self._history is None:
            self._history = self._open_history()
        record = None if self._history is None else self._history.board(board_id)
        return None if record is None else load_work(record, self._read_golden)

    def _next_board(self, known: frozenset[str], seen: frozenset[str]) -> tuple[BoardWork | None, int]:
        """Return the next board that is not in hand, those that were put off last; and how many wait."""
        if self._review is None:
            self._review = self._open_review()
        if self._review is None:
            return None, 0
        waiting = [board for board in self._review.queue(QUEUE) if board not in known]
        for board in sorted(waiting, key=lambda board: board in seen):
            work = self._board(board)
            if work is not None and work.waiting:
                return work, len(waiting)
        return None, len(waiting)

    def _taken_back(self, reviewer: str) -> tuple[Reviewed, BoardWork | None] | None:
        reviewed = self._reviewing().undo(reviewer)
        return None if reviewed is None else (reviewed, self._board(reviewed.board_id))

    def _fetch(self) -> None:
        """Read the next board while this one is in hand."""
        known = frozenset() if self.desk.work is None else frozenset({self.desk.work.record.row.board_id})
        seen = frozenset(self._seen)
        self._background.run("next", lambda: self._next_board(known, seen), self._on_next, self._on_failed)

    def _on_next(self, found: tuple[BoardWork | None, int]) -> None:
        work, self._waiting = found
        if self.desk.defect is None:
            self.desk.take(work)
            if work is not None:
                self._fetch()
            self._show()
        else:
            self._ready = work
            self._write_progress()

    def _on_recorded(self, decision: Decision, reviewed: object) -> None:
        self.decided.emit(decision)

    def _on_refused(self, decision: Decision, error: Exception) -> None:
        if not isinstance(error, AlreadyReviewed):
            # Not recorded: it must be decided again.
            self.desk.put_back(decision)
        self._on_failed(error)
        self._show()

    def _on_taken_back(self, found: tuple[Reviewed, BoardWork | None] | None) -> None:
        if found is None:
            self._tell(tr("There is nothing to take back."))
            return
        reviewed, work = found
        self._ready = None
        self.desk.take(work, first=reviewed.defect_id)
        self._fetch()
        self._show()

    def _on_failed(self, error: Exception) -> None:
        if not isinstance(error, AoiError):
            raise error
        self._tell(f"{message(error.what)}\n{message(error.hint)}".strip())

    def _tell(self, text: str) -> None:
        self._problem.setText(text)
        self._problem.show()

    def page_shown(self) -> None:
        """Look for boards, now and every two seconds while none is in hand."""
        self.setFocus()
        self._timer.start()
        self._on_timer()

    def _on_timer(self) -> None:
        if not self.isVisible():
            self._timer.stop()
        elif self.desk.defect is None or self._ready is None:
            self._fetch()

    # What is shown

    def _show(self) -> None:
        defect, work = self.desk.defect, self.desk.work
        self._stack.setCurrentIndex(0 if defect is not None else 1)
        if defect is None or work is None:
            return
        box = None
        suspect = self.desk.pictures.suspect
        if defect.crop_box is not None and suspect is not None:
            left, top, right, _ = defect.crop_box
            factor = suspect.shape[1] / (right - left)
            x1, y1, x2, y2 = defect.defect.box
            box = ((x1 - left) * factor, (y1 - top) * factor, (x2 - left) * factor, (y2 - top) * factor)
        self.compare.show_pictures(self.desk.pictures, box)
        self._show_map(work, [d.id for d in work.record.defects].index(defect.id))
        self.retranslate()

    def _show_map(self, work: BoardWork, chosen: int) -> None:
        if work.preview is None:
            self.map.show_picture(None)
            return
        marks = Marks.of_defects([d.defect for d in work.record.defects])
        factor = work.preview.shape[1] / max(work.record.inspection.width, 1)
        boxes = (marks.boxes * factor).astype(np.float32)
        scaled = Marks(boxes, marks.codes, marks.confidences, marks.counts, marks.defects)
        self.map.show_picture(picture_of_image(work.record.row.board_id, work.preview, scaled))
        self.map.select(chosen)

    def _write_progress(self) -> None:
        if self.desk.work is None:
            return
        place, total = self.desk.place
        serial = self.desk.work.record.row.serial
        text = tr("Board {serial}: defect {k} of {n}", serial=serial, k=place, n=total)
        more = tr("{n} more boards wait", n=self._waiting) if self._waiting else ""
        self._progress.setText("    ".join(part for part in (text, more) if part))

    def retranslate(self) -> None:
        """Write everything anew."""
        for act in ACTS:
            if act.name in self.buttons:
                key = self._shortcuts[act.name].key().toString(QKeySequence.SequenceFormat.NativeText)
                self.buttons[act.name].setText(f"{tr(act.text)}   [{key}]")
                self.buttons[act.name].setIcon(icon(act.icon))
        defect = self.desk.defect
        if defect is None or self.desk.work is None:
            return
        self._heading.setText(f"{defect_name(defect.defect.defect_code)}  {defect.defect.confidence:.0%}")
        self._write_progress()
        if self._facts is not None:
            self._facts.hide()
            self._facts.deleteLater()
        x, y = (defect.defect.box[0] + defect.defect.box[2]) / 2, (defect.defect.box[1] + defect.defect.box[3]) / 2
        size = defect.defect.size_um
        row = self.desk.work.record.row
        facts = [
            ("Serial number", row.serial),
            ("Inspected", local_time(row.ended_us)),
            ("Recipe", tr("{name}, revision {n}", name=row.recipe, n=row.recipe_revision)),
            ("Severity", str(defect.defect.severity)),
            (
                "Place",
                ", ".join(p for p in (defect.defect.component, defect.defect.region) if p) or f"{x:,.0f}, {y:,.0f}",
            ),
            ("Size", "" if size is None else tr("{size:.0f} µm", size=size)),
        ]
        self._facts = FactsBlock("Defect", [(name, value) for name, value in facts if value], self)
        self._facts_place.addWidget(self._facts)

    def use_theme(self) -> None:
        """Draw the icons in the colours of the theme in use."""
        self.retranslate()

    def close_page(self) -> None:
        """Write what was decided, then let go of the record."""
        self._timer.stop()
        self._background.finish()
        for opened in (self._review, self._history):
            close = getattr(opened, "close", None)
            if close is not None:
                close()
