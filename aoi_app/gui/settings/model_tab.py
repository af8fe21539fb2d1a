"""Which model, what runs it, and in which precision."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QPushButton, QWidget

from aoi_app.core.errors import AoiError
from aoi_app.core.settings import Settings
from aoi_app.gui.background import Background
from aoi_app.gui.services import Choice, Services
from aoi_app.gui.settings.form import Beside, ChoiceBox, Form
from aoi_app.gui.settings.runtime_options import RuntimeOptions
from aoi_app.gui.texts import labelled, message, say, tr

PRECISIONS = (
    Choice("fp32", "FP32", detail="What the model was trained in."),
    Choice("fp16", "FP16", detail="Half the memory, faster on a GPU; compared with FP32 before it is used."),
    Choice("int8", "INT8", detail="Fastest; needs calibration images, and is compared with FP32 before it is used."),
)


class ModelTab(Form):
    """Model, runtime, precision; a runtime that is not installed is greyed, with the line that installs it."""

    def __init__(self, settings: Settings, services: Services, parent: QWidget) -> None:
        super().__init__(parent)
        self._models = (Choice("", "The station's own choice"), *services.models())
        self.model, self.runtime, self.precision = ChoiceBox(self), ChoiceBox(self), ChoiceBox(self)
        browse = QPushButton(self)
        say(browse, "setText", "Browse…")
        browse.clicked.connect(self._on_browse)
        row = Beside(((self.model, "Model"), (browse, "")), self, stretched=0)
        self._about_model, self._about_runtime, self._about_precision = self.note(), self.note(), self.note()
        for caption, field, about in (
            ("Model", row, self._about_model),
            ("Runtime", self.runtime, self._about_runtime),
            ("Precision", self.precision, self._about_precision),
        ):
            self.add(caption, field)
            self.grid.addWidget(about, self.grid.rowCount(), 1)
        self._try = services.try_runtimes
        self._background = Background(self, "trial")
        self.measure, self.measured = QPushButton(self), self.note()
        say(self.measure, "setText", "Measure on this machine")
        self.measure.clicked.connect(self._on_measure)
        self.measure.setVisible(self._try is not None)
        self.grid.addWidget(self.measure, self.grid.rowCount(), 1, Qt.AlignmentFlag.AlignLeft)
        self.grid.addWidget(self.measured, self.grid.rowCount(), 1)
        self.options = RuntimeOptions(services.runtime_fields, settings.runtime_options, self)
        self.column.addWidget(self.options)
        self.column.addStretch(1)
        self.runtime.currentIndexChanged.connect(self._show_options)
        for box in (self.model, self.runtime, self.precision):
            box.currentIndexChanged.connect(self._write_notes)
        self.model.offer(self._models, settings.model)
        self.runtime.offer(tuple(services.runtimes()), settings.runtime)
        self.precision.offer(PRECISIONS, settings.precision)

    def _show_options(self) -> None:
        self.options.show_runtime(self.runtime.value)

    def _write_notes(self) -> None:
        for box, about in ((self.model, self._about_model), (self.precision, self._about_precision)):
            about.setText(message(box.choice.detail) if box.choice else "")
        missing = (labelled(choice.title, message(choice.missing)) for choice in self.runtime.missing)
        self._about_runtime.setText("\n".join(missing))

    def retranslate(self) -> None:
        """Write the notes anew."""
        self._write_notes()

    def _on_browse(self) -> None:
        file, _ = QFileDialog.getOpenFileName(self, tr("Choose a model"), "", tr("Models (*.onnx *.tflite)"))
        if file:
            self.model.offer((*self._models, Choice(file, file)), file)

    def _on_measure(self) -> None:
        if self._try is None:
            return
        model, measure = self.model.value, self._try
        self.measure.setEnabled(False)
        self.measured.setText(tr("OpenVINO and ONNX Runtime inspect the same boards in turns; some seconds."))
        self._background.run("trial", lambda: measure(model), self._on_measured, self._on_not_measured)

    def _on_measured(self, said: str) -> None:
        self.measure.setEnabled(True)
        self.measured.setText(message(said))

    def _on_not_measured(self, error: Exception) -> None:
        what = f"{message(error.what)} {message(error.hint)}" if isinstance(error, AoiError) else str(error)
        self._on_measured(what.strip())

    def leave(self) -> None:
        """Wait for no measurement."""
        self._background.abandon()

    def changes(self) -> dict[str, object]:
        """Return the settings that this tab edits."""
        return {
            "model": self.model.value,
            "runtime": self.runtime.value,
            "precision": self.precision.value,
            "runtime_options": self.options.values(),
        }
