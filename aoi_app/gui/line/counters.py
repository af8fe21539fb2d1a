"""The figures of the shift: boards, yield, pace. A table of what is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QVBoxLayout, QWidget

from aoi_app.gui.elided import ElidedLabel
from aoi_app.gui.texts import say, tr
from aoi_app.station.status import StationStatus
from aoi_app.storage.intervals import wilson

LONG_MS = 9_999.5
"""From here on a verdict's latency is told in seconds: it is late, and there is no room for its milliseconds."""
WIDTHS = (34, 36, 28)
"""Shares of the columns: the widest note, yield of a hundred thousand boards with its interval, needs most."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of the dashboard.

    Attributes
    ----------
    value, note
        From a snapshot to what is written large, and small below.
    """

    title: str
    value: Callable[[StationStatus], str]
    note: Callable[[StationStatus], str]


def _yield(status: StationStatus) -> str:
    share = status.counters.first_pass_yield
    return "–" if share is None else f"{share:.1%}"


def _boards_note(status: StationStatus) -> str:
    c = status.counters
    return tr("{failed} fail · {errors} error", failed=f"{c.failed:,}", errors=f"{c.errors:,}")


def _yield_note(status: StationStatus) -> str:
    """Return how sure that share is, and what it was counted on."""
    c = status.counters
    if not c.boards:
        return tr("n = {n}", n=0)
    low, high = wilson(c.passed, c.boards)
    return tr("{low} to {high}, n = {n}", low=f"{low:.0%}", high=f"{high:.0%}", n=f"{c.boards:,}")


def _milliseconds(ms: float) -> str:
    return tr("{ms:,.0f} ms", ms=ms) if ms < LONG_MS else tr("{s} s", s=f"{ms / 1000:,.1f}")


FIGURES = (
    Figure("Boards", lambda s: f"{s.counters.boards:,}", _boards_note),
    Figure("First-pass yield", _yield, _yield_note),
    Figure("Boards per minute", lambda s: f"{s.rates.boards_per_minute:.1f}", lambda s: tr("last minute")),
    Figure(
        "Line rate",
        lambda s: f"{s.rates.lines_per_s:,.0f}",
        lambda s: tr("lines per second"),
    ),
    Figure("FPS", lambda s: f"{s.rates.tiles_per_s:.1f}", lambda s: tr("tiles per second")),
    Figure(
        "Verdict p50",
        lambda s: "–" if s.rates.verdict_p50_ms is None else _milliseconds(s.rates.verdict_p50_ms),
        lambda s: "" if s.rates.verdict_p99_ms is None else tr("p99 {ms:,.0f} ms", ms=s.rates.verdict_p99_ms),
    ),
)


class Counters(QFrame):
    """The figures in a grid."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self._status = StationStatus()
        self._cells: list[tuple[Figure, ElidedLabel, ElidedLabel]] = []
        grid = QGridLayout(self)
        grid.setContentsMargins(12, 10, 12, 10)
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(10)
        for column, share in enumerate(WIDTHS):
            grid.setColumnStretch(column, share)
        for place, figure in enumerate(FIGURES):
            cell = QVBoxLayout()
            cell.setSpacing(0)
            title, value, note = (self._label(role) for role in ("title", "value", "faint"))
            say(title, "setText", figure.title)
            for label in (title, value, note):
                cell.addWidget(label)
            self._cells.append((figure, value, note))
            grid.addLayout(cell, *divmod(place, len(WIDTHS)))

    def _label(self, role: str) -> ElidedLabel:
        label = ElidedLabel(self)
        label.setProperty("role", role)
        label.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
        return label

    def show_status(self, status: StationStatus) -> None:
        """Show the figures of a snapshot."""
        self._status = status
        for figure, value, note in self._cells:
            value.say_whole(figure.value(status))
            note.say_whole(figure.note(status))

    def retranslate(self) -> None:
        """Write the notes anew."""
        self.show_status(self._status)
