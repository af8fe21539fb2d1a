"""What a person searches the history for: period, serial number, and what there is to choose from. A table."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from aoi_app.core.inspection import Verdict, Verification
from aoi_app.gui.between import Between
from aoi_app.gui.icons import icon
from aoi_app.gui.line.verdict_looks import LOOKS
from aoi_app.gui.texts import defect_name, say, tr
from aoi_app.storage.clock import to_us
from aoi_app.storage.query import HistoryQuery

HOUR_US = 3_600_000_000
TODAY, CUSTOM = -1, -2
PERIODS: tuple[tuple[str, int], ...] = (
    ("Any time", 0),
    ("Last hour", HOUR_US),
    ("Today", TODAY),
    ("Last 24 hours", 24 * HOUR_US),
    ("Last 7 days", 7 * 24 * HOUR_US),
    ("Last 30 days", 30 * 24 * HOUR_US),
    ("From … to …", CUSTOM),
)
"""Name, and microseconds back from now; 0 for no limit."""
TYPING_PAUSE_MS = 250

Entries = Sequence[tuple[str, str]]
"""Title and value; the value is what is searched for."""


@dataclass(frozen=True, slots=True)
class Offered:
    """What there is in the record to search for; engines as hash and model."""

    classes: tuple[str, ...] = ()
    recipes: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    engines: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Choosing:
    """A list to choose from.

    Attributes
    ----------
    name
        Key in `Filters.lists`.
    caption
        What a screen reader calls it.
    everything
        Its first entry, which lets all pass.
    entries
        The others, from what there is.
    narrow
        The fields of the question that an entry sets.
    more
        Whether it stands in the second row.
    """

    name: str
    caption: str
    everything: str
    entries: Callable[[Offered], Entries]
    narrow: Callable[[str], dict[str, Any]]
    more: bool = False


TO_REVIEW, REVIEWED, TO_REPAIR = "to review", "reviewed", "to repair"


def _verdicts(*verdicts: Verdict) -> Entries:
    return [(tr(LOOKS[verdict].word), verdict.value) for verdict in verdicts]


def _as_they_are(names: Sequence[str]) -> Entries:
    return [(name, name) for name in names]


def _named(codes: Sequence[str]) -> Entries:
    return [(defect_name(code), code) for code in codes]


def _engines(offered: Offered) -> Entries:
    return [(f"{model} {sha256[:8]}", sha256) for sha256, model in offered.engines]


def _reviews(_: Offered) -> Entries:
    return [
        (tr("Waiting for review"), TO_REVIEW),
        (tr("Review is done"), REVIEWED),
        (tr("Waiting for repair"), TO_REPAIR),
    ]


def _of_review(chosen: str) -> dict[str, Any]:
    confirmed = (Verification.DEFECT_CONFIRMED,) if chosen == TO_REPAIR else ()
    return {"to_review": chosen == TO_REVIEW, "reviewed": chosen == REVIEWED, "verifications": confirmed}


def _only(field: str) -> Callable[[str], dict[str, Any]]:
    """Return what asks for one of several values of a field of the question."""
    return lambda chosen: {field: (chosen,)}


CHOICES = (
    Choosing("verdict", "Verdict", "All verdicts", lambda _: _verdicts(*LOOKS), lambda v: {"verdicts": (Verdict(v),)}),
    Choosing("defect_class", "Class", "All classes", lambda o: _named(o.classes), _only("classes")),
    Choosing("recipe", "Recipe", "All recipes", lambda o: _as_they_are(o.recipes), _only("recipes")),
    Choosing("place", "Place", "All places", lambda o: _as_they_are(o.places), _only("places"), more=True),
    Choosing(
        "reviewer", "Reviewer", "All reviewers", lambda o: _as_they_are(o.reviewers), _only("reviewers"), more=True
    ),
    Choosing("engine", "Engine", "All engines", _engines, lambda sha256: {"engine": sha256}, more=True),
    Choosing(
        "review",
        "Review",
        "Reviewed or not",
        _reviews,
        _of_review,
        more=True,
    ),
    Choosing(
        "final",
        "Verdict after review",
        "All verdicts after review",
        lambda _: _verdicts(Verdict.PASSED, Verdict.FAILED),
        lambda v: {"final_verdicts": (Verdict(v),)},
        more=True,
    ),
)


class Filters(QWidget):
    """The rows of filters above the table; tells when any of them changed."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.period = QComboBox(self)
        self.lists = {choice.name: QComboBox(self) for choice in CHOICES}
        self.verdict, self.defect_class, self.recipe = (self.lists[n] for n in ("verdict", "defect_class", "recipe"))
        for box, name in ((self.period, "Period"), *((self.lists[c.name], c.caption) for c in CHOICES)):
            say(box, "setAccessibleName", name)
        self.serial = QLineEdit(self)
        say(self.serial, "setAccessibleName", "Serial number")
        self.serial.setClearButtonEnabled(True)
        self.serial.setMinimumWidth(190)
        self.serial.setMaximumWidth(260)
        say(self.serial, "setPlaceholderText", "Serial number begins with …")
        self.between = Between(self)
        self.between.changed.connect(self._on_changed)
        self.more, self._reset = QPushButton(self), QPushButton(self)
        self.more.setCheckable(True)
        say(self.more, "setText", "More filters")
        say(self._reset, "setText", "Clear filters")
        self.more.toggled.connect(self._on_more)
        self._reset.clicked.connect(self.clear)
        self._offered = Offered()
        self._second = QWidget(self)
        self._lay_out()
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(TYPING_PAUSE_MS)
        self._pause.timeout.connect(self.changed)
        self.retranslate()
        for box in (self.period, *self.lists.values()):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
            box.currentIndexChanged.connect(self._on_changed)
        self.serial.textChanged.connect(lambda _text: self._pause.start())
        self._on_changed()

    def _lay_out(self) -> None:
        first, second = QHBoxLayout(), QHBoxLayout(self._second)
        for row in (first, second):
            row.setContentsMargins(0, 0, 0, 0)
            row.setSpacing(8)
        for widget in (self.period, self.between, *(self.lists[c.name] for c in CHOICES if not c.more)):
            first.addWidget(widget)
        first.addWidget(self.serial, 1)
        first.addWidget(self.more)
        first.addWidget(self._reset)
        first.addStretch(1)
        for choice in CHOICES:
            if choice.more:
                second.addWidget(self.lists[choice.name])
        second.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(first)
        column.addWidget(self._second)
        self._second.hide()

    def _on_more(self, wanted: bool) -> None:
        """Show the second row; one that is hidden lets all pass, so that nothing is left out unseen."""
        self._second.setVisible(wanted)
        if not wanted:
            for choice in CHOICES:
                if choice.more:
                    self.lists[choice.name].setCurrentIndex(0)

    def _on_changed(self) -> None:
        self.between.setVisible(PERIODS[max(self.period.currentIndex(), 0)][1] == CUSTOM)
        self.changed.emit()

    def offer(self, offered: Offered) -> None:
        """Offer what there is; what is chosen stays chosen."""
        if offered != self._offered:
            self._offered = offered
            self.retranslate()

    def clear(self) -> None:
        """Let all boards pass."""
        for box in (self.period, *self.lists.values()):
            box.setCurrentIndex(0)
        self.serial.clear()

    def query(self) -> HistoryQuery:
        """Return what is asked for now."""
        since, until = self._times(PERIODS[max(self.period.currentIndex(), 0)][1])
        query = HistoryQuery(since_us=since, until_us=until, serial=self.serial.text().strip())
        for choice in CHOICES:
            chosen = self.lists[choice.name].currentData()
            query = replace(query, **choice.narrow(chosen)) if chosen else query
        return query

    def _times(self, back: int) -> tuple[int | None, int | None]:
        if back == CUSTOM:
            return self.between.bounds()
        if back == TODAY:
            return to_us(datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)), None
        return (time.time_ns() // 1000 - back if back else None), None

    def retranslate(self) -> None:
        """Write the lists anew; what is chosen stays chosen."""
        _fill(self.period, [(tr(name), name) for name, _ in PERIODS])
        for choice in CHOICES:
            _fill(self.lists[choice.name], [(tr(choice.everything), ""), *choice.entries(self._offered)])
        self.use_theme()

    def use_theme(self) -> None:
        """Draw the icon in the colours of the theme in use."""
        self._reset.setIcon(icon("undo"))


def _fill(box: QComboBox, entries: Entries) -> None:
    chosen = box.currentData()
    box.blockSignals(True)
    box.clear()
    for title, value in entries:
        box.addItem(title, value)
    box.setCurrentIndex(max(0, box.findData(chosen)))
    box.blockSignals(False)
