"""The recipe in force: which one, its size limits, and a row of limits for each class of defects."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QSpinBox,
    QWidget,
)

from aoi_app.core.errors import AoiError
from aoi_app.core.inspection import EngineInfo
from aoi_app.core.recipe import MAX_LENGTH_LINES, MAX_WIDTH_PX, ClassRule, Recipe
from aoi_app.core.settings import Settings
from aoi_app.gui.services import Services
from aoi_app.gui.settings.form import Form
from aoi_app.gui.texts import defect_name, message, say, tr

COLUMNS = ("Class", "Judge", "Least confidence", "Least size, µm", "Tolerated", "Severity")
OTHERS = "all other classes"
REVISION = "Revision {n}; applying a change saves the next one."


@dataclass(frozen=True, slots=True)
class RuleRow:
    """The fields of one class."""

    title: QLabel
    enabled: QCheckBox
    confidence: QDoubleSpinBox
    size: QDoubleSpinBox
    tolerated: QSpinBox
    severity: QSpinBox

    def name(self, title: str) -> None:
        """Write the class's name beside the fields, and where a screen reader finds it."""
        self.title.setText(title)
        fields = (self.enabled, self.confidence, self.size, self.tolerated, self.severity)
        for field, caption in zip(fields, COLUMNS[1:], strict=True):
            field.setAccessibleName(f"{title}: {tr(caption)}")
            field.setToolTip(f"{title}: {tr(caption)}")

    def rule(self) -> ClassRule:
        """Return what the fields say."""
        return ClassRule(
            enabled=self.enabled.isChecked(),
            min_confidence=round(self.confidence.value() / 100, 4),
            min_size_um=self.size.value(),
            max_defects=self.tolerated.value(),
            severity=self.severity.value(),
        )


class RecipeTab(Form):
    """Chooses a recipe and edits its limits; saving makes a new revision."""

    def __init__(
        self, recipe: Recipe, settings: Settings, services: Services, engine: EngineInfo | None, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self._services = services
        self._classes = engine.class_names if engine else ()
        self._recipe = recipe
        self._rows: dict[str, RuleRow] = {}
        self.name = QComboBox(self)
        for name in sorted({recipe.name, *services.recipes()}):
            self.name.addItem(name)
        self.name.setCurrentText(recipe.name)
        self.width_px = _whole(self, 0, MAX_WIDTH_PX)
        self.min_lines = _whole(self, 1, MAX_LENGTH_LINES)
        self.max_lines = _whole(self, 1, MAX_LENGTH_LINES)
        self._revision = self.note()
        self._problem = self.note()
        self._problem.hide()
        self.add("Recipe", self.name)
        self.grid.addWidget(self._revision, self.grid.rowCount(), 1)
        lengths = QWidget(self)
        line = QHBoxLayout(lengths)
        line.setContentsMargins(0, 0, 0, 0)
        for caption, field in (("from", self.min_lines), ("to", self.max_lines)):
            label = QLabel(self)
            say(label, "setText", caption)
            line.addWidget(label)
            line.addWidget(field)
        line.addStretch(1)
        self.add("Board width, px", self.width_px, "0 accepts any width.")
        self.add("Board length, lines", lengths)
        self._table = QScrollArea(self)
        self._table.setWidgetResizable(True)
        self.column.addWidget(self._table, 1)
        self.column.addWidget(self._problem)
        self.name.currentTextChanged.connect(self._on_name)
        self.show_recipe(recipe)

    def show_recipe(self, recipe: Recipe) -> None:
        """Fill the fields from a recipe."""
        self._recipe = recipe
        self.width_px.setValue(recipe.width_px or 0)
        self.min_lines.setValue(recipe.min_lines)
        self.max_lines.setValue(recipe.max_lines)
        codes = list(dict.fromkeys((*self._classes, *recipe.rules)))
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
        self._rows = {"": self._add_row(grid, 1, tr(OTHERS), recipe.default_rule)}
        for number, code in enumerate(codes, 2):
            self._rows[code] = self._add_row(grid, number, defect_name(code), recipe.rule(code))
        grid.setRowStretch(len(codes) + 2, 1)
        self._table.setWidget(body)
        self._revision.setText(tr(REVISION, n=recipe.revision))

    def _add_row(self, grid: QGridLayout, number: int, title: str, rule: ClassRule) -> RuleRow:
        row = RuleRow(
            QLabel(self),
            QCheckBox(self),
            _decimal(self, 100, " %", 1),
            _decimal(self, 1e6, "", 0),
            _whole(self, 0, 9_999),
            _whole(self, 1, 5),
        )
        row.enabled.setChecked(rule.enabled)
        row.confidence.setValue(100 * rule.min_confidence)
        row.size.setValue(rule.min_size_um)
        row.tolerated.setValue(rule.max_defects)
        row.severity.setValue(rule.severity)
        fields = (row.title, row.enabled, row.confidence, row.size, row.tolerated, row.severity)
        for column, field in enumerate(fields):
            grid.addWidget(field, number, column, Qt.AlignmentFlag.AlignVCenter)
        row.name(title)
        return row

    def _on_name(self, name: str) -> None:
        try:
            self.show_recipe(self._services.load_recipe(name))
            self._problem.hide()
        except AoiError as error:
            self._problem.setText(f"{message(error.what)} {message(error.hint)}".strip())
            self._problem.show()

    def retranslate(self) -> None:
        """Write the names of the classes anew; what was edited stays."""
        for code, row in self._rows.items():
            row.name(defect_name(code) if code else tr(OTHERS))
        self._revision.setText(tr(REVISION, n=self._recipe.revision))

    def saved(self, recipe: Recipe) -> None:
        """Show the revision that a save made."""
        self._recipe = recipe
        self._revision.setText(tr(REVISION, n=recipe.revision))

    def recipe(self) -> Recipe:
        """Return the recipe as the fields say. Raises ValidationError."""
        default = self._rows[""].rule()
        rules = {code: row.rule() for code, row in self._rows.items() if code}
        changed = {c: r for c, r in rules.items() if r != default or c in self._recipe.rules}
        return Recipe.model_validate(
            self._recipe.model_dump()
            | {
                "width_px": self.width_px.value() or None,
                "min_lines": self.min_lines.value(),
                "max_lines": self.max_lines.value(),
                "default_rule": default,
                "rules": changed,
            }
        )


def _whole(parent: QWidget, least: int, most: int) -> QSpinBox:
    box = QSpinBox(parent)
    box.setRange(least, most)
    box.setGroupSeparatorShown(True)
    box.setCorrectionMode(QAbstractSpinBox.CorrectionMode.CorrectToNearestValue)
    return box


def _decimal(parent: QWidget, most: float, suffix: str, decimals: int) -> QDoubleSpinBox:
    box = QDoubleSpinBox(parent)
    box.setRange(0, most)
    box.setDecimals(decimals)
    box.setSuffix(suffix)
    return box
