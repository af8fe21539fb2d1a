"""Where a desk gets its boards from: the record, shared with other windows. No Qt in it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass

from aoi_app.core.errors import AoiError
from aoi_app.core.inspection import Verification
from aoi_app.gui.review.desk import BoardWork
from aoi_app.gui.review.loading import ReadGolden, load_work
from aoi_app.gui.services import HistoryReader, Reviewing
from aoi_app.storage.review import Reviewed

QUEUE = 50


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a look at the queue gave.

    Attributes
    ----------
    work
        The next board; None where there is none.
    waiting
        Boards that wait, those in hand left out.
    elsewhere
        Boards that other windows have in hand.
    """

    work: BoardWork | None = None
    waiting: int = 0
    elsewhere: int = 0


class BoardSource:
    """Reads boards, and records what is said of them. All calls come from one worker thread, except `holder`.

    Parameters
    ----------
    open_review, open_history
        Called until they return something: there is no record before the first board.
    """

    def __init__(
        self,
        open_review: Callable[[], Reviewing | None],
        open_history: Callable[[], HistoryReader | None],
        read_golden: ReadGolden,
    ) -> None:
        self.holder = uuid.uuid4().hex
        self.review: Reviewing | None = None
        self._open_review, self._open_history, self._read_golden = open_review, open_history, read_golden
        self._history: HistoryReader | None = None
        self._decided: list[tuple[str, int]] | None = None

    def next_board(self, known: Collection[str], seen: Collection[str], reviewer: str | None) -> Found:
        """Return the next board that nobody has in hand, taken in hand; those that were put off come last.

        Parameters
        ----------
        known
            Boards in hand.
        seen
            Boards that were put off: for others, until there is nothing else in hand.
        reviewer
            Who is to review it; None only looks, and takes nothing in hand.
        """
        review = self._opened()
        if review is None:
            return Found()
        found = review.queue(QUEUE, holder=self.holder)
        queue = [board for board in found if board not in known]
        more = 0 if len(found) < QUEUE else review.waiting(self.holder) - len(found)
        for board in sorted(queue, key=lambda board: board in seen):
            if board in seen and known:
                break
            if reviewer is not None and review.claim(board, self.holder, reviewer):
                continue
            work = self.board(board)
            if work is not None and work.waiting:
                return Found(work, len(queue) + more, review.elsewhere(self.holder))
            review.release(self.holder, [board])
        return Found(None, len(queue) + more, review.elsewhere(self.holder))

    def hold(self, boards: Collection[str], reviewer: str) -> dict[str, str]:
        """Hold boards on; return who has taken which of them meanwhile."""
        review = self._opened()
        if review is None:
            return {}
        answers = {board: review.claim(board, self.holder, reviewer) for board in boards}
        return {board: other for board, other in answers.items() if other}

    def give_back(self, boards: Collection[str]) -> None:
        """Let others have boards."""
        if self.review is not None:
            self.review.release(self.holder, boards)

    def verify(self, defect_id: int, state: Verification, reviewer: str, seconds: float) -> Reviewed:
        """Record a decision. Raises StoreError, AlreadyReviewed."""
        reviewed = self._needed().verify(defect_id, state, reviewer, seconds)
        self._decided = [*(self._decided or ()), (reviewer, defect_id)]
        return reviewed

    def take_back(self, reviewer: str) -> tuple[Reviewed, BoardWork | None, str] | None:
        """Take back the last decision; return its board, and who else has it in hand ("" for nobody).

        It is the last one of this window, because people at two windows may work under one name; only before the first
        decision here, as after a restart, it is the last one under that name. None when there is nothing left.
        """
        review = self._needed()
        if self._decided is None:
            reviewed = review.undo(reviewer)
        else:
            mine = next((k for k in reversed(range(len(self._decided))) if self._decided[k][0] == reviewer), None)
            reviewed = None if mine is None else review.undo(reviewer, 0.0, self._decided.pop(mine)[1])
        if reviewed is None:
            return None
        return reviewed, self.board(reviewed.board_id), review.claim(reviewed.board_id, self.holder, reviewer)

    def board(self, board_id: str) -> BoardWork | None:
        """Read a board with its pictures."""
        if self._history is None:
            self._history = self._open_history()
        record = None if self._history is None else self._history.board(board_id)
        return None if record is None else load_work(record, self._read_golden)

    def close(self) -> None:
        """Let others have what is in hand, and let go of the record. Raises StoreError."""
        try:
            if self.review is not None:
                self.review.release(self.holder)
        finally:
            for opened in (self.review, self._history):
                close = getattr(opened, "close", None)
                if close is not None:
                    close()

    def _opened(self) -> Reviewing | None:
        if self.review is None:
            self.review = self._open_review()
        return self.review

    def _needed(self) -> Reviewing:
        review = self._opened()
        if review is None:
            raise AoiError("There is no record to review yet.", "Let a board be inspected first.")
        return review
