"""The list of regions, with name, classes and limits of the chosen one."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QLabel, QLineEdit, QListWidget, QVBoxLayout, QWidget

from aoi_app.core.recipe import Recipe
from aoi_app.gui.recipes.drawn import CODE, INSPECT, DrawnRegion
from aoi_app.gui.recipes.region_rules import RegionRules
from aoi_app.gui.texts import say, tr


class RegionsPanel(QWidget):
    """Shows regions and edits the chosen one."""

    chosen = Signal(int)
    edited = Signal(object, str)
    """The chosen region as it is now, and what of it was edited."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.list, self.name, self.rules = QListWidget(self), QLineEdit(self), RegionRules(self)
        self._regions: tuple[DrawnRegion, ...] = ()
        self._chosen = -1
        note = QLabel(self)
        note.setProperty("role", "muted")
        note.setWordWrap(True)
        say(
            note,
            "setText",
            "Arrows move the chosen region, with Ctrl they resize it, with Shift in larger steps; Ctrl+Z undoes.",
        )
        say(self.name, "setPlaceholderText", "Name of the region")
        say(self.name, "setAccessibleName", "Name of the region")
        say(self.list, "setAccessibleName", "Regions")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.list, 1)
        column.addWidget(self.name)
        column.addWidget(self.rules, 2)
        column.addWidget(note)
        self.list.currentRowChanged.connect(self.chosen)
        self.name.textEdited.connect(self._on_name)
        self.rules.changed.connect(self._on_rules)

    def show_regions(self, regions: tuple[DrawnRegion, ...], chosen: int, recipe: Recipe, codes: Sequence[str]) -> None:
        """Show the regions of a draft, one of them chosen."""
        self._regions, self._chosen = regions, chosen
        self.list.blockSignals(True)
        self.list.clear()
        for item in regions:
            r = item.region
            self.list.addItem(f"{r.name or tr(item.kind)}    {r.x:,.0f}, {r.y:,.0f}    {r.w:,.0f} × {r.h:,.0f} px")
        self.list.setCurrentRow(chosen)
        self.list.blockSignals(False)
        item_now = regions[chosen] if 0 <= chosen < len(regions) else None
        self.name.setEnabled(item_now is not None)
        if not self.name.hasFocus():
            self.name.setText(item_now.region.name if item_now is not None else "")
        judged = item_now is not None and item_now.kind != CODE
        self.rules.setVisible(judged)
        if item_now is not None and judged:
            self.rules.show_region(item_now.region, recipe, codes, item_now.kind == INSPECT)

    def _on_name(self, text: str) -> None:
        if self._chosen >= 0:
            self.edited.emit(self._regions[self._chosen].changed(name=text), "name")

    def _on_rules(self) -> None:
        if self._chosen >= 0:
            self.edited.emit(self._regions[self._chosen].changed(**self.rules.values()), "rules")
