"""A row of limits for each class of defects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QScrollArea,
    QSpinBox,
    QWidget,
)

from aoi_app.core.recipe import ClassRule, Recipe
from aoi_app.gui.texts import defect_name, labelled, say, tr

COLUMNS = ("Class", "Judge", "Least confidence", "Least size, µm", "Tolerated", "Severity", "In regions only")
OTHERS = "all other classes"
FIELD_WIDTHS = (104, 96, 84, 66)


@dataclass(frozen=True, slots=True)
class RuleRow:
    """The fields of one class."""

    title: QLabel
    enabled: QCheckBox
    confidence: QDoubleSpinBox
    size: QDoubleSpinBox
    tolerated: QSpinBox
    severity: QSpinBox
    confined: QCheckBox

    def name(self, title: str) -> None:
        """Write the class's name beside the fields, and where a screen reader finds it."""
        self.title.setText(title)
        fields = (self.enabled, self.confidence, self.size, self.tolerated, self.severity, self.confined)
        for field, caption in zip(fields, COLUMNS[1:], strict=True):
            field.setAccessibleName(labelled(title, tr(caption)))
            field.setToolTip(labelled(title, tr(caption)))

    def rule(self) -> ClassRule:
        """Return what the fields say."""
        return ClassRule(
            enabled=self.enabled.isChecked(),
            min_confidence=round(self.confidence.value() / 100, 4),
            min_size_um=self.size.value(),
            max_defects=self.tolerated.value(),
            severity=self.severity.value(),
            only_in_regions=self.confined.isChecked(),
        )


class RulesTable(QScrollArea):
    """Edits the rules of a recipe: one row for all other classes, then one a class."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.rows: dict[str, RuleRow] = {}
        self._kept: frozenset[str] = frozenset()

    def show_rules(self, recipe: Recipe, classes: Sequence[str]) -> None:
        """Show a recipe's rules; `classes` are those of the model, listed even without a rule of their own."""
        self._kept = frozenset(recipe.rules)
        body = QWidget(self)
        grid = QGridLayout(body)
        grid.setContentsMargins(0, 0, 8, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(0, 1)
        for column, title in enumerate(COLUMNS):
            label = QLabel(body)
            label.setProperty("role", "title")
            say(label, "setText", title)
            grid.addWidget(label, 0, column)
        codes = list(dict.fromkeys((*classes, *recipe.rules)))
        self.rows = {code: self._add_row(grid, n, code, recipe) for n, code in enumerate(("", *codes), 1)}
        grid.setRowStretch(len(codes) + 2, 1)
        self.setWidget(body)
        self.retranslate()

    def _add_row(self, grid: QGridLayout, number: int, code: str, recipe: Recipe) -> RuleRow:
        rule = recipe.rule(code) if code else recipe.default_rule
        row = RuleRow(
            QLabel(self),
            QCheckBox(self),
            decimal(self, 100, " %", 1),
            decimal(self, 1e6, "", 0),
            whole(self, 0, 9_999),
            whole(self, 1, 5),
            QCheckBox(self),
        )
        row.enabled.setChecked(rule.enabled)
        row.confidence.setValue(100 * rule.min_confidence)
        row.size.setValue(rule.min_size_um)
        row.tolerated.setValue(rule.max_defects)
        row.severity.setValue(rule.severity)
        row.confined.setChecked(rule.only_in_regions)
        for box, width in zip((row.confidence, row.size, row.tolerated, row.severity), FIELD_WIDTHS, strict=True):
            box.setFixedWidth(width)
        shown = (row.title, row.enabled, row.confidence, row.size, row.tolerated, row.severity, row.confined)
        for column, field in enumerate(shown):
            grid.addWidget(field, number, column, Qt.AlignmentFlag.AlignVCenter)
        return row

    def rules(self) -> tuple[ClassRule, dict[str, ClassRule]]:
        """Return the rule for all other classes, and those of classes that differ from it or had one before."""
        default = self.rows[""].rule()
        rules = {code: row.rule() for code, row in self.rows.items() if code}
        return default, {code: rule for code, rule in rules.items() if rule != default or code in self._kept}

    def retranslate(self) -> None:
        """Write the names of the classes anew; what was edited stays."""
        for code, row in self.rows.items():
            row.name(defect_name(code) if code else tr(OTHERS))


def whole(parent: QWidget, least: int, most: int) -> QSpinBox:
    """Return a field for a whole number."""
    box = QSpinBox(parent)
    box.setRange(least, most)
    box.setGroupSeparatorShown(True)
    box.setAlignment(Qt.AlignmentFlag.AlignRight)
    box.setCorrectionMode(QAbstractSpinBox.CorrectionMode.CorrectToNearestValue)
    return box


def decimal(parent: QWidget, most: float, suffix: str, decimals: int) -> QDoubleSpinBox:
    """Return a field for a number."""
    box = QDoubleSpinBox(parent)
    box.setRange(0, most)
    box.setDecimals(decimals)
    box.setAlignment(Qt.AlignmentFlag.AlignRight)
    box.setSuffix(suffix)
    return box
