"""Capturing the flat field, step by step: dark lines, bright lines, save."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QSpinBox, QVBoxLayout, QWidget

from aoi_app.camera.flat_field import FlatField
from aoi_app.core.scan import Pixels
from aoi_app.core.settings import CameraSettings
from aoi_app.gui.camera.answers import Answers
from aoi_app.gui.camera.draft import with_flat_field, without_spoilers
from aoi_app.gui.camera.session import Session
from aoi_app.gui.texts import say, tr

LINES = 2_048
STEPS = (
    ("Cover the lens, so that no light falls into it.", "Take dark lines"),
    ("Uncover the lens and lay out an even, bright target. About 170 in the histogram is right.", "Take bright lines"),
    ("Save the flat field; the line uses it from then on.", "Save, and use on the line"),
)


class FlatFieldPanel(QWidget):
    """Three steps. The camera meanwhile runs without flat field and window, so that what is on show is its own."""

    asked = Signal()
    """Something is tried anew: what was told of the try before no longer holds."""
    finished = Signal(object)
    """The settings that use the flat field; None when it was left."""

    def __init__(self, failed: Callable[[Exception], None], parent: QWidget) -> None:
        super().__init__(parent)
        self._failed = failed
        self.answers = Answers(self._on_failed)
        self._session: Session | None = None
        self._draft = CameraSettings()
        self.pictures: list[Pixels] = []
        self.field: FlatField | None = None
        self._rows: list[tuple[QLabel, QPushButton, QLabel]] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        intro = QLabel(self)
        intro.setProperty("role", "muted")
        intro.setWordWrap(True)
        say(
            intro,
            "setText",
            "Every column of the sensor gets its own dark level and gain. It holds for this exposure, gain, line rate, "
            "width and pixel format: set them first.",
        )
        column.addWidget(intro)
        row = QHBoxLayout()
        caption = QLabel(self)
        say(caption, "setText", "Lines of each picture")
        self.lines = QSpinBox(self)
        self.lines.setRange(16, 65_536)
        self.lines.setSingleStep(1_024)
        self.lines.setValue(LINES)
        caption.setBuddy(self.lines)
        say(self.lines, "setAccessibleName", "Lines of each picture")
        row.addWidget(caption)
        row.addWidget(self.lines)
        row.addStretch(1)
        column.addLayout(row)
        for number, (task, act) in enumerate(STEPS):
            column.addSpacing(6)
            label, button, result = QLabel(self), QPushButton(self), QLabel(self)
            label.setWordWrap(True)
            result.setWordWrap(True)
            result.setProperty("role", "muted")
            say(label, "setText", task)
            say(button, "setText", act)
            button.clicked.connect((self.take_dark, self.take_bright, self.save)[number])
            column.addWidget(label)
            if number == len(STEPS) - 1:
                self.file = QLineEdit(self)
                say(self.file, "setAccessibleName", "File of the flat field")
                column.addWidget(self.file)
            line = QHBoxLayout()
            line.addWidget(button)
            line.addWidget(result, 1)
            column.addLayout(line)
            self._rows.append((label, button, result))
        column.addStretch(1)
        self.leave_button = QPushButton(self)
        say(self.leave_button, "setText", "Leave without saving")
        self.leave_button.clicked.connect(self.leave)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.leave_button)
        column.addLayout(row)

    @property
    def step(self) -> int:
        """What is to be done now: 0 dark, 1 bright, 2 save."""
        return 2 if self.field is not None else len(self.pictures)

    def begin(self, session: Session, draft: CameraSettings, file: Path) -> None:
        """Begin with a camera that runs."""
        self._session, self._draft = session, draft
        self.pictures, self.field = [], None
        self.file.setText(str(file))
        self._ask_for_raw()
        self._rows[0][1].setFocus()

    def _ask_for_raw(self) -> None:
        assert self._session is not None
        self.answers.expect(self._session.apply(without_spoilers(self._draft)), lambda _: self._show())
        self._show()

    def take_dark(self) -> None:
        """Take the dark lines; the bright ones are to be taken after them."""
        self._take(0)

    def take_bright(self) -> None:
        """Take the bright lines, and measure."""
        self._take(1)

    def _take(self, number: int) -> None:
        assert self._session is not None
        self.asked.emit()
        del self.pictures[number:]
        self.field = None
        self.answers.expect(self._session.capture(self.lines.value(), dark=number == 0), self._on_lines)
        self._show()

    def _on_lines(self, pixels: Pixels) -> None:
        self.pictures.append(pixels)
        if len(self.pictures) == 2:
            assert self._session is not None
            self.answers.expect(self._session.measure(*self.pictures), self._on_measured)
        self._show()

    def _on_measured(self, field: FlatField) -> None:
        self.field = field
        self._show()

    def save(self) -> None:
        """Write the file, then use it."""
        assert self._session is not None and self.field is not None
        self.asked.emit()
        file = Path(self.file.text().strip())
        used = with_flat_field(self._draft, str(file))
        session = self._session

        def saved(_: object) -> None:
            self.answers.expect(session.apply(used), lambda _: self._finish(used))

        self.answers.expect(session.save(self.field, file), saved)
        self._show()

    def leave(self) -> None:
        """Change nothing."""
        assert self._session is not None
        self.answers.forget()
        self.answers.expect(self._session.apply(self._draft), lambda _: self._finish(None))
        self._show()

    def end(self) -> None:
        """Forget the camera: it is given back."""
        self.answers.forget()
        self._session, self.pictures, self.field = None, [], None

    def _finish(self, settings: CameraSettings | None) -> None:
        self.end()
        self.finished.emit(settings)

    def _on_failed(self, error: Exception) -> None:
        if self.field is None and len(self.pictures) == 2:
            # Not measurable: the bright lines are to be taken again.
            self.pictures.pop()
        self._show()
        self._failed(error)

    def _show(self) -> None:
        busy, now = self.answers.busy, self.step
        levels = [tr("mean grey level {n}", n=f"{p.mean():.1f}") for p in self.pictures]
        results = (*[*levels, "", ""][:2], self._summary())
        for number, (label, button, result) in enumerate(self._rows):
            label.setEnabled(number <= now)
            # What was taken can be taken again: with the lens half covered, or another lamp.
            button.setEnabled(number <= now and not busy)
            button.setDefault(number == now)
            result.setText(tr("Taking lines…") if busy and number == now and now < 2 else results[number])
        self.file.setEnabled(now == 2)
        self.leave_button.setEnabled(not busy)

    def _summary(self) -> str:
        if self.field is None:
            return ""
        gain = self.field.gain
        low, high = f"{gain.min():.2f}", f"{gain.max():.2f}"
        return tr("gain {low} to {high}, hot or dead columns: {n}", low=low, high=high, n=len(self.field.bad_columns))

    def retranslate(self) -> None:
        """Write what was measured anew."""
        self._show()
