"""The state of a line, and why it is `FAULT`: any thread may fail it, and nothing overwrites that by chance."""

from __future__ import annotations

import threading

from aoi_app.station.status import State


class LineState:
    """`State` and reason, changed together.

    A change names the states that it may come from: a fault of another thread that came in between stands, whatever a
    step that had begun before it wanted next.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = State.IDLE
        self._fault = ("", "")

    @property
    def now(self) -> State:
        """The state."""
        return self._state

    @property
    def fault(self) -> tuple[str, str]:
        """Why it is `FAULT`, and what to do next; empty otherwise."""
        return self._fault

    def go(self, to: State, *since: State) -> bool:
        """Change from one of the states `since`; tell whether that was the state. Leaving `FAULT` forgets why."""
        with self._lock:
            if self._state not in since:
                return False
            self._state, self._fault = to, ("", "")
            return True

    def fail(self, what: str, hint: str) -> None:
        """Be `FAULT` from now on, from whatever state."""
        with self._lock:
            self._state, self._fault = State.FAULT, (what, hint)
