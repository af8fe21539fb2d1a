"""All saves of a recipe: how each differs from the draft, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QListWidget, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from aoi_app.core.errors import AoiError
from aoi_app.core.recipe import Recipe
from aoi_app.gui.history.columns import local_time
from aoi_app.gui.texts import say, tr
from aoi_app.storage.difference import compare_recipes
from aoi_app.storage.recipes import RecipeRevision

MOST_CHANGES = 400


class RevisionsPanel(QWidget):
    """Lists revisions, newest first."""

    load = Signal(object)
    """A revision that is to be the draft."""
    failed = Signal(object)

    def __init__(self, read: Callable[[str, int], Recipe], draft: Callable[[], Recipe], parent: QWidget) -> None:
        super().__init__(parent)
        self._read, self._draft = read, draft
        self._name = ""
        self._listed: Sequence[RecipeRevision] = ()
        self.list, self.changes, self.load_button = QListWidget(self), QPlainTextEdit(self), QPushButton(self)
        self.changes.setReadOnly(True)
        say(self.list, "setAccessibleName", "Revisions")
        say(self.changes, "setAccessibleName", "Difference")
        say(self.changes, "setPlaceholderText", "Choose a revision to see how it differs from the draft.")
        say(self.load_button, "setText", "Load this revision as the draft")
        row = QHBoxLayout()
        row.addWidget(self.load_button)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.list, 1)
        column.addWidget(self.changes, 1)
        column.addLayout(row)
        self.list.currentRowChanged.connect(self._on_row)
        self.load_button.clicked.connect(self._on_load)

    def show_revisions(self, name: str, listed: Sequence[RecipeRevision]) -> None:
        """List the saves of a recipe, newest first."""
        self._name, self._listed = name, listed
        self.list.clear()
        for entry in listed:
            what = "    ".join(p for p in (local_time(entry.saved_us), entry.saved_by, entry.comment) if p)
            self.list.addItem(f"{entry.revision}    {what}")
        self.changes.clear()
        self.load_button.setEnabled(False)

    def _chosen(self) -> Recipe | None:
        row = self.list.currentRow()
        if not 0 <= row < len(self._listed):
            return None
        try:
            return self._read(self._name, self._listed[row].revision)
        except AoiError as error:
            self.failed.emit(error)
            return None

    def _on_row(self) -> None:
        chosen = self._chosen()
        self.load_button.setEnabled(chosen is not None)
        if chosen is None:
            return
        try:
            changes = compare_recipes(chosen, self._draft())
        except ValueError:
            self.changes.setPlainText(tr("The draft has values that no recipe can have."))
            return
        lines = [f"{c.field}: {c.before} → {c.after}" for c in changes[:MOST_CHANGES]]
        if len(changes) > MOST_CHANGES:
            lines.append("…")
        self.changes.setPlainText("\n".join(lines) or tr("The draft is the same."))

    def _on_load(self) -> None:
        chosen = self._chosen()
        if chosen is not None:
            self.load.emit(chosen)
