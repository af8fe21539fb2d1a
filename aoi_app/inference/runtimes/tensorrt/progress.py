"""Progress of a build, and the way to stop it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aoi_app.core.errors import EngineError
from aoi_app.inference.runtimes.tensorrt.library import Library


class BuildCancelled(EngineError):
    """A person stopped the build; nothing was changed."""


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """Where a build stands.

    Attributes
    ----------
    phase
        What is being done, in the library's words or ours.
    fraction
        0 to 1 of this phase; None where the library does not tell.
    seconds
        Since the build began.
    """

    phase: str
    fraction: float | None
    seconds: float


OnProgress = Callable[[BuildProgress], None]


class BuildWatch:
    """Reports to a listener and asks whether to go on.

    Parameters
    ----------
    listener
        Called in the builder's own threads; must not block.
    cancel
        Set by anybody to stop the build at its next step.
    """

    def __init__(self, listener: OnProgress | None = None, cancel: threading.Event | None = None) -> None:
        self._listener = listener
        self._cancel = cancel or threading.Event()
        self._started = time.monotonic()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked to stop."""
        return self._cancel.is_set()

    def report(self, phase: str, fraction: float | None = None) -> None:
        """Tell the listener. Raises BuildCancelled when somebody asked to stop."""
        self.tell(phase, fraction)
        if self.cancelled:
            raise BuildCancelled("The build was cancelled.", "Start it again when you like; the old engine runs on.")

    def tell(self, phase: str, fraction: float | None = None) -> None:
        """Tell the listener."""
        if self._listener is not None:
            self._listener(BuildProgress(phase, fraction, time.monotonic() - self._started))


def make_monitor(library: Library, watch: BuildWatch) -> Any:
    """Return the library's own progress monitor on top of `watch`, or None where it has none (8.6).

    There the build says nothing until it is done, and a cancel takes effect at its end.
    """
    if not library.can.progress:
        return None
    base: Any = library.module.IProgressMonitor

    class Monitor(base):  # type: ignore[misc]
        """Counts the steps of nested phases."""

        def __init__(self) -> None:
            base.__init__(self)
            self._steps: dict[str, int] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self._steps[phase_name] = max(num_steps, 1)
            watch.tell(phase_name, 0.0)

        def step_complete(self, phase_name: str, step: int) -> bool:
            watch.tell(phase_name, min((step + 1) / self._steps.get(phase_name, 1), 1.0))
            return not watch.cancelled

        def phase_finish(self, phase_name: str) -> None:
            self._steps.pop(phase_name, None)

    return Monitor()
