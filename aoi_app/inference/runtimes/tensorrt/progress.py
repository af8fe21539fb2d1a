"""Progress of a build, and the way to stop it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aoi_app.inference.quantise import Progress
from aoi_app.inference.runtimes.tensorrt.library import Library


class BuildWatch:
    """Carries the station's `Progress` into the builder and an order to stop out of it.

    Parameters
    ----------
    progress
        Hears of the share done and what is being done, in the builder's own threads; raises to cancel.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._stop: BaseException | None = None

    def report(self, share: float, text: str) -> None:
        """Tell the listener. Raises what the listener raises to cancel."""
        self._progress(share, text)

    def step(self, share: float, text: str) -> bool:
        """Tell the listener from within the library; return whether to go on."""
        if self._stop is None:
            try:
                self._progress(share, text)
            except BaseException as error:  # it must not cross the library's C++ frames
                self._stop = error
        return self._stop is None

    def raise_stop(self) -> None:
        """Raise what the listener raised within the library, if it did."""
        if self._stop is not None:
            raise self._stop


SAY_S = 1.0
"""A build that says nothing of itself is said to go on so often."""


@contextmanager
def counting(watch: BuildWatch, title: str) -> Iterator[None]:
    """Tell the listener, while a library without a monitor builds, how long that has taken."""
    done, started = threading.Event(), time.monotonic()

    def count() -> None:
        while not done.wait(SAY_S) and watch.step(0.0, _so_far(title, time.monotonic() - started)):
            pass

    thread = threading.Thread(target=count, name="aoi-build", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _so_far(title: str, seconds: float) -> str:
    return f"{title} chooses tactics, {seconds:.0f} s so far"


def make_monitor(library: Library, watch: BuildWatch) -> Any:
    """Return the library's own progress monitor on top of `watch`, or None where it has none (8.6).

    There the build says nothing until it is done (`counting` does), and an order to stop takes effect at its end.
    """
    if not library.can.progress:
        return None
    base: Any = library.module.IProgressMonitor

    class Monitor(base):
        """Counts the steps of nested phases; the outermost phase is the share done."""

        def __init__(self) -> None:
            base.__init__(self)
            self._steps: dict[str, int] = {}
            self._inner: set[str] = set()
            self._share = 0.0

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self._steps[phase_name] = max(num_steps, 1)
            if parent_phase:
                self._inner.add(phase_name)
            watch.step(self._share, phase_name)

        def step_complete(self, phase_name: str, step: int) -> bool:
            if phase_name not in self._inner:
                # A later outermost phase starts again at nought: the share never falls.
                self._share = max(self._share, min((step + 1) / self._steps.get(phase_name, 1), 1.0))
            return watch.step(self._share, phase_name)

        def phase_finish(self, phase_name: str) -> None:
            self._steps.pop(phase_name, None)

    return Monitor()
