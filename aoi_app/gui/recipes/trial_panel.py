"""Tries a draft on recorded boards before it goes live: what would have changed, board by board."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import islice

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from aoi_app.core.inspection import Defect
from aoi_app.core.recipe import Recipe
from aoi_app.gui.background import Background
from aoi_app.gui.line.verdict_looks import LOOKS
from aoi_app.gui.services import HistoryReader
from aoi_app.gui.texts import defect_name, say, tr
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.trial import MOST_BOARDS, Trial, try_recipe

COLUMNS = ("Serial number", "Before", "After", "No longer counts", "Counts now")
MOST_NAMED = 6


class TrialPanel(QWidget):
    """Runs trials in the page's worker thread; one at a time, and it can be stopped."""

    open_board = Signal(str)
    advanced = Signal(int, int)
    """Boards that were judged, of how many."""

    def __init__(
        self,
        history: Callable[[], HistoryReader | None],
        background: Background,
        failed: Callable[[Exception], None],
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self._history, self._background, self._failed = history, background, failed
        self._stop = threading.Event()
        self.trial: Trial | None = None
        self.summary, self.boards, self.table = QLabel(self), QSpinBox(self), QTableWidget(0, len(COLUMNS), self)
        self.progress, self.stop_button, self.note = QProgressBar(self), QPushButton(self), QLabel(self)
        self._lay_out()
        self.advanced.connect(self._on_advanced)
        self.stop_button.clicked.connect(self._stop.set)
        self.table.cellDoubleClicked.connect(self._on_row)
        self.retranslate()

    def _lay_out(self) -> None:
        self.summary.setWordWrap(True)
        self.note.setWordWrap(True)
        self.note.setProperty("role", "muted")
        say(
            self.note,
            "setText",
            "What lay below the thresholds of its day was not recorded: a lower threshold shows on new boards only.",
        )
        self.boards.setRange(1, 100_000)
        self.boards.setValue(MOST_BOARDS)
        self.boards.setGroupSeparatorShown(True)
        self.boards.setAlignment(Qt.AlignmentFlag.AlignRight)
        label = QLabel(self)
        say(label, "setText", "Newest boards")
        say(self.boards, "setAccessibleName", "Newest boards")
        label.setBuddy(self.boards)
        say(self.stop_button, "setText", "Stop")
        self.progress.hide()
        self.stop_button.hide()
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        for column in (3, 4):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
        self.table.verticalHeader().hide()
        self.table.setTabKeyNavigation(False)
        self.table.setShowGrid(False)
        self.table.setTabKeyNavigation(False)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        say(self.table, "setAccessibleName", "Boards that would change")
        row = QHBoxLayout()
        row.addWidget(label)
        row.addWidget(self.boards)
        row.addWidget(self.progress, 1)
        row.addWidget(self.stop_button)
        row.addStretch(0)
        column_layout = QVBoxLayout(self)
        column_layout.setContentsMargins(0, 0, 0, 0)
        column_layout.addLayout(row)
        column_layout.addWidget(self.summary)
        column_layout.addWidget(self.table, 1)
        column_layout.addWidget(self.note)

    def run(self, draft: Recipe) -> None:
        """Judge recorded boards by a draft."""
        self._stop.clear()
        most = self.boards.value()
        self.progress.setRange(0, 0)
        self.progress.show()
        self.stop_button.show()
        self.summary.setText(tr("Judging recorded boards…"))
        self.table.setRowCount(0)
        self._background.run("trial", lambda: self._tried(draft, most), self._on_tried, self._on_failed)

    def stop(self) -> None:
        """Stop the trial that runs."""
        self._stop.set()

    def _tried(self, draft: Recipe, most: int) -> Trial:
        history = self._history()
        if history is None:
            return Trial(0, ())
        query = HistoryQuery(recipes=(draft.name,))
        total = min(most, sum(history.counts(query).values()))

        def progress(done: int) -> bool:
            if done % 20 == 0 or done == total:
                self.advanced.emit(done, total)
            return not self._stop.is_set()

        return try_recipe(islice(history.records(query), most), draft, progress)

    def _on_advanced(self, done: int, total: int) -> None:
        self.progress.setRange(0, max(1, total))
        self.progress.setValue(done)

    def _on_failed(self, error: Exception) -> None:
        self._end()
        self.summary.clear()
        self._failed(error)

    def _end(self) -> None:
        self.progress.hide()
        self.stop_button.hide()

    def _on_tried(self, trial: Trial) -> None:
        self._end()
        self.trial = trial
        self.retranslate()

    def _on_row(self, row: int) -> None:
        if self.trial is not None:
            self.open_board.emit(self.trial.changed[row].board_id)

    def retranslate(self) -> None:
        """Write the trial anew."""
        self.table.setHorizontalHeaderLabels([tr(c) for c in COLUMNS])
        trial = self.trial
        if trial is None:
            if not self.progress.isVisible():
                self.summary.setText(tr("Try the draft on recorded boards to see what would have changed."))
            return
        lines = [
            tr("{n} recorded boards were judged by the draft.", n=f"{trial.boards:,}"),
            tr("{n} that failed would pass: {names}", n=len(trial.now_passed), names=_some(trial.now_passed)),
            tr("{n} that passed would fail: {names}", n=len(trial.now_failed), names=_some(trial.now_failed)),
            tr("{less} defects less and {more} more would count.", less=trial.defects_less, more=trial.defects_more),
        ]
        if trial.stopped:
            lines.insert(0, tr("Stopped before all boards were judged."))
        self.summary.setText("\n".join(lines))
        self.table.setRowCount(len(trial.changed))
        for row, entry in enumerate(trial.changed):
            verdicts = [tr(LOOKS[verdict].word) for verdict in (entry.before, entry.after)]
            cells = (entry.serial, *verdicts, _named(entry.gone), _named(entry.new))
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setToolTip(entry.reason if column == 2 else text)
                item.setTextAlignment(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
                self.table.setItem(row, column, item)


def _named(defects: tuple[Defect, ...]) -> str:
    names = [f"{d.component or d.region} {defect_name(d.defect_code)}".strip() for d in defects]
    return tr(", ").join(names[:MOST_NAMED]) + (" …" if len(names) > MOST_NAMED else "")


def _some(names: tuple[str, ...], most: int = 12) -> str:
    return (", ".join(names[:most]) + (" …" if len(names) > most else "")) or "–"
