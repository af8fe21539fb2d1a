"""The reviewer's desk: boards one after the other, their defects in order, one decision at a time. No Qt in it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aoi_app.core.inspection import Verification
from aoi_app.core.scan import Pixels
from aoi_app.storage.history import BoardRecord, DefectRow
from aoi_app.storage.review import review_order

DWELL_S = 0.4
"""A decision that comes sooner after a defect came into view is a slip of the hand or a key that bounces."""


@dataclass(frozen=True, slots=True, eq=False)
class DefectPictures:
    """A defect and the same place on the golden board, the same size; None where there is no picture."""

    suspect: Pixels | None
    golden: Pixels | None


@dataclass(frozen=True, slots=True, eq=False)
class BoardWork:
    """A board with everything that its review needs.

    Attributes
    ----------
    preview
        The whole board, reduced.
    pictures
        By the defect's id.
    """

    record: BoardRecord
    preview: Pixels | None
    pictures: Mapping[int, DefectPictures]

    @property
    def waiting(self) -> tuple[DefectRow, ...]:
        """Defects that wait for a reviewer, in the order of review."""
        found = (d for d in self.record.defects if d.defect.counts and d.verification is Verification.NOT_VERIFIED_YET)
        return tuple(review_order(found))


@dataclass(frozen=True, slots=True)
class Decision:
    """What a reviewer said of a defect, and the seconds it took."""

    board_id: str
    defect: DefectRow
    state: Verification
    seconds: float


@dataclass(slots=True)
class Desk:
    """Holds the board in hand, and the place in it.

    Parameters
    ----------
    clock
        Seconds; injected so that the time spent can be checked.
    """

    clock: Callable[[], float] = time.monotonic
    work: BoardWork | None = None
    _left: list[DefectRow] = field(default_factory=list)
    _total: int = 0
    _since: float = 0.0

    def take(self, work: BoardWork | None, first: int | None = None) -> None:
        """Take a board in hand, or none.

        Parameters
        ----------
        first
            Id of the defect to begin with: one that a decision was just taken back from.
        """
        self.work = work
        self._left = list(work.waiting) if work else []
        self._total = len(self._left)
        chosen = next((k for k, d in enumerate(self._left) if d.id == first), 0)
        self._left = self._left[chosen:] + self._left[:chosen]
        self._since = self.clock()

    @property
    def defect(self) -> DefectRow | None:
        """The defect to decide on; None when the board has no more."""
        return self._left[0] if self._left else None

    @property
    def pictures(self) -> DefectPictures:
        """The pictures of that defect."""
        defect = self.defect
        nothing = DefectPictures(None, None)
        return nothing if defect is None or self.work is None else self.work.pictures.get(defect.id, nothing)

    @property
    def place(self) -> tuple[int, int]:
        """Number of the defect among those of the board, from 1, and how many there are."""
        return self._total - len(self._left) + 1, self._total

    def decide(self, state: Verification) -> Decision | None:
        """Decide on the defect in hand and go on to the next; None when it is too soon or there is none."""
        defect, seconds = self.defect, self.clock() - self._since
        if defect is None or self.work is None or seconds < DWELL_S:
            return None
        del self._left[0]
        self._since = self.clock()
        return Decision(self.work.record.row.board_id, defect, state, seconds)

    def skip(self) -> bool:
        """Put the defect behind the others of its board; False when there is no other."""
        if len(self._left) < 2:
            return False
        self._left.append(self._left.pop(0))
        self._since = self.clock()
        return True

    def put_back(self, decision: Decision) -> None:
        """Take up a defect again whose decision could not be recorded."""
        if self.work is not None and self.work.record.row.board_id == decision.board_id:
            self._left.insert(0, decision.defect)
            self._since = self.clock()
