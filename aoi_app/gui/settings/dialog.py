"""The settings: camera, model, recipe, look; what is changed works from the next board on, without a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QTabWidget, QVBoxLayout

from aoi_app.core.errors import AoiError
from aoi_app.core.recipe import Recipe
from aoi_app.core.settings import Settings
from aoi_app.core.validation import field_problems
from aoi_app.gui.background import Background
from aoi_app.gui.screen_room import resize_to_fit, room_of
from aoi_app.gui.settings.camera_tab import CameraTab
from aoi_app.gui.settings.form import scrolled
from aoi_app.gui.settings.keys_tab import KeysTab
from aoi_app.gui.settings.look_tab import LookTab
from aoi_app.gui.settings.model_tab import ModelTab
from aoi_app.gui.settings.recipe_tab import RecipeTab
from aoi_app.gui.settings.record_tab import RecordTab
from aoi_app.gui.settings.shift_tab import ShiftTab
from aoi_app.gui.texts import message, say, tr
from aoi_app.storage.record_settings import RecordSettings

if TYPE_CHECKING:
    from aoi_app.gui.window import MainWindow

TABS = ("Camera", "Model", "Recipe", "Review", "Record", "Shift", "Appearance")


class SettingsDialog(QDialog):
    """Edits a copy; Apply puts it into force and keeps it, Cancel leaves everything as it was."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._background = Background(self, "settings")
        say(self, "setWindowTitle", "Settings")
        self.tabs = QTabWidget(self)
        services, settings, recipe = window.services, window.settings, window.station.recipe
        self.camera = CameraTab(settings, services, self._background, self)
        self.model = ModelTab(settings, services, self)
        self.recipe = RecipeTab(recipe, settings, services, window.station.status().engine, self)
        self.keys = KeysTab(settings, self)
        self.look = LookTab(settings, self)
        self._problem = QLabel(self)
        self._loaded = self._load_record()
        self.record, self.shift = RecordTab(self._loaded, self), ShiftTab(self._loaded, self)
        tabs = (self.camera, self.model, self.recipe, self.keys, self.record, self.shift, self.look)
        long = (self.camera, self.model, self.record, self.shift)
        for tab, title in zip(tabs, TABS, strict=True):
            self.tabs.addTab(scrolled(tab) if tab in long else tab, tr(title))
        self._problem.setProperty("role", "problem")
        self._problem.setWordWrap(True)
        self._problem.setVisible(bool(self._problem.text()))
        note = QLabel(self)
        note.setProperty("role", "muted")
        note.setWordWrap(True)
        say(note, "setText", "Changes take effect from the next board on; the line goes on meanwhile.")
        buttons = QDialogButtonBox(self)
        roles = QDialogButtonBox.ButtonRole
        for text, role, slot in (
            ("OK", roles.AcceptRole, self._on_ok),
            ("Apply", roles.ApplyRole, self.apply),
            ("Cancel", roles.RejectRole, self.reject),
        ):
            button = buttons.addButton(tr(text), role)
            button.clicked.connect(slot)
            button.setMinimumWidth(96)
            button.setDefault(text == "OK")
            say(button, "setText", text)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(12)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self._problem)
        layout.addWidget(note)
        layout.addWidget(buttons)
        resize_to_fit(self, 760, 600, room_of(self))

    def _load_record(self) -> RecordSettings:
        try:
            return self._window.services.load_record()
        except AoiError as error:
            # What is shown then are the usual ones; saving them mends the file.
            self._problem.setText(f"{message(error.what)}\n{message(error.hint)}".strip())
            return RecordSettings()

    def record_values(self) -> RecordSettings:
        """Return how the record is to be kept. Raises ValidationError, AoiError."""
        changes = self.record.changes() | self.shift.changes()
        return RecordSettings.model_validate(self._loaded.model_dump() | changes)

    def values(self) -> tuple[Settings, Recipe]:
        """Return what the tabs say. Raises ValidationError, AoiError."""
        recipe = self.recipe.recipe()
        chosen = recipe.name != self._window.station.recipe.name
        changes: dict[str, object] = {"recipe": recipe.name} if chosen else {}
        for tab in (self.camera, self.model, self.recipe, self.keys, self.look):
            changes |= tab.changes()
        return self._window.settings.with_changes(**changes), recipe

    def apply(self) -> bool:
        """Put into force what was changed; say what cannot be."""
        try:
            settings, recipe = self.values()
            record = self.record_values()
            if recipe != self._window.station.recipe:
                recipe = self._window.save_recipe(recipe)
                self._window.use_recipe(recipe)
                self.recipe.saved(recipe)
            if record != self._loaded:
                self._window.save_record(self._loaded, record)
                self._loaded = record
        except ValidationError as error:
            return self._tell(message("\n".join(field_problems(error))))
        except AoiError as error:
            return self._tell(f"{message(error.what)}\n{message(error.hint)}".strip())
        if settings != self._window.settings:
            self._window.take_settings(settings)
        self._problem.hide()
        return True

    def _tell(self, problem: str) -> bool:
        self._problem.setText(problem)
        self._problem.show()
        return False

    def _on_ok(self) -> None:
        if self.apply():
            self.accept()

    def done(self, result: int) -> None:
        """Stop looking for cameras, then close."""
        self._background.abandon()
        super().done(result)

    def retranslate(self) -> None:
        """Write the tabs' titles anew."""
        for number, title in enumerate(TABS):
            self.tabs.setTabText(number, tr(title))
