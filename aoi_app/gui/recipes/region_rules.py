"""Which classes a region is for, and its own limits: a row a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QDoubleSpinBox, QGridLayout, QLabel, QScrollArea, QSpinBox, QWidget

from aoi_app.core.recipe import ClassRule, Recipe, Region
from aoi_app.gui.settings.rules_table import decimal, whole
from aoi_app.gui.texts import defect_name, labelled, say, tr

COLUMNS = ("Class", "Judge", "Own limits", "Least confidence", "Least size, µm", "Tolerated", "Severity")
WIDTHS = (96, 84, 70, 60)


@dataclass(frozen=True, slots=True)
class _Row:
    title: QLabel
    is_for: QCheckBox
    own: QCheckBox
    confidence: QDoubleSpinBox
    size: QDoubleSpinBox
    tolerated: QSpinBox
    severity: QSpinBox

    @property
    def fields(self) -> tuple[QDoubleSpinBox | QSpinBox, ...]:
        """The limits, in the order of their columns."""
        return self.confidence, self.size, self.tolerated, self.severity

    def name(self, title: str) -> None:
        self.title.setText(title)
        for field, caption in zip((self.is_for, self.own, *self.fields), COLUMNS[1:], strict=True):
            field.setAccessibleName(labelled(title, tr(caption)))
            field.setToolTip(labelled(title, tr(caption)))


class RegionRules(QScrollArea):
    """Edits classes and rules of one region. Nothing is told while it is being filled."""

    changed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.rows: dict[str, _Row] = {}
        self._region: Region | None = None
        self._filling = False
        self._own_limits = True

    def show_region(self, region: Region | None, recipe: Recipe, codes: Sequence[str], own_limits: bool) -> None:
        """Show a region's classes and rules; `own_limits` is off for one in which nothing is judged."""
        codes = tuple(dict.fromkeys((*codes, *recipe.rules, *((region.classes or region.rules) if region else ()))))
        if tuple(self.rows) != codes or own_limits != self._own_limits or self.widget() is None:
            self._own_limits = own_limits
            self._build(codes)
        self._region = region
        self.setEnabled(region is not None)
        self._filling = True
        for code, row in self.rows.items():
            self._fill(row, code, region, recipe)
        self._filling = False
        self._grey()

    def _build(self, codes: Sequence[str]) -> None:
        body = QWidget(self)
        grid = QGridLayout(body)
        grid.setContentsMargins(0, 0, 8, 0)
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(0, 1)
        for column, title in enumerate(COLUMNS if self._own_limits else ("Class", "Ignore")):
            label = QLabel(body)
            label.setProperty("role", "title")
            say(label, "setText", title)
            grid.addWidget(label, 0, column)
        self.rows = {code: self._add_row(grid, n, body) for n, code in enumerate(codes, 1)}
        grid.setRowStretch(len(codes) + 1, 1)
        self.setWidget(body)
        self.retranslate()

    def _add_row(self, grid: QGridLayout, number: int, body: QWidget) -> _Row:
        confidence, size = decimal(body, 100, " %", 1), decimal(body, 1e6, "", 0)
        tolerated, severity = whole(body, 0, 9_999), whole(body, 1, 5)
        row = _Row(QLabel(body), QCheckBox(body), QCheckBox(body), confidence, size, tolerated, severity)
        row.is_for.toggled.connect(self._on_edit)
        row.own.toggled.connect(self._on_edit)
        for box in (confidence, size, tolerated, severity):
            box.valueChanged.connect(self._on_edit)
        for field, width in zip(row.fields, WIDTHS, strict=True):
            field.setFixedWidth(width)
        shown = (row.title, row.is_for, row.own, *row.fields) if self._own_limits else (row.title, row.is_for)
        for column, part in enumerate(shown):
            grid.addWidget(part, number, column, Qt.AlignmentFlag.AlignVCenter)
        for part in (row.own, *row.fields):
            part.setVisible(self._own_limits)
        return row

    def _fill(self, row: _Row, code: str, region: Region | None, recipe: Recipe) -> None:
        own = region.rules.get(code) if region is not None else None
        rule = own or recipe.rule(code)
        row.is_for.setChecked(region is not None and region.is_for(code))
        row.own.setChecked(own is not None)
        row.confidence.setValue(100 * rule.min_confidence)
        row.size.setValue(rule.min_size_um)
        row.tolerated.setValue(rule.max_defects)
        row.severity.setValue(rule.severity)

    def values(self) -> dict[str, object]:
        """Return classes and rules as the rows say: no classes where the region is for all of them."""
        chosen = tuple(code for code, row in self.rows.items() if row.is_for.isChecked())
        rules = {code: self._rule(row) for code, row in self.rows.items() if row.own.isChecked() and code in chosen}
        return {"classes": () if len(chosen) == len(self.rows) else chosen, "rules": rules if self._own_limits else {}}

    def _rule(self, row: _Row) -> ClassRule:
        return ClassRule(
            min_confidence=round(row.confidence.value() / 100, 4),
            min_size_um=row.size.value(),
            max_defects=row.tolerated.value(),
            severity=row.severity.value(),
        )

    def _on_edit(self) -> None:
        self._grey()
        if not self._filling:
            if not any(row.is_for.isChecked() for row in self.rows.values()):
                # A region for no class at all would say nothing: the last one stays.
                self._filling = True
                sender = self.sender()
                if isinstance(sender, QCheckBox):
                    sender.setChecked(True)
                self._filling = False
                return
            self.changed.emit()

    def _grey(self) -> None:
        for row in self.rows.values():
            row.own.setEnabled(row.is_for.isChecked())
            for field in row.fields:
                field.setEnabled(row.is_for.isChecked() and row.own.isChecked())

    def retranslate(self) -> None:
        """Write the names of the classes anew."""
        for code, row in self.rows.items():
            row.name(defect_name(code))
