"""Language and look of the window."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from aoi_app.core.settings import Settings
from aoi_app.gui.services import Choice
from aoi_app.gui.settings.form import ChoiceBox, Form
from aoi_app.gui.texts import LANGUAGES

THEMES = (Choice("dark", "Dark"), Choice("light", "Light"))


class LookTab(Form):
    """Language and theme."""

    def __init__(self, settings: Settings, parent: QWidget) -> None:
        super().__init__(parent)
        self.language, self.theme = ChoiceBox(self), ChoiceBox(self)
        self.language.offer([Choice(code, name) for code, name in LANGUAGES.items()], settings.language)
        self.theme.offer(THEMES, settings.theme)
        self.add("Language", self.language)
        self.add("Theme", self.theme)
        self.column.addStretch(1)

    def changes(self) -> dict[str, object]:
        """Return the settings that this tab edits."""
        return {"language": self.language.value, "theme": self.theme.value}
