"""The review page: one defect at a time, one key each, and on to the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QLabel, QStackedWidget, QVBoxLayout, QWidget

from aoi_app.core.errors import AoiError
from aoi_app.core.inspection import Verification
from aoi_app.gui.background import Background, Callback
from aoi_app.gui.review.desk import BoardWork, Decision, Desk
from aoi_app.gui.review.keys import ACTS, Act, keys_of
from aoi_app.gui.review.loading import ReadGolden
from aoi_app.gui.review.source import BoardSource, Found
from aoi_app.gui.review.work_view import WorkView
from aoi_app.gui.services import HistoryReader, Reviewing
from aoi_app.gui.texts import message, tr
from aoi_app.storage.claims import LEASE_S
from aoi_app.storage.review import AlreadyReviewed, Reviewed

LOOK_AGAIN_MS = 2_000
HOLD_S = LEASE_S / 3
SLIDE_KEYS = {Qt.Key.Key_Left: -0.05, Qt.Key.Key_Right: 0.05}


class ReviewPage(QWidget):
    """Clears failed boards.

    Everything that touches the record runs in one worker thread, in order. The next defect is shown at once; a
    decision that could not be recorded brings its defect back, with the reason. The board in hand and the next one are
    claimed, so that another window goes on with others.

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
        self._reviewer, self._may = reviewer, may
        self.source = BoardSource(open_review, open_history, read_golden)
        self._background = Background(self, "review")
        self.desk = desk or Desk()
        self._ready: BoardWork | None = None
        self._seen: set[str] = set()
        self._found: Found | None = None
        self._looking = False
        self._held = time.monotonic()
        self._number = 0
        self.view = WorkView(self)
        self.view.act.connect(self.do)
        self._done = QLabel(self)
        self._done.setProperty("role", "heading")
        self._done.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.problem = QLabel(self)
        self.problem.setProperty("role", "problem")
        self.problem.setWordWrap(True)
        self.problem.hide()
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self.view)
        self._stack.addWidget(self._done)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.problem)
        layout.addWidget(self._stack)
        self._shortcuts: dict[str, QShortcut] = {}
        self.use_keys(keys or {})
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_AGAIN_MS)
        self._timer.timeout.connect(self._on_timer)
        self._show()

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
        native = QKeySequence.SequenceFormat.NativeText
        self.view.name_keys({name: s.key().toString(native) for name, s in self._shortcuts.items()})

    # What a reviewer does

    def do(self, act: Act) -> None:
        """Carry out an act."""
        if not self._may() and act.name not in ("compare", "skip"):
            self._tell(tr("Log in to review boards."))
            return
        if act.state is not None:
            self._decide(act.state)
        else:
            {"undo": self._undo, "skip": self._skip, "compare": self.view.next_way}[act.name]()

    def _decide(self, state: Verification) -> None:
        decision = self.desk.decide(state)
        if decision is None:
            return
        reviewer = self._reviewer()
        self._in_order(
            lambda: self.source.verify(decision.defect.id, state, reviewer, decision.seconds),
            lambda _reviewed: self.decided.emit(decision),
            lambda error: self._on_refused(decision, error),
        )
        self._tell("")
        self._go_on()

    def _undo(self) -> None:
        reviewer = self._reviewer()
        self._in_order(lambda: self.source.take_back(reviewer), self._on_taken_back, self._on_failed)

    def _skip(self) -> None:
        if not self.desk.skip():
            put_off = self._in_hand()
            self._seen.update(put_off)
            self._give_back(put_off)
            self.desk.take(None)
        self._go_on()

    def _go_on(self) -> None:
        if self.desk.defect is None:
            self.desk.take(self._ready)
            self._ready = None
            self._fetch()
        self._show()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move the slide with the arrow keys."""
        step = SLIDE_KEYS.get(Qt.Key(event.key()))
        if step is None or not self.view.compare.move_slide(step):
            super().keyPressEvent(event)

    # The record, in the worker thread

    def _in_order(self, work: Callable[[], object], then: Callback, failed: Callable[[Exception], None]) -> None:
        self._number += 1
        self._background.run(f"act {self._number}", work, then, failed)

    def _in_hand(self) -> frozenset[str]:
        return frozenset() if self.desk.work is None else frozenset({self.desk.work.record.row.board_id})

    def _give_back(self, boards: Collection[str]) -> None:
        self._in_order(lambda: self.source.give_back(boards), lambda _: None, self._on_failed)

    def _fetch(self) -> None:
        """Read the next board while this one is in hand."""
        known, seen = self._in_hand(), frozenset(self._seen)
        reviewer, self._looking = self._reviewer() if self._may() else None, True
        self._background.run(
            "next", lambda: self.source.next_board(known, seen, reviewer), self._on_next, self._on_not_found
        )

    def _on_next(self, found: Found) -> None:
        self._found, self._looking = found, False
        if self.desk.defect is None:
            self.desk.take(found.work)
            if found.work is not None:
                self._found = replace(found, waiting=found.waiting - 1)  # it is in hand now
                self._fetch()
            self._show()
        else:
            self._ready = found.work
            self.view.show_progress(self.desk.place, found.waiting)

    def _on_not_found(self, error: Exception) -> None:
        self._looking = False
        self._on_failed(error)

    def _on_refused(self, decision: Decision, error: Exception) -> None:
        if not isinstance(error, AlreadyReviewed):
            # Not recorded: it must be decided again.
            self.desk.put_back(decision)
        self._on_failed(error)
        self._show()

    def _on_taken_back(self, found: tuple[Reviewed, BoardWork | None, str] | None) -> None:
        if found is None:
            self._tell(tr("There is nothing to take back."))
            return
        reviewed, work, other = found
        if other:
            self._tell(tr("Taken back. {name} has this board in hand now.", name=other))
            return
        put_by = [w.record.row.board_id for w in (self._ready, self.desk.work) if w is not None]
        self._ready = None
        self.desk.take(work, first=reviewed.defect_id)
        self._give_back([board for board in put_by if board != reviewed.board_id])
        self._fetch()
        self._show()

    def _on_failed(self, error: Exception) -> None:
        if not isinstance(error, AoiError):
            raise error
        self._tell(f"{message(error.what)}\n{message(error.hint)}".strip())

    def _tell(self, text: str) -> None:
        """Say what went wrong, until the next decision."""
        self.problem.setText(text)
        self.problem.setVisible(bool(text))

    def _hold(self) -> None:
        """Hold on to what is in hand; another window may have taken it while this one slept."""
        boards = [w.record.row.board_id for w in (self.desk.work, self._ready) if w is not None]
        if not boards or not self._may():
            return
        reviewer, self._held = self._reviewer(), time.monotonic()
        self._background.run("hold", lambda: self.source.hold(boards, reviewer), self._on_held, self._on_failed)

    def _on_held(self, taken: Mapping[str, str]) -> None:
        if self._ready is not None and self._ready.record.row.board_id in taken:
            self._ready = None
        for board in self._in_hand() & taken.keys():
            self.desk.take(None)
            self._go_on()
            self._tell(tr("{name} has taken the board that was on show.", name=taken[board]))

    def page_shown(self) -> None:
        """Look for boards, now and every two seconds while none is in hand."""
        self.setFocus()
        self._timer.start()
        self._hold()
        self._on_timer()

    def _on_timer(self) -> None:
        if not self.isVisible():
            self._timer.stop()
            return
        if time.monotonic() - self._held >= HOLD_S:
            self._hold()
        # Never while an answer is on its way: a look that takes longer than the timer would be dropped for ever.
        if not self._looking and (self.desk.defect is None or self._ready is None):
            self._fetch()

    # What is shown

    def _show(self) -> None:
        defect, work = self.desk.defect, self.desk.work
        self._stack.setCurrentIndex(0 if defect is not None else 1)
        if defect is not None and work is not None:
            self.view.show_defect(work, defect, self.desk.pictures)
        self.retranslate()

    def retranslate(self) -> None:
        """Write what depends on the queue anew."""
        found = self._found
        if found is None or (found.work is not None and self.desk.defect is None):
            # Not "nothing waits": there was a board at the last look, and the next answer is on its way.
            self._done.setText(tr("Looking for boards …"))
            return
        self.view.show_progress(self.desk.place, found.waiting)
        elsewhere = found.elsewhere
        said = [
            tr("Nothing waits for review"),
            tr("{n} boards are in hand elsewhere", n=elsewhere) if elsewhere else "",
        ]
        self._done.setText("\n".join(part for part in said if part))

    def close_page(self) -> None:
        """Write what was decided, then let go of the record."""
        self._timer.stop()
        self._in_order(self.source.close, lambda _: None, lambda _: None)
        self._background.finish()
