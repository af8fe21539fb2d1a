"""The recipe page: regions drawn on a board, limits, components, codes, revisions, and a trial before it goes live."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QDialog

from aoi_app.boards.centroid import usual_frame
from aoi_app.core.components import BoardFrame
from aoi_app.core.errors import AoiError, RecipeError
from aoi_app.core.recipe import Recipe
from aoi_app.gui.background import Background
from aoi_app.gui.board.picture import BoardPicture
from aoi_app.gui.recipes.drawn import KINDS, DrawnRegion, regions_of, with_drawn, with_regions
from aoi_app.gui.recipes.layout import RecipeLayout
from aoi_app.gui.recipes.loading import board_picture
from aoi_app.gui.recipes.region_painter import ComponentOutlines
from aoi_app.gui.recipes.undo import UndoStack
from aoi_app.gui.services import HistoryReader
from aoi_app.gui.texts import tr
from aoi_app.storage.accounts import Right

if TYPE_CHECKING:
    from aoi_app.gui.window import MainWindow


class RecipePage(RecipeLayout):
    """Edits a draft; nothing changes on the line before it is saved and put into force."""

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        self._services = window.services
        self._history: HistoryReader | None = None
        self.draft = window.station.recipe
        self.undo_stack: UndoStack[tuple[DrawnRegion, ...]] = UndoStack(())
        self._chosen = -1
        background = Background(window, "recipes")
        super().__init__(window, background, self._reader, self.import_parts, self.new_golden, self.recipe)
        self._background = background
        self._connect()
        self.load(window.station.recipe)

    def _connect(self) -> None:
        for kind, button in zip(KINDS, self.kind_buttons, strict=True):
            button.clicked.connect(lambda on, kind=kind: self._on_kind(kind if on else None))
        self.view.drawn.connect(self._on_drawn)
        self.view.changed.connect(lambda number, region: self._edit(number, region, "moved"))
        self.view.chosen.connect(self._choose)
        self.view.picked.connect(self.components.take_place)
        self.view.component_clicked.connect(self._on_component)
        self.region_panel.chosen.connect(self._choose)
        self.region_panel.edited.connect(lambda region, what: self._edit(self._chosen, region, what))
        self.components.changed.connect(self._show_components)
        self.components.chosen.connect(lambda _: self._show_components())
        self.components.wants_place.connect(lambda: self.view.pick(True))
        self.product.edited.connect(self._on_product)
        self.revision_panel.load.connect(self.load)
        self.revision_panel.failed.connect(self._on_failed)
        self.trial_panel.open_board.connect(self._window.open_board)
        self.delete_button.clicked.connect(self._on_delete)
        self.undo_button.clicked.connect(self.undo)
        self.redo_button.clicked.connect(self.redo)
        self.name.activated.connect(self._on_name)
        self.new_button.clicked.connect(self.new_recipe)
        self.save_button.clicked.connect(lambda: self.save())
        self.force_button.clicked.connect(self._on_force)
        self.trial_button.clicked.connect(self.try_draft)
        keys = QKeySequence.StandardKey
        for key, slot in ((keys.Delete, self._on_delete), (keys.Undo, self.undo), (keys.Redo, self.redo)):
            QShortcut(key, self, slot, context=Qt.ShortcutContext.WidgetWithChildrenShortcut)

    # The draft

    @property
    def regions(self) -> tuple[DrawnRegion, ...]:
        """The regions of the draft."""
        return self.undo_stack.state

    def load(self, recipe: Recipe) -> None:
        """Take a recipe as the draft."""
        self.draft = recipe
        self.rules.show_rules(recipe, self._codes())
        self.undo_stack = UndoStack(regions_of(recipe))
        self._choose(-1)
        self.components.show_recipe(recipe, (recipe.width_px or 0, 0))
        self.product.show_recipe(recipe, self._services.newest_recipes())
        self._show_components()
        self._list_recipes()
        self._read_picture(recipe)

    def recipe(self) -> Recipe:
        """Return the draft as the page says. Raises ValidationError."""
        default, rules = self.rules.rules()
        changed = self.draft.model_dump() | self.product.values()
        changed |= {
            "default_rule": default,
            "rules": rules,
            "components": [component.model_dump() for component in self.components.components],
            "component_frame": self.components.frame_form.frame() if self.components.components else BoardFrame(),
        }
        return Recipe.model_validate(with_regions(Recipe.model_validate(changed), self.regions).model_dump())

    def save(self) -> Recipe | None:
        """Save the draft as the next revision; None, with the reason on the page, when it cannot be."""
        if not self._window.session.may(Right.EDIT_RECIPES):
            self._tell(tr("Let somebody log in who may edit recipes."))
            return None
        try:
            saved = self._window.save_recipe(self.recipe())
        except ValidationError as error:
            self._on_invalid(error)
            return None
        except AoiError as error:
            self._on_failed(error)
            return None
        self.problem.hide()
        self.load(saved)
        return saved

    def _on_force(self) -> None:
        saved = self.save()
        if saved is not None:
            self._window.use_recipe(saved)
            if saved.name != self._window.settings.recipe:
                self._window.take_settings(self._window.settings.with_changes(recipe=saved.name))

    def new_recipe(self) -> None:
        """Make a recipe from a golden board."""
        self._ask_golden(self.draft, same=False)

    def new_golden(self) -> None:
        """Give the draft another golden board."""
        try:
            self._ask_golden(self.recipe(), same=True)
        except ValidationError as error:
            self._on_invalid(error)

    def _ask_golden(self, base: Recipe, same: bool) -> None:
        from aoi_app.gui.recipes.new_dialog import NewRecipeDialog

        goldens = self._services.goldens
        if goldens is None or not self._window.session.may(Right.EDIT_RECIPES):
            self._tell(tr("Let somebody log in who may edit recipes."))
            return
        station, names = self._window.station, lambda: tuple(self._services.recipes())
        dialog = NewRecipeDialog(base, goldens, station, names, self, same)
        if dialog.exec() == QDialog.DialogCode.Accepted and dialog.recipe is not None:
            self.load(dialog.recipe)
            self.save()
        dialog.deleteLater()

    def import_parts(self) -> None:
        """Bring in the components of a centroid file."""
        from aoi_app.gui.recipes.import_dialog import ImportDialog

        dialog = ImportDialog(self)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            self.take_parts(dialog)
        dialog.deleteLater()

    def take_parts(self, dialog: ImportDialog) -> None:
        """Take over what an import dialog shows, where the board's corner is the file's origin until it is laid."""
        lines = self.components.board_size[1] or self.draft.max_lines
        try:
            frame = usual_frame(self.recipe(), lines, dialog.chosen_side, dialog.y_down.isChecked())
        except (RecipeError, ValidationError):
            # Without a pixel size it is laid by two places; until then the parts lie somewhere.
            frame = BoardFrame(
                origin_px=(0.0, float(lines)), mirrored=dialog.chosen_side == "bottom", y_down=dialog.y_down.isChecked()
            )
        self.components.take(dialog.components(), frame)

    def try_draft(self) -> None:
        """Judge recorded boards by the draft."""
        try:
            draft = self.recipe()
        except ValidationError as error:
            self._on_invalid(error)
            return
        self.show_tab("Trial")
        self.trial_panel.run(draft)

    # Regions

    def _set_regions(self, regions: tuple[DrawnRegion, ...], chosen: int, step: str = "") -> None:
        self.undo_stack.push(regions, step)
        self._choose(chosen)

    def _choose(self, number: int) -> None:
        self._chosen = number if number < len(self.regions) else -1
        self.view.show_regions(self.regions, self._chosen)
        self.region_panel.show_regions(self.regions, self._chosen, self.draft, self._codes())
        self.delete_button.setEnabled(self._chosen >= 0)
        self.undo_button.setEnabled(self.undo_stack.can_undo)
        self.redo_button.setEnabled(self.undo_stack.can_redo)

    def _on_kind(self, kind: str | None) -> None:
        for name, button in zip(KINDS, self.kind_buttons, strict=True):
            button.setChecked(name == kind)
        self.view.draw(kind)

    def _on_drawn(self, region: DrawnRegion) -> None:
        self._on_kind(None)
        regions = with_drawn(self.regions, region)
        self._set_regions(regions, len(regions) - 1)
        self.show_tab("Regions")

    def _edit(self, number: int, region: DrawnRegion, what: str) -> None:
        if 0 <= number < len(self.regions):
            step = f"{what} {number}"
            self._set_regions((*self.regions[:number], region, *self.regions[number + 1 :]), number, step)

    def _on_delete(self) -> None:
        if self._chosen >= 0 and not self.region_panel.name.hasFocus():
            self._set_regions(self.regions[: self._chosen] + self.regions[self._chosen + 1 :], -1)

    def undo(self) -> None:
        """Take the last step on the regions back."""
        self.undo_stack.undo()
        self._choose(self._chosen)

    def redo(self) -> None:
        """Do the step again that was taken back."""
        self.undo_stack.redo()
        self._choose(self._chosen)

    # Components and product

    def _show_components(self) -> None:
        outlines = ComponentOutlines(self.components.components, self.components.frame_form.frame())
        self.view.show_components(outlines, self.components.reference)
        self._on_product()

    def _on_component(self, reference: str) -> None:
        self.components.choose(reference)
        self.view.show_components(self.view.outlines, reference)

    def _on_product(self) -> None:
        try:
            self.product.show_counted(self.recipe())
        except ValidationError:
            return

    # The record

    def _read_picture(self, recipe: Recipe) -> None:
        self._background.run(
            "picture",
            lambda: board_picture(recipe, self._services.goldens, self._reader),
            self._on_picture,
            self._on_failed,
        )

    def _reader(self) -> HistoryReader | None:
        self._history = self._history or self._services.open_history()
        return self._history

    def _on_picture(self, found: tuple[BoardPicture, float] | None) -> None:
        picture, self.view.factor = (None, 1.0) if found is None else found
        self.view.show_picture(picture)
        if picture is not None:
            size = round(picture.width * self.view.factor), round(picture.lines * self.view.factor)
            self.components.show_size(size)

    def _codes(self) -> tuple[str, ...]:
        engine = self._window.station.status().engine
        return engine.class_names if engine else ()

    # Recipes

    def _list_recipes(self) -> None:
        self.name.clear()
        self.name.addItems(sorted({self.draft.name, *self._services.recipes()}))
        self.name.setCurrentText(self.draft.name)
        self.revision_panel.show_revisions(self.draft.name, tuple(self._services.recipe_revisions(self.draft.name)))

    def _on_name(self) -> None:
        try:
            self.load(self._services.load_recipe(self.name.currentText()))
        except AoiError as error:
            self._on_failed(error)

    def page_shown(self) -> None:
        """Take the picture of the golden or the newest board."""
        self._read_picture(self.draft)

    def close_page(self) -> None:
        """Read no more."""
        self.trial_panel.stop()
        self._background.close()


if TYPE_CHECKING:
    from aoi_app.gui.recipes.import_dialog import ImportDialog
