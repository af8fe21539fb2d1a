"""The figures one sets light, focus and line rate by, and what was lost. A table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from aoi_app.gui.camera.session import Look
from aoi_app.gui.texts import say, tr
from aoi_app.gui.theme import tokens

SATURATION_LIMIT = 0.001
SAME_RATE = 0.01
NOTHING = "–"
WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Card:
    """One figure: title, value in large letters, note below, what it means, and whether something is wrong."""

    title: str
    value: Callable[[Look], str]
    note: Callable[[Look], str]
    meaning: str
    wrong: Callable[[Look], bool] = lambda look: False


def _rate_wanted(look: Look) -> float | None:
    return look.applied.acquisition_line_rate if look.applied is not None else None


def _rate_note(look: Look) -> str:
    wanted = _rate_wanted(look)
    return tr("set: {n} Hz", n=f"{wanted:,.0f}") if wanted else tr("not set")


def _rate_wrong(look: Look) -> bool:
    wanted, real = _rate_wanted(look), look.line_rate
    return wanted is not None and real is not None and abs(real - wanted) > SAME_RATE * wanted


def _grey(look: Look) -> str:
    return NOTHING if look.figures is None else f"{look.figures.profile.mean():.0f}"


def _grey_note(look: Look) -> str:
    if look.figures is None:
        return ""
    low, high = look.figures.profile.min(), look.figures.profile.max()
    return tr("columns: {low} to {high}", low=f"{low:.0f}", high=f"{high:.0f}")


def _saturated(look: Look) -> str:
    return NOTHING if look.figures is None else f"{look.figures.saturated:.2%}"


def _count(name: str) -> Callable[[Look], str]:
    return lambda look: f"{look.counters[name]:,}" if name in look.counters else NOTHING


def _resent_note(look: Look) -> str:
    if "n_missing_packets" not in look.counters:
        return tr("not counted here")
    return tr("missing: {n}", n=f"{look.counters['n_missing_packets']:,}")


def _incomplete_note(look: Look) -> str:
    if look.counters.get("n_underruns"):
        return tr("no buffer for: {n}", n=f"{look.counters['n_underruns']:,}")
    return tr("never read as pixels")


CARDS = (
    Card(
        "Line rate, Hz",
        lambda look: NOTHING if look.line_rate is None else f"{look.line_rate:,.0f}",
        _rate_note,
        "Lines per second by the camera's own clock while a board goes by, against AcquisitionLineRate.",
        _rate_wrong,
    ),
    Card(
        "Grey level",
        _grey,
        _grey_note,
        "Mean of the newest block; below it the darkest and the brightest column.",
    ),
    Card(
        "Saturated",
        _saturated,
        lambda look: tr("at most {n}", n=f"{SATURATION_LIMIT:.1%}"),
        "Share of samples at 255: what is saturated has lost its structure. Lower light, exposure or gain.",
        lambda look: look.figures is not None and look.figures.saturated > SATURATION_LIMIT,
    ),
    Card(
        "Focus",
        lambda look: NOTHING if look.focus is None else f"{look.focus:.4f}",
        lambda look: tr("best: {n}", n=f"{look.best_focus:.4f}") if look.best_focus else "",
        "Sharpness over the last two seconds, greatest in focus whatever the light; below it the best so far.",
    ),
    Card(
        "Lost lines",
        _count("lost_lines"),
        lambda look: tr("in {n} boards", n=f"{look.counters.get('boards', 0):,}"),
        "Lines that never came, by frame ids, encoder and line triggers, since the camera was opened.",
        lambda look: look.counters.get("lost_lines", 0) > 0,
    ),
    Card(
        "Resent packets",
        _count("n_resent_packets"),
        _resent_note,
        "Packets that got lost on the network and came when they were asked for again.",
        lambda look: look.counters.get("n_missing_packets", 0) > 0,
    ),
    Card(
        "Incomplete blocks",
        lambda look: f"{look.counters.get('incomplete_blocks', 0):,}" if look.counters else NOTHING,
        _incomplete_note,
        "Blocks of which some bytes never came; they are not looked at, and their board is an ERROR.",
        lambda look: look.counters.get("incomplete_blocks", 0) > 0,
    ),
)


class Cards(QWidget):
    """All figures in a row; what is wrong has a mark before its value, and says so by colour as well."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._look: Look | None = None
        self.frames: dict[str, QFrame] = {}
        self.labels: dict[str, tuple[QLabel, QLabel]] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        for card in CARDS:
            frame = QFrame(self)
            frame.setObjectName("panel")
            say(frame, "setToolTip", card.meaning)
            column = QVBoxLayout(frame)
            column.setContentsMargins(12, 6, 8, 6)
            column.setSpacing(0)
            title, value, note = QLabel(frame), QLabel(NOTHING, frame), QLabel(frame)
            for label, role in ((title, "title"), (value, "value"), (note, "faint")):
                label.setProperty("role", role)
                label.setMinimumWidth(20)
                column.addWidget(label)
            say(title, "setText", card.title)
            self.labels[card.title] = value, note
            self.frames[card.title] = frame
            row.addWidget(frame, 1)
        self.use_theme()

    def show_look(self, look: Look | None) -> None:
        """Write the figures of a look; dashes where there is none."""
        self._look = look
        for card in CARDS:
            value, note = self.labels[card.title]
            wrong = look is not None and card.wrong(look)
            self._mark(self.frames[card.title], wrong)
            value.setText(("⚠ " if wrong else "") + (NOTHING if look is None else card.value(look)))
            note.setText("" if look is None else card.note(look))

    @staticmethod
    def _mark(frame: QFrame, wrong: bool) -> None:
        if frame.property(WRONG) is not wrong:
            frame.setProperty(WRONG, wrong)
            frame.style().unpolish(frame)
            frame.style().polish(frame)

    def use_theme(self) -> None:
        """Mark what is wrong in the colour of the theme in use."""
        self.setStyleSheet(f'QFrame#panel[{WRONG}="true"] {{ border: 2px solid {tokens().warn}; }}')

    def retranslate(self) -> None:
        """Write the notes anew."""
        self.show_look(self._look)
