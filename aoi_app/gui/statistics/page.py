"""The statistics page: figures with their intervals, control charts, what fails most and where."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from aoi_app.core.errors import AoiError
from aoi_app.gui.background import Background
from aoi_app.gui.between import Between
from aoi_app.gui.services import AlarmBook, HistoryReader, StatisticsReader
from aoi_app.gui.statistics.cards import CARDS
from aoi_app.gui.statistics.exports import EXPORTS, Export, write_report
from aoi_app.gui.statistics.heat import HeatMap
from aoi_app.gui.statistics.plots import ControlPlot, ParetoPlot
from aoi_app.gui.statistics.reading import PERIODS, Bounds, GoldenOf, PeriodView, read_period
from aoi_app.gui.texts import defect_name, message, say, tr
from aoi_app.storage.figures import Figures
from aoi_app.storage.shifts import DEFAULT_SHIFTS, Shift

REFRESH_MS = 10_000
PARETOS: tuple[tuple[str, Callable[[Figures], tuple[tuple[str, int], ...]]], ...] = (
    ("by class", lambda f: tuple((defect_name(name), n) for name, n in f.by_class)),
    ("by component", lambda f: tuple((name or tr("not named"), n) for name, n in f.by_component)),
    ("by region", lambda f: tuple((name or tr("not named"), n) for name, n in f.by_region)),
)
ALL_RECIPES = "All recipes"


class StatisticsPage(QWidget):
    """Figures of a period, counted in a worker thread, anew every ten seconds while the page is in front."""

    def __init__(
        self,
        open_statistics: Callable[[], StatisticsReader | None],
        open_history: Callable[[], HistoryReader | None],
        parent: QWidget,
        open_alarms: Callable[[], AlarmBook | None] = lambda: None,
        shifts: Callable[[], Sequence[Shift]] = lambda: DEFAULT_SHIFTS,
        golden_of: GoldenOf = lambda recipe, revision: None,
    ) -> None:
        super().__init__(parent)
        self._golden_of = golden_of
        self._open_statistics, self._open_history, self._open_alarms = open_statistics, open_history, open_alarms
        self._shifts = shifts
        self._statistics: StatisticsReader | None = None
        self._history: HistoryReader | None = None
        self._alarms: AlarmBook | None = None
        self._background = Background(self, "statistics")
        self.view: PeriodView | None = None
        self.period, self.recipe, self.by = QComboBox(self), QComboBox(self), QComboBox(self)
        for box, name in ((self.period, "Period"), (self.recipe, "Recipe"), (self.by, "Pareto by")):
            say(box, "setAccessibleName", name)
        self.between = Between(self)
        self._export = QPushButton(self)
        say(self._export, "setText", "Export")
        menu = QMenu(self._export)
        for export in EXPORTS:
            menu.addAction(export.name, partial(self._on_export, export))
        self._export.setMenu(menu)
        self._export.setEnabled(False)
        self._problem = QLabel(self)
        self._problem.setProperty("role", "problem")
        self._problem.setWordWrap(True)
        self._problem.hide()
        self.not_passed = ControlPlot("Boards not passed, % (p-chart)", self, percent=True)
        self.defects = ControlPlot("Confirmed defects per board (u-chart)", self, percent=False)
        self.pareto = ParetoPlot("Confirmed defects, most first", self)
        self.heat = HeatMap(self)
        self._cards: list[tuple[QLabel, QLabel]] = []
        self._lay_out()
        self.retranslate()
        self.period.setCurrentIndex(1)
        for box in (self.period, self.recipe):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
            box.currentIndexChanged.connect(self._on_chosen)
        self.between.changed.connect(self._on_chosen)
        self.between.hide()
        self.by.currentIndexChanged.connect(self._show_pareto)
        self._timer = QTimer(self)
        self._timer.setInterval(REFRESH_MS)
        self._timer.timeout.connect(self._on_timer)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        for widget in (self.period, self.between, self.recipe):
            head.addWidget(widget)
        head.addStretch(1)
        head.addWidget(self.by)
        head.addWidget(self._export)
        cards = QHBoxLayout()
        cards.setSpacing(8)
        for card in CARDS:
            frame = QFrame(self)
            frame.setObjectName("panel")
            say(frame, "setToolTip", card.meaning)
            column = QVBoxLayout(frame)
            column.setContentsMargins(14, 8, 10, 8)
            column.setSpacing(0)
            title, value, note = QLabel(frame), QLabel("–", frame), QLabel(frame)
            for label, role in ((title, "title"), (value, "value"), (note, "faint")):
                label.setProperty("role", role)
                column.addWidget(label)
            say(title, "setText", card.title)
            note.setWordWrap(True)
            column.addStretch(1)
            self._cards.append((value, note))
            cards.addWidget(frame, 1)
        grid = QGridLayout()
        grid.setSpacing(8)
        for number, panel in enumerate((self.not_passed, self.pareto, self.defects, self.heat)):
            grid.addWidget(panel, number // 2, number % 2)
        for k in (0, 1):
            grid.setRowStretch(k, 1)
            grid.setColumnStretch(k, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 10, 10, 8)
        layout.setSpacing(8)
        layout.addLayout(head)
        layout.addWidget(self._problem)
        layout.addLayout(cards)
        layout.addLayout(grid, 1)

    # Counting

    def page_shown(self) -> None:
        """Count now, and every ten seconds while the page is in front."""
        self.count()
        self._timer.start()

    def _on_timer(self) -> None:
        if not self.isVisible():
            self._timer.stop()
        elif not self._background.waits_for("count"):
            self.count()

    def _on_chosen(self) -> None:
        self.between.setVisible(PERIODS[max(self.period.currentIndex(), 0)].find is None)
        self.count()

    def count(self) -> None:
        """Count the period that is chosen."""
        number, recipe = max(self.period.currentIndex(), 0), str(self.recipe.currentData() or "")
        typed = self.between.bounds()
        self._background.run("count", lambda: self._read(number, typed, recipe), self._show, self._on_failed)

    def _read(self, number: int, typed: Bounds, recipe: str) -> PeriodView | None:
        self._statistics = self._statistics or self._open_statistics()
        self._history = self._history or self._open_history()
        self._alarms = self._alarms or self._open_alarms()
        if self._statistics is None or self._history is None:
            return None
        bounds = PERIODS[number].bounds(self._shifts(), typed)
        return read_period(
            self._statistics, self._history, self._alarms, PERIODS[number], bounds, recipe, self._golden_of
        )

    def _on_failed(self, error: Exception) -> None:
        if not isinstance(error, AoiError):
            raise error
        self._problem.setText(f"{message(error.what)}\n{message(error.hint)}".strip())
        self._problem.show()

    def _show(self, view: PeriodView | None) -> None:
        self._problem.hide()
        self.view = view
        self._export.setEnabled(view is not None)
        if view is None:
            return
        self._offer_recipes(view.recipes)
        start = view.figures.subgroups.start_us
        self.not_passed.show_chart(view.not_passed, start)
        self.defects.show_chart(view.defects, start)
        self.heat.show_picture(view.heat, view.heat_of, sum(view.figures.verdicts.values()))
        self._show_pareto()
        self._write_cards()

    def _show_pareto(self) -> None:
        if self.view is not None:
            self.pareto.show_counts(PARETOS[max(self.by.currentIndex(), 0)][1](self.view.figures))

    def _write_cards(self) -> None:
        if self.view is not None:
            for card, (value, note) in zip(CARDS, self._cards, strict=True):
                value.setText(card.value(self.view.figures))
                note.setText(card.note(self.view.figures))

    def _offer_recipes(self, names: tuple[str, ...]) -> None:
        wanted = [(tr(ALL_RECIPES), ""), *((name, name) for name in names)]
        if [self.recipe.itemData(k) for k in range(self.recipe.count())] != [value for _, value in wanted]:
            _refill(self.recipe, wanted)

    # Export

    def _on_export(self, export: Export) -> None:
        name, _ = QFileDialog.getSaveFileName(self, tr("Export"), f"report.{export.suffix}", f"*.{export.suffix}")
        if name:
            self.export(Path(name), export)

    def export(self, file: Path, export: Export) -> None:
        """Write the report of the period on show."""
        if self.view is None:
            return
        try:
            write_report(export, self.view.figures, self.view.alarms, file)
        except AoiError as error:
            self._on_failed(error)

    # Words

    def retranslate(self) -> None:
        """Write lists and figures anew."""
        _refill(self.period, [(tr(period.title), k) for k, period in enumerate(PERIODS)])
        _refill(self.by, [(tr(title), k) for k, (title, _) in enumerate(PARETOS)])
        recipes = [self.recipe.itemData(k) for k in range(1, self.recipe.count())]
        _refill(self.recipe, [(tr(ALL_RECIPES), ""), *((name, name) for name in recipes)])
        self._write_cards()
        self._show_pareto()

    def close_page(self) -> None:
        """Read no more."""
        self._timer.stop()
        self._background.close()
        for opened in (self._statistics, self._history, self._alarms):
            close = getattr(opened, "close", None)
            if close is not None:
                close()


def _refill(box: QComboBox, entries: Sequence[tuple[str, object]]) -> None:
    """Write a list anew; what is chosen stays chosen."""
    chosen = box.currentData()
    box.blockSignals(True)
    box.clear()
    for title, value in entries:
        box.addItem(title, value)
    box.setCurrentIndex(max(0, box.findData(chosen)))
    box.blockSignals(False)
