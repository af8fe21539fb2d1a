"""The last line of the window: what really runs."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QHBoxLayout, QLabel, QStatusBar, QWidget

from aoi_app.gui.elided import ElidedLabel
from aoi_app.gui.texts import message, tr
from aoi_app.station.status import StationStatus


def _camera(status: StationStatus) -> str:
    if status.camera is None:
        return tr("no camera")
    name = status.camera.model or status.camera.id or status.camera.driver
    return message(name) if status.camera_connected else tr("{name} (not connected)", name=message(name))


def _engine(status: StationStatus) -> str:
    if status.waiting_engine:
        return message(status.waiting_engine)
    return tr("no engine") if status.engine is None else status.engine.model


def _how(status: StationStatus) -> str:
    engine = status.engine
    if engine is None:
        return ""
    parts = (engine.runtime, message(engine.precision), message(engine.device), message(engine.detail))
    return " · ".join(part for part in parts if part)


def _recipe(status: StationStatus) -> str:
    return tr("{name}, revision {n}", name=status.recipe, n=status.recipe_revision) if status.recipe else ""


FIELDS: tuple[tuple[str, Callable[[StationStatus], str]], ...] = (
    ("Camera", _camera),
    ("Model", _engine),
    ("Runs on", _how),
    ("Recipe", _recipe),
    ("Waiting", lambda s: tr("{n} to inspect, {m} to record", n=s.inspect_queue, m=s.record_queue)),
)


class StatusStrip(QStatusBar):
    """Camera, model, runtime with precision and device as the runtime reports them, recipe, queues."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeGripEnabled(False)
        self._status = StationStatus()
        row = QWidget(self)
        layout = QHBoxLayout(row)
        layout.setContentsMargins(10, 2, 10, 2)
        layout.setSpacing(6)
        self._labels: list[tuple[QLabel, ElidedLabel]] = []
        for _ in FIELDS:
            name, value = QLabel(row), ElidedLabel(row)
            name.setProperty("role", "faint")
            value.setProperty("role", "muted")
            layout.addWidget(name)
            layout.addWidget(value)
            layout.addSpacing(14)
            self._labels.append((name, value))
        layout.addStretch(1)
        self.addWidget(row, 1)
        self.show_status(self._status)

    def show_status(self, status: StationStatus) -> None:
        """Show a snapshot."""
        self._status = status
        for (title, read), (name, value) in zip(FIELDS, self._labels, strict=True):
            text = read(status)
            name.setText(tr(title))
            value.say_whole(text)
            name.setVisible(bool(text))
            value.setVisible(bool(text))

    def retranslate(self) -> None:
        """Write all anew."""
        self.show_status(self._status)
