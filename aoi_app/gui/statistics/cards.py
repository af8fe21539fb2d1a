"""The figures of a period, each with what it was counted on and its 95 % interval. A table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aoi_app.gui.texts import tr
from aoi_app.storage.figures import Figures
from aoi_app.storage.intervals import Rate


@dataclass(frozen=True, slots=True)
class Card:
    """One figure: title, value in large letters, note below, and what it means."""

    title: str
    value: Callable[[Figures], str]
    note: Callable[[Figures], str]
    meaning: str


def share(rate: Rate | None) -> str:
    """Return a share in percent; a dash where nothing was counted."""
    return "–" if rate is None or rate.value is None else f"{rate.value:.1%}"


def interval(rate: Rate | None) -> str:
    """Return what a share was counted on, and its interval."""
    if rate is None or not rate.n:
        return tr("n = {n}", n=0)
    return tr("{low} to {high}, n = {n}", low=f"{rate.low:.1%}", high=f"{rate.high:.1%}", n=f"{rate.n:,}")


def _dpmo(figures: Figures) -> str:
    rate = figures.dpmo
    return "–" if rate is None or rate.value is None else f"{rate.value * 1e6:,.0f}"


def _dpmo_note(figures: Figures) -> str:
    rate = figures.dpmo
    if rate is None:
        names = ", ".join(figures.opportunities_not_set)
        return tr("opportunities not set: {names}", names=names) if names else tr("opportunities not known")
    low, high = f"{rate.low * 1e6:,.0f}", f"{rate.high * 1e6:,.0f}"
    return tr("{low} to {high}, n = {n}", low=low, high=high, n=f"{rate.n:,}")


def _median(figures: Figures) -> str:
    return "–" if figures.review_median_s is None else tr("{s} s", s=f"{figures.review_median_s:.1f}")


CARDS = (
    Card(
        "First-pass yield",
        lambda f: share(f.first_pass_yield),
        lambda f: interval(f.first_pass_yield),
        "Boards whose first inspection they passed without repair, after review.",
    ),
    Card(
        "Passed by the station",
        lambda f: share(f.machine_yield),
        lambda f: interval(f.machine_yield),
        "The same before review.",
    ),
    Card("DPMO", _dpmo, _dpmo_note, "Confirmed defects per million opportunities of this process step (IPC-9261A)."),
    Card(
        "False calls",
        lambda f: share(f.false_calls),
        lambda f: interval(f.false_calls),
        "Dismissed calls out of all reviewed calls; never counted as defects.",
    ),
    Card(
        "Boards without false call",
        lambda f: share(f.boards_without_false_call),
        lambda f: interval(f.boards_without_false_call),
        "Reviewed boards on which nothing was called that was not there.",
    ),
    Card(
        "Review of a defect",
        _median,
        lambda f: tr("median; {n} wait", n=f"{f.open_defects:,}"),
        "Median time of a decision; while defects wait, the other figures are not final.",
    ),
)
