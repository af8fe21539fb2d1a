"""What a training shows on the terminal while it reads and trains."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from aoi_app.training.pacing import Limit

if TYPE_CHECKING:
    from aoi_app.training.trainer import Epoch

Bar = tuple[Callable[[int, int], None], Callable[["Epoch"], None]]
"""Takes steps done and in all; takes an epoch that is done."""


class TimeLeft(ProgressColumn):
    """What is left of a time that was given, export included."""

    def __init__(self, limit: Limit) -> None:
        super().__init__()
        self._limit = limit

    def render(self, task: Task) -> Text:
        """Return hours, minutes and seconds; none once they are over."""
        left = timedelta(seconds=max(0, int(self._limit.ends - time.monotonic())))
        return Text(f"{left} of {self._limit.minutes:g} min left", style="progress.remaining")


@contextmanager
def counting(console: Console, what: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a bar that what is yielded moves on by one."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(escape(what), total=total)
        yield lambda: bar.advance(task)


@contextmanager
def training_bar(console: Console, steps: int, epoch_steps: int, limit: Limit | None) -> Iterator[Bar]:
    """Show how far a training is, and each epoch's figures; for a `limit`, also how many steps there is time for.

    Parameters
    ----------
    steps, epoch_steps
        What the schedule would do.
    """
    columns = (
        TextColumn("Training"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TimeRemainingColumn() if limit is None else TimeLeft(limit),
    )  # fmt: skip
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=steps if limit is None else None)
        told = limit is None

        def progress(done: int, total: int) -> None:
            nonlocal told
            if not told:
                console.print(f"There is time for {total - done} steps{_shortness(total - done, epoch_steps)}")
                told = True
            bar.update(task, completed=done, total=total)

        def listen(epoch: Epoch) -> None:
            shown = {"loss": f"{epoch.values['loss']:.3f}"}
            shown |= {k: f"{100 * v:.2f}" for k, v in epoch.values.items() if k.startswith(("mAP", "F@"))}
            if "planned_steps" in epoch.values:
                shown["steps"] = f"{epoch.steps} of {epoch.values['planned_steps']:.0f}"
            console.print(f"epoch {epoch.epoch}: " + ", ".join(f"{name} {value}" for name, value in shown.items()))

        yield progress, listen


def _shortness(steps: int, epoch_steps: int) -> str:
    if steps >= epoch_steps:
        return ""
    return f": not even one epoch of the schedule, which has {epoch_steps}. Do not expect much of this network."
