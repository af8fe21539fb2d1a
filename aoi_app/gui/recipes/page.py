"""The recipe page: regions drawn on a board, limits by class, revisions, and a trial before it goes live."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from pydantic import ValidationError
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QPlainTextEdit,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from aoi_app.core.errors import AoiError
from aoi_app.core.recipe import Recipe
from aoi_app.gui.background import Background
from aoi_app.gui.board.picture import BoardPicture, picture_of_image
from aoi_app.gui.board.tools import ViewTools
from aoi_app.gui.history.columns import local_time
from aoi_app.gui.recipes.regions import IGNORE, INSPECT, DrawnRegion, RegionView, regions_of, with_regions
from aoi_app.gui.review.loading import read_file
from aoi_app.gui.services import HistoryReader
from aoi_app.gui.settings.rules_table import RulesTable
from aoi_app.gui.texts import message, say, tr
from aoi_app.storage.accounts import Right
from aoi_app.storage.difference import compare_recipes
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.trial import MOST_BOARDS, Trial, try_recipe

if TYPE_CHECKING:
    from aoi_app.gui.window import MainWindow

SIDE_WIDTH = 560
KINDS = (INSPECT, IGNORE)


class RecipePage(QWidget):
    """Edits a draft; nothing changes on the line before it is saved and put into force."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._services = window.services
        self._history: HistoryReader | None = None
        self._background = Background(self, "recipes")
        self.draft = self._saved = window.station.recipe
        self.regions: tuple[DrawnRegion, ...] = ()
        self._chosen = -1
        self.view = RegionView(self)
        self._tools = ViewTools(self.view, follows=False)
        self.name, self.kind_buttons = QComboBox(self), [QPushButton(self) for _ in KINDS]
        self.rules, self.region_list, self.region_name = RulesTable(self), QListWidget(self), QLineEdit(self)
        self.revisions, self.changes, self.trial = QListWidget(self), QPlainTextEdit(self), QPlainTextEdit(self)
        self._problem = QLabel(self)
        self.tabs = QTabWidget(self)
        self._lay_out()
        self._connect()
        self.load(window.station.recipe)

    # Putting together

    def _lay_out(self) -> None:
        self._problem.setProperty("role", "problem")
        self._problem.setWordWrap(True)
        self._problem.hide()
        head = QHBoxLayout()
        self.name.setMinimumWidth(180)
        head.addWidget(self.name)
        for kind, button in zip(KINDS, self.kind_buttons, strict=True):
            button.setCheckable(True)
            say(button, "setText", kind)
            say(button, "setToolTip", "Draw it on the board with the mouse")
            head.addWidget(button)
        self.delete_button = self._button("Delete region", head)
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
        for content in (self.rules, self._regions_tab(), self._revisions_tab(), self._trial_tab()):
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
        layout.addWidget(self._problem)
        layout.addLayout(row, 1)
        self.retranslate()

    def _button(self, text: str, row: QHBoxLayout) -> QPushButton:
        button = QPushButton(self)
        say(button, "setText", text)
        row.addWidget(button)
        return button

    def _regions_tab(self) -> QWidget:
        content = QWidget(self)
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.region_list, 1)
        say(self.region_name, "setPlaceholderText", "Name of the region")
        column.addWidget(self.region_name)
        return content

    def _revisions_tab(self) -> QWidget:
        content = QWidget(self)
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.revisions, 1)
        self.changes.setReadOnly(True)
        say(self.changes, "setPlaceholderText", "Choose a revision to see how it differs from the draft.")
        column.addWidget(self.changes, 1)
        row = QHBoxLayout()
        self.load_button = self._button("Load this revision as the draft", row)
        row.addStretch(1)
        column.addLayout(row)
        return content

    def _trial_tab(self) -> QWidget:
        self.trial.setReadOnly(True)
        say(self.trial, "setPlaceholderText", "Try the draft on recorded boards to see what would have changed.")
        return self.trial

    def _connect(self) -> None:
        for kind, button in zip(KINDS, self.kind_buttons, strict=True):
            button.clicked.connect(lambda on, kind=kind: self._on_kind(kind if on else None))
        self.view.drawn.connect(self._on_drawn)
        self.view.changed.connect(self._on_moved)
        self.view.chosen.connect(self._choose)
        self.region_list.currentRowChanged.connect(self._choose)
        self.region_name.textEdited.connect(self._on_named)
        self.delete_button.clicked.connect(self._on_delete)
        QShortcut(
            QKeySequence.StandardKey.Delete,
            self,
            self._on_delete,
            context=Qt.ShortcutContext.WidgetWithChildrenShortcut,
        )
        self.name.activated.connect(self._on_name)
        self.revisions.currentRowChanged.connect(self._on_revision)
        self.load_button.clicked.connect(self._on_load_revision)
        self.save_button.clicked.connect(lambda: self.save())
        self.force_button.clicked.connect(self._on_force)
        self.trial_button.clicked.connect(self.try_draft)

    # The draft

    def load(self, recipe: Recipe) -> None:
        """Take a recipe as the draft."""
        self.draft = recipe
        engine = self._window.station.status().engine
        self.rules.show_rules(recipe, engine.class_names if engine else ())
        self._set_regions(regions_of(recipe), -1)
        self._list_recipes()
        self._read_picture(recipe)

    def recipe(self) -> Recipe:
        """Return the draft as the page says. Raises ValidationError."""
        default, rules = self.rules.rules()
        changed = self.draft.model_dump() | {"default_rule": default, "rules": rules}
        return with_regions(Recipe.model_validate(changed), self.regions)

    def save(self) -> Recipe | None:
        """Save the draft as the next revision; None, with the reason on the page, when it cannot be."""
        if not self._window.session.may(Right.EDIT_RECIPES):
            self._tell(tr("Let somebody log in who may edit recipes."))
            return None
        try:
            saved = self._window.save_recipe(self.recipe())
        except ValidationError as error:
            self._tell(message("\n".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())))
            return None
        except AoiError as error:
            self._tell(f"{message(error.what)}\n{message(error.hint)}".strip())
            return None
        self._problem.hide()
        self.load(saved)
        return saved

    def _on_force(self) -> None:
        saved = self.save()
        if saved is not None:
            self._window.use_recipe(saved)
            if saved.name != self._window.settings.recipe:
                self._window.take_settings(self._window.settings.with_changes(recipe=saved.name))

    def _tell(self, text: str) -> None:
        self._problem.setText(text)
        self._problem.show()

    # Regions

    def _set_regions(self, regions: tuple[DrawnRegion, ...], chosen: int) -> None:
        self.regions, self._chosen = regions, chosen
        self.view.show_regions(regions, chosen)
        self.region_list.blockSignals(True)
        self.region_list.clear()
        for item in regions:
            r = item.region
            self.region_list.addItem(
                f"{r.name or tr(item.kind)}    {r.x:,.0f}, {r.y:,.0f}    {r.w:,.0f} × {r.h:,.0f} px"
            )
        self.region_list.setCurrentRow(chosen)
        self.region_list.blockSignals(False)
        self.region_name.setEnabled(chosen >= 0)
        self.delete_button.setEnabled(chosen >= 0)
        if not self.region_name.hasFocus():
            self.region_name.setText(regions[chosen].region.name if chosen >= 0 else "")

    def _choose(self, number: int) -> None:
        self._set_regions(self.regions, number)

    def _on_kind(self, kind: str | None) -> None:
        for name, button in zip(KINDS, self.kind_buttons, strict=True):
            button.setChecked(name == kind)
        self.view.draw(kind)

    def _on_drawn(self, region: DrawnRegion) -> None:
        self._on_kind(None)
        self._set_regions((*self.regions, region), len(self.regions))
        self.tabs.setCurrentIndex(1)

    def _on_moved(self, number: int, region: DrawnRegion) -> None:
        self._set_regions((*self.regions[:number], region, *self.regions[number + 1 :]), number)

    def _on_named(self, text: str) -> None:
        if self._chosen >= 0:
            old = self.regions[self._chosen]
            self._on_moved(self._chosen, DrawnRegion(old.kind, old.region.model_copy(update={"name": text})))

    def _on_delete(self) -> None:
        if self._chosen >= 0 and not self.region_name.hasFocus():
            self._set_regions(self.regions[: self._chosen] + self.regions[self._chosen + 1 :], -1)

    # The record

    def _read_picture(self, recipe: Recipe) -> None:
        self._background.run("picture", lambda: self._newest_board(recipe.name), self._on_picture, self._on_failed)

    def _reader(self) -> HistoryReader | None:
        self._history = self._history or self._services.open_history()
        return self._history

    def _newest_board(self, recipe: str) -> tuple[BoardPicture, float] | None:
        """Return the picture of the newest board of a recipe, and board pixels to one of the picture."""
        history = self._reader()
        if history is None:
            return None
        rows = history.page(HistoryQuery(recipes=(recipe,)), None, 1)
        record = history.board(rows[0].board_id) if rows else None
        image = None if record is None else (read_file(record.board_image), read_file(record.row.preview))
        pixels = next((p for p in image or () if p is not None), None)
        if record is None or pixels is None:
            return None
        return picture_of_image(record.row.board_id, pixels), record.inspection.width / pixels.shape[1]

    def _on_picture(self, found: tuple[BoardPicture, float] | None) -> None:
        picture, self.view.factor = (None, 1.0) if found is None else found
        self.view.show_picture(picture)

    def try_draft(self) -> None:
        """Judge recorded boards by the draft."""
        draft = self.recipe()
        self.tabs.setCurrentIndex(3)
        self.trial.setPlainText(tr("Judging recorded boards…"))
        self._background.run("trial", lambda: self._tried(draft), self._on_tried, self._on_failed)

    def _tried(self, draft: Recipe) -> Trial:
        history = self._reader()
        if history is None:
            return Trial(0, ())
        rows = history.page(HistoryQuery(recipes=(draft.name,)), None, MOST_BOARDS)
        records = (record for row in rows if (record := history.board(row.board_id)) is not None)
        return try_recipe(islice(records, MOST_BOARDS), draft)

    def _on_tried(self, trial: Trial) -> None:
        lines = [
            tr("{n} recorded boards were judged by the draft.", n=trial.boards),
            tr("{n} that failed would pass: {names}", n=len(trial.now_passed), names=_some(trial.now_passed)),
            tr("{n} that passed would fail: {names}", n=len(trial.now_failed), names=_some(trial.now_failed)),
            tr("{less} defects less and {more} more would count.", less=trial.defects_less, more=trial.defects_more),
            "",
            tr(
                "What lay below the thresholds of its day was not recorded: a lower threshold shows on new boards only."
            ),
        ]
        self.trial.setPlainText("\n".join(lines))

    def _on_failed(self, error: Exception) -> None:
        if not isinstance(error, AoiError):
            raise error
        self._tell(f"{message(error.what)}\n{message(error.hint)}".strip())

    # Recipes and revisions

    def _list_recipes(self) -> None:
        self.name.clear()
        self.name.addItems(sorted({self.draft.name, *self._services.recipes()}))
        self.name.setCurrentText(self.draft.name)
        self._listed = tuple(self._services.recipe_revisions(self.draft.name))
        self.revisions.clear()
        for entry in self._listed:
            what = "    ".join(p for p in (local_time(entry.saved_us), entry.saved_by, entry.comment) if p)
            self.revisions.addItem(f"{entry.revision}    {what}")
        self.changes.clear()

    def _revision(self) -> Recipe | None:
        row = self.revisions.currentRow()
        if not 0 <= row < len(self._listed):
            return None
        try:
            return self._services.load_revision(self.draft.name, self._listed[row].revision)
        except AoiError as error:
            self._on_failed(error)
            return None

    def _on_revision(self) -> None:
        chosen = self._revision()
        if chosen is not None:
            changes = compare_recipes(chosen, self.recipe())
            text = "\n".join(f"{c.field}: {c.before} → {c.after}" for c in changes)
            self.changes.setPlainText(text or tr("The draft is the same."))

    def _on_load_revision(self) -> None:
        chosen = self._revision()
        if chosen is not None:
            self.load(chosen)

    def _on_name(self) -> None:
        try:
            self.load(self._services.load_recipe(self.name.currentText()))
        except AoiError as error:
            self._on_failed(error)

    def page_shown(self) -> None:
        """Take the picture of the newest board."""
        self._read_picture(self.draft)

    def retranslate(self) -> None:
        """Write titles and lists anew."""
        for number, title in enumerate(("Limits", "Regions", "Revisions", "Trial")):
            self.tabs.setTabText(number, tr(title))
        self._set_regions(self.regions, self._chosen)

    def close_page(self) -> None:
        """Read no more."""
        self._background.close()


def _some(names: tuple[str, ...], most: int = 12) -> str:
    return (", ".join(names[:most]) + (" …" if len(names) > most else "")) or "–"
