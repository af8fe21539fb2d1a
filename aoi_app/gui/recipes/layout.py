"""How the recipe page is laid out: the board on the left, the draft in tabs on the right."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import ValidationError
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from aoi_app.core.errors import AoiError
from aoi_app.core.recipe import Recipe
from aoi_app.gui.background import Background
from aoi_app.gui.board.tools import ViewTools
from aoi_app.gui.icons import icon
from aoi_app.gui.recipes.components_panel import ComponentsPanel
from aoi_app.gui.recipes.drawn import KINDS
from aoi_app.gui.recipes.product_panel import ProductPanel
from aoi_app.gui.recipes.regions import RegionView
from aoi_app.gui.recipes.regions_panel import RegionsPanel
from aoi_app.gui.recipes.revisions_panel import RevisionsPanel
from aoi_app.gui.recipes.trial_panel import TrialPanel
from aoi_app.gui.services import HistoryReader
from aoi_app.gui.settings.form import scrolled
from aoi_app.gui.settings.rules_table import RulesTable
from aoi_app.gui.texts import message, say, tr

if TYPE_CHECKING:
    from aoi_app.gui.window import MainWindow

SIDE_WIDTH = 640
TABS = ("Limits", "Regions", "Components", "Product", "Revisions", "Trial")


class RecipeLayout(QWidget):
    """The widgets of the page; what they do is the page's."""

    def __init__(
        self,
        window: MainWindow,
        background: Background,
        history: Callable[[], HistoryReader | None],
        import_parts: Callable[[], None],
        new_golden: Callable[[], None],
        draft: Callable[[], Recipe],
    ) -> None:
        super().__init__(window)
        self.view = RegionView(self)
        self._tools = ViewTools(self.view, follows=False)
        self.name, self.kind_buttons = QComboBox(self), [QPushButton(self) for _ in KINDS]
        self.rules, self.region_panel = RulesTable(self), RegionsPanel(self)
        self.components, self.product = ComponentsPanel(import_parts, self), ProductPanel(new_golden, self)
        self.revision_panel = RevisionsPanel(window.services.load_revision, draft, self)
        self.trial_panel = TrialPanel(history, background, self._on_failed, self)
        self.problem, self.tabs = QLabel(self), QTabWidget(self)
        self.undo_button, self.redo_button = self._tool("undo", "Undo (Ctrl+Z)"), self._tool("redo", "Redo (Ctrl+Y)")
        self._lay_out()

    def _lay_out(self) -> None:
        self.problem.setProperty("role", "problem")
        self.problem.setWordWrap(True)
        self.problem.hide()
        head = QHBoxLayout()
        self.name.setMinimumWidth(180)
        say(self.name, "setAccessibleName", "Recipe")
        head.addWidget(self.name)
        self.new_button = self._button("New…", head)
        say(self.new_button, "setToolTip", "Make a recipe from a golden board")
        head.addSpacing(12)
        for kind, button in zip(KINDS, self.kind_buttons, strict=True):
            button.setCheckable(True)
            say(button, "setText", kind)
            say(button, "setToolTip", "Draw it on the board with the mouse")
            head.addWidget(button)
        self.delete_button = self._button("Delete", head)
        say(self.delete_button, "setToolTip", "Delete region")
        head.addWidget(self.undo_button)
        head.addWidget(self.redo_button)
        head.addStretch(1)
        self.trial_button = self._button("Try on recorded boards", head)
        self.save_button = self._button("Save", head)
        self.force_button = self._button("Save and put into force", head)
        self.force_button.setDefault(True)
        frame = QFrame(self)
        frame.setObjectName("panel")
        inside = QVBoxLayout(frame)
        inside.setContentsMargins(1, 1, 1, 1)
        inside.addWidget(self.view)
        self.tabs.setFixedWidth(SIDE_WIDTH)
        panels = (
            self.rules,
            self.region_panel,
            self.components,
            scrolled(self.product),
            self.revision_panel,
            self.trial_panel,
        )
        for content in panels:
            page = QWidget(self)
            column = QVBoxLayout(page)
            column.setContentsMargins(14, 14, 14, 14)
            column.addWidget(content)
            self.tabs.addTab(page, "")
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(frame, 1)
        row.addWidget(self.tabs)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 10, 10, 8)
        layout.setSpacing(8)
        layout.addLayout(head)
        layout.addWidget(self.problem)
        layout.addLayout(row, 1)
        self.use_theme()
        self.retranslate()

    def _button(self, text: str, row: QHBoxLayout) -> QPushButton:
        button = QPushButton(self)
        say(button, "setText", text)
        row.addWidget(button)
        return button

    def _tool(self, name: str, tip: str) -> QToolButton:
        button = QToolButton(self)
        button.setProperty("flat", True)
        say(button, "setToolTip", tip)
        say(button, "setAccessibleName", tip)
        button.setObjectName(name)
        return button

    def use_theme(self) -> None:
        """Draw the icons in the colours of the theme in use."""
        for button in (self.undo_button, self.redo_button):
            button.setIcon(icon(button.objectName()))

    def _on_failed(self, error: Exception) -> None:
        if not isinstance(error, AoiError):
            raise error
        self._tell(f"{message(error.what)}\n{message(error.hint)}".strip())

    def _on_invalid(self, error: ValidationError) -> None:
        self._tell(message("\n".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())))

    def _tell(self, text: str) -> None:
        self.problem.setText(text)
        self.problem.show()

    def show_tab(self, title: str) -> None:
        """Bring a tab to the front, by its English title."""
        self.tabs.setCurrentIndex(TABS.index(title))

    def retranslate(self) -> None:
        """Write the titles anew."""
        for number, title in enumerate(TABS):
            self.tabs.setTabText(number, tr(title))
