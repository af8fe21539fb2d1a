"""The components of a recipe: a table, their place on the golden board, and the dialog that brings them in."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from aoi_app.boards.centroid import outside
from aoi_app.core.components import BoardFrame, Component
from aoi_app.core.recipe import Recipe
from aoi_app.gui.recipes.frame_form import FrameForm
from aoi_app.gui.texts import say, tr

COLUMNS = ("Reference", "Package", "x, mm", "y, mm", "Rotation, °", "Joints")


class ComponentsPanel(QWidget):
    """Lists components and lays them onto the board."""

    changed = Signal()
    """Components or their frame are others now."""
    chosen = Signal(str)
    wants_place = Signal()

    def __init__(self, import_parts: Callable[[], None], parent: QWidget) -> None:
        super().__init__(parent)
        self.components: tuple[Component, ...] = ()
        self.board_size = (0, 0)
        self.search, self.table, self.frame_form = QLineEdit(self), QTableWidget(0, len(COLUMNS), self), FrameForm(self)
        self.summary = QLabel(self)
        self.summary.setProperty("role", "muted")
        self.summary.setWordWrap(True)
        self.import_button, self.clear_button = QPushButton(self), QPushButton(self)
        say(self.import_button, "setText", "Import centroid file…")
        say(self.clear_button, "setText", "Remove all")
        say(self.search, "setPlaceholderText", "Find a component")
        say(self.search, "setAccessibleName", "Find a component")
        say(self.table, "setAccessibleName", "Components")
        self.import_button.clicked.connect(lambda: import_parts())
        self.clear_button.clicked.connect(lambda: self.take((), self.frame_form.frame()))
        self._lay_out()
        self.search.textChanged.connect(self._on_search)
        self.table.currentCellChanged.connect(self._on_row)
        self.frame_form.changed.connect(self._on_frame)
        self.frame_form.wants_place.connect(self.wants_place)
        self.retranslate()

    def _lay_out(self) -> None:
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.table.verticalHeader().hide()
        self.table.setTabKeyNavigation(False)
        self.table.setShowGrid(False)
        self.table.setTabKeyNavigation(False)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        row = QHBoxLayout()
        row.addWidget(self.import_button)
        row.addWidget(self.clear_button)
        row.addWidget(self.search, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.table, 1)
        column.addWidget(self.summary)
        column.addWidget(self.frame_form)

    @property
    def reference(self) -> str:
        """Designator of the chosen component; empty for none."""
        row = self.table.currentRow()
        return self.components[row].reference if 0 <= row < len(self.components) else ""

    def show_recipe(self, recipe: Recipe, size: tuple[int, int]) -> None:
        """Show a recipe's components; `size` is that of its golden board, pixels."""
        self.board_size = size
        self.frame_form.forget()
        self._show(recipe.components, recipe.component_frame)

    def show_size(self, size: tuple[int, int]) -> None:
        """Take over the size of the board, pixels."""
        self.board_size = size
        self._sum_up()

    def take(self, components: tuple[Component, ...], frame: BoardFrame) -> None:
        """Take over other components."""
        self.frame_form.forget()
        self._show(components, frame)
        self.changed.emit()

    def choose(self, reference: str) -> None:
        """Choose a component, without telling anyone."""
        row = next((k for k, c in enumerate(self.components) if c.reference == reference), -1)
        self.table.blockSignals(True)
        self.table.setCurrentCell(row, 0)
        self.table.blockSignals(False)
        self._enable()

    def take_place(self, x: float, y: float) -> None:
        """Take over where the chosen component is on the board."""
        if self.reference:
            self.frame_form.take_place(self.reference, x, y, self.components)

    def _show(self, components: tuple[Component, ...], frame: BoardFrame) -> None:
        self.components = components
        self.frame_form.show_frame(frame)
        self.table.blockSignals(True)
        self.table.setRowCount(len(components))
        for row, c in enumerate(components):
            joints = "?" if c.terminations is None else str(c.terminations)
            cells = (c.reference, c.package, f"{c.x_mm:.2f}", f"{c.y_mm:.2f}", f"{c.rotation:g}", joints)
            for column, text in enumerate(cells):
                self.table.setItem(row, column, QTableWidgetItem(text))
        self.table.setCurrentCell(-1, 0)
        self.table.blockSignals(False)
        self._on_search(self.search.text())
        self._enable()
        self._sum_up()

    def _enable(self) -> None:
        self.clear_button.setEnabled(bool(self.components))
        self.frame_form.setEnabled(bool(self.components))
        self.frame_form.place_button.setEnabled(bool(self.reference))

    def _sum_up(self) -> None:
        if not self.components:
            self.summary.setText(tr("With components, a defect is named by its reference designator."))
            return
        beyond = outside(self.components, self.frame_form.frame(), self.board_size) if all(self.board_size) else ()
        unknown = sum(c.terminations is None for c in self.components)
        texts = [tr("{n} components", n=len(self.components))]
        if beyond:
            texts.append(tr("{n} beyond the board", n=len(beyond)))
        if unknown:
            texts.append(tr("joints of {n} not known", n=unknown))
        self.summary.setText(tr(", ").join(texts))

    def _on_search(self, text: str) -> None:
        wanted = text.strip().lower()
        for row, c in enumerate(self.components):
            found = wanted in c.reference.lower() or wanted in c.package.lower()
            self.table.setRowHidden(row, not found)

    def _on_row(self) -> None:
        self._enable()
        self.chosen.emit(self.reference)

    def _on_frame(self) -> None:
        self._sum_up()
        self.changed.emit()

    def retranslate(self) -> None:
        """Write head and sum anew."""
        self.table.setHorizontalHeaderLabels([tr(c) for c in COLUMNS])
        self._sum_up()
