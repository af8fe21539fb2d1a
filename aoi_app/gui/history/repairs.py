"""The record of what a repair station did: shared by the open records of a window."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from PySide6.QtWidgets import QWidget

from aoi_app.core.errors import AoiError
from aoi_app.core.inspection import Verdict, Verification
from aoi_app.gui.background import Background
from aoi_app.gui.services import HistoryReader, Reviewing
from aoi_app.storage.history import BoardRecord, DefectRow

AFTER: Mapping[Verification, tuple[Verification, ...]] = {
    Verification.DEFECT_CONFIRMED: (Verification.DEFECT_REPAIRED, Verification.DEFECT_CLOSED),
    Verification.DEFECT_REPAIRED: (Verification.DEFECT_CLOSED,),
}
"""What can be said next of a defect: of one that nobody has confirmed, nothing."""

Noted = Callable[[BoardRecord], None]
Failed = Callable[[Exception], None]


def waits_for_repair(record: BoardRecord, defect: DefectRow) -> bool:
    """Tell whether a defect was confirmed and nothing was done about it yet."""
    counts = defect.defect.counts and record.row.verdict is Verdict.FAILED
    return counts and defect.verification is Verification.DEFECT_CONFIRMED


def can_become(record: BoardRecord, defect: DefectRow | None, state: Verification | None) -> bool:
    """Tell whether a repair station can say `state` of a defect."""
    if defect is None or not defect.defect.counts or record.row.verdict is not Verdict.FAILED:
        return False
    return state in AFTER.get(defect.verification, ())


@dataclass(slots=True)
class _Opened:
    review: Reviewing
    history: HistoryReader


@dataclass(slots=True)
class Repairs:
    """Writes what a repair station did, in one worker thread, in order.

    Attributes
    ----------
    owner
        Widget that lives as long as this.
    open_review, open_history
        Called in the worker thread.
    reviewer
        Name of who says so.
    may
        Whether that person may decide.
    keys
        Keys of acts that differ from the usual ones.
    """

    owner: QWidget
    open_review: Callable[[], Reviewing | None]
    open_history: Callable[[], HistoryReader | None]
    reviewer: Callable[[], str]
    may: Callable[[], bool]
    keys: Callable[[], Mapping[str, str]]
    _opened: _Opened | None = None
    _number: int = 0
    _background: Background = field(init=False)

    def __post_init__(self) -> None:
        self._background = Background(self.owner, "repair")

    def note(self, board_id: str, defect: DefectRow, state: Verification, then: Noted, failed: Failed) -> None:
        """Say of a defect, in the state in which it is shown, what became of it; `then` gets the board as it is now."""
        reviewer = self.reviewer()

        def work() -> BoardRecord:
            # The time at a repair station is none that review takes.
            self._record().review.verify(defect.id, state, reviewer, 0.0, defect.verification)
            return self._board(board_id)

        self._in_order(work, then, failed)

    def take_back(self, board_id: str, defect_id: int, then: Noted, failed: Failed) -> None:
        """Take back what the person at the window said last of a defect."""
        reviewer = self.reviewer()

        def work() -> BoardRecord:
            self._record().review.undo(reviewer, 0.0, defect_id)
            return self._board(board_id)

        self._in_order(work, then, failed)

    def close(self) -> None:
        """Write what was said, then let go of the record."""
        self._in_order(self._let_go, lambda _: None, lambda _: None)
        self._background.finish()

    def _in_order(self, work: Callable[[], object], then: Callable[..., None], failed: Failed) -> None:
        self._number += 1
        self._background.run(f"note {self._number}", work, then, failed)

    def _record(self) -> _Opened:
        if self._opened is None:
            history, review = self.open_history(), self.open_review()
            if review is None or history is None:
                raise AoiError("There is no record to review yet.", "Let a board be inspected first.")
            self._opened = _Opened(review, history)
        return self._opened

    def _board(self, board_id: str) -> BoardRecord:
        record = self._record().history.board(board_id)
        if record is None:
            raise AoiError("This board is not in the record any more.", "Search for it again.")
        return record

    def _let_go(self) -> None:
        for opened in () if self._opened is None else (self._opened.review, self._opened.history):
            close = getattr(opened, "close", None)
            if close is not None:
                close()
