"""Which camera, and how it runs."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QDoubleSpinBox, QLineEdit, QPushButton, QSpinBox, QWidget

from aoi_app.core.settings import Settings
from aoi_app.gui.background import Background
from aoi_app.gui.services import Choice, Services
from aoi_app.gui.settings.camera_options import CameraOptions
from aoi_app.gui.settings.form import Beside, ChoiceBox, Form
from aoi_app.gui.texts import labelled, message, say, tr

FASTEST = 1_000_000.0


class CameraTab(Form):
    """Source, line rate, lines a block, options."""

    def __init__(self, settings: Settings, services: Services, background: Background, parent: QWidget) -> None:
        super().__init__(parent)
        self._settings = settings
        self._services = services
        self._background = background
        self.found = ChoiceBox(self)
        self.source = QLineEdit(settings.camera.source, self)
        self.rate = QDoubleSpinBox(self)
        self.rate.setRange(0, FASTEST)
        self.rate.setDecimals(0)
        self.rate.setGroupSeparatorShown(True)
        self.rate.setSingleStep(500)
        self.rate.setValue(settings.camera.line_rate or 0)
        self.rate.setSuffix(" Hz")
        self.height_lines = QSpinBox(self)
        self.height_lines.setRange(1, 4096)
        self.height_lines.setValue(settings.camera.height)
        self._search = QPushButton(self)
        say(self._search, "setText", "Search again")
        self._search.clicked.connect(self.search)
        self._note = self.note()
        self.add("Found cameras", Beside(((self.found, "Found cameras"), (self._search, "")), self, stretched=0))
        self.grid.addWidget(self._note, self.grid.rowCount(), 1)
        self.add("Source", self.source, "A camera's address, or the path of an image or a folder of images.")
        self.add("Line rate", self.rate, "Lines per second; 0 runs as fast as the source delivers.")
        self.add("Lines per block", self.height_lines)
        self.options = CameraOptions(settings.camera.options, self)
        self.grid.setRowStretch(self.grid.rowCount() - 2, 1)
        self.found.currentIndexChanged.connect(self._on_chosen)
        self.search()

    def search(self) -> None:
        """Ask which cameras answer; takes seconds, in a worker thread."""
        self._search.setEnabled(False)
        self._note.setText(tr("Looking for cameras…"))
        self._offer((), searching=True)
        self._background.run("cameras", self._services.cameras, self._on_found, self._on_failed)

    def _offer(self, choices: Sequence[Choice], searching: bool = False) -> None:
        self.found.blockSignals(True)
        self.found.offer(choices, self.source.text())
        self.found.blockSignals(False)
        self.found.setEnabled(not searching)

    def _on_found(self, choices: Sequence[Choice]) -> None:
        self._search.setEnabled(True)
        self._offer(choices)
        self.retranslate()

    def retranslate(self) -> None:
        """Write what is missing anew."""
        if not self._search.isEnabled():
            return
        missing = self.found.missing
        self._note.setText("\n".join(labelled(message(c.title), message(c.missing)) for c in missing))
        self._note.setVisible(bool(missing))

    def _on_failed(self, error: Exception) -> None:
        self._search.setEnabled(True)
        self.found.setEnabled(True)
        self._note.setText(message(str(error)))

    def _on_chosen(self) -> None:
        if self.found.value:
            self.source.setText(self.found.value)

    def changes(self) -> dict[str, object]:
        """Return the settings that this tab edits. Raises SettingsError, FeatureError."""
        camera = self._settings.camera.model_dump()
        camera |= {
            "source": self.source.text().strip(),
            "line_rate": self.rate.value() or None,
            "height": self.height_lines.value(),
            "options": self.options.values(),
        }
        return {"camera": camera}
