"""The recipe in force: which one, its size limits, and a row of limits for each class of defects."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QComboBox, QWidget

from aoi_app.core.errors import AoiError
from aoi_app.core.inspection import EngineInfo
from aoi_app.core.recipe import MAX_LENGTH_LINES, MAX_WIDTH_PX, Recipe
from aoi_app.core.settings import ChangeoverSettings, Settings
from aoi_app.gui.services import Services
from aoi_app.gui.settings.form import Beside, Form
from aoi_app.gui.settings.rules_table import RulesTable, whole
from aoi_app.gui.texts import message, tr

BY = (("person", "a person"), ("serial", "the serial number"), ("barcode", "a bar code on the board"))
UNKNOWN = (("error", "is an error"), ("stop", "is an error, and the line stops"))
REVISION = "Revision {n}; applying a change saves the next one."


class RecipeTab(Form):
    """Chooses a recipe and edits its limits; saving makes a new revision."""

    def __init__(
        self, recipe: Recipe, settings: Settings, services: Services, engine: EngineInfo | None, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.by, self.unknown = QComboBox(self), QComboBox(self)
        self._changeover = settings.changeover
        self._services = services
        self._classes = engine.class_names if engine else ()
        self._recipe = recipe
        self.name = QComboBox(self)
        for name in sorted({recipe.name, *services.recipes()}):
            self.name.addItem(name)
        self.name.setCurrentText(recipe.name)
        self.width_px = whole(self, 0, MAX_WIDTH_PX)
        self.min_lines = whole(self, 1, MAX_LENGTH_LINES)
        self.max_lines = whole(self, 1, MAX_LENGTH_LINES)
        self._revision = self.note()
        self._problem = self.note()
        self._problem.hide()
        self.add("Recipe is chosen by", self.by, "Patterns and places of the codes are in the recipes.")
        self.add("A board of no recipe", self.unknown)
        self.add("Recipe", self.name)
        self.grid.addWidget(self._revision, self.grid.rowCount(), 1)
        lengths = ((self.min_lines, "Least board length, lines"), (self.max_lines, "Most board length, lines"))
        self.add("Board width, px", self.width_px, "0 accepts any width.")
        self.add("Board length, lines", Beside(lengths, self))
        self.rules = RulesTable(self)
        self.column.addWidget(self.rules, 1)
        self.column.addWidget(self._problem)
        self.name.currentTextChanged.connect(self._on_name)
        self.show_recipe(recipe)

    def show_recipe(self, recipe: Recipe) -> None:
        """Fill the fields from a recipe."""
        self._recipe = recipe
        self.width_px.setValue(recipe.width_px or 0)
        self.min_lines.setValue(recipe.min_lines)
        self.max_lines.setValue(recipe.max_lines)
        self.rules.show_rules(recipe, self._classes)
        self.retranslate()

    def _on_name(self, name: str) -> None:
        try:
            self.show_recipe(self._services.load_recipe(name))
            self._problem.hide()
        except AoiError as error:
            self._problem.setText(f"{message(error.what)} {message(error.hint)}".strip())
            self._problem.show()

    def changes(self) -> dict[str, object]:
        """Return who chooses recipes, where that was changed."""
        chosen = ChangeoverSettings.model_validate({"by": self.by.currentData(), "unknown": self.unknown.currentData()})
        return {} if chosen == self._changeover else {"changeover": chosen.model_dump()}

    def _offer(self, box: QComboBox, choices: Sequence[tuple[str, str]], chosen: str) -> None:
        chosen = box.currentData() or chosen
        box.clear()
        for value, title in choices:
            box.addItem(tr(title), value)
        box.setCurrentIndex(max(0, box.findData(chosen)))

    def retranslate(self) -> None:
        """Write the revision and the choices anew."""
        self._offer(self.by, BY, self._changeover.by)
        self._offer(self.unknown, UNKNOWN, self._changeover.unknown)
        self._revision.setText(tr(REVISION, n=self._recipe.revision))

    def saved(self, recipe: Recipe) -> None:
        """Show the revision that a save made."""
        self._recipe = recipe
        self.retranslate()

    def recipe(self) -> Recipe:
        """Return the recipe as the fields say. Raises ValidationError."""
        default, rules = self.rules.rules()
        return Recipe.model_validate(
            self._recipe.model_dump()
            | {
                "width_px": self.width_px.value() or None,
                "min_lines": self.min_lines.value(),
                "max_lines": self.max_lines.value(),
                "default_rule": default,
                "rules": rules,
            }
        )
