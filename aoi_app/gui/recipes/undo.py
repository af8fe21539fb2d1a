"""What was edited, step by step: undo and redo. Pure."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")

MOST_STEPS = 200


class UndoStack(Generic[T]):
    """States one after the other; the newest is the one on show.

    Steps of one kind in a row (a spin box that is turned, a region that is nudged) are one step.
    """

    def __init__(self, first: T) -> None:
        self._states = [first]
        self._kinds = [""]
        self._at = 0

    @property
    def state(self) -> T:
        """The state on show."""
        return self._states[self._at]

    @property
    def can_undo(self) -> bool:
        """Whether there is a state before."""
        return self._at > 0

    @property
    def can_redo(self) -> bool:
        """Whether a state was undone."""
        return self._at + 1 < len(self._states)

    def push(self, state: T, kind: str = "") -> None:
        """Take a new state; what had been undone is gone."""
        if state == self.state:
            return
        same = bool(kind) and self._at > 0 and not self.can_redo and self._kinds[self._at] == kind
        keep = self._at if same else self._at + 1
        self._states = [*self._states[:keep], state][-MOST_STEPS:]
        self._kinds = [*self._kinds[:keep], kind][-MOST_STEPS:]
        self._at = len(self._states) - 1

    def undo(self) -> T:
        """Return the state before, which is on show then."""
        self._at = max(0, self._at - 1)
        return self.state

    def redo(self) -> T:
        """Return the state that was undone, which is on show then."""
        self._at = min(len(self._states) - 1, self._at + 1)
        return self.state
