"""The pill in the bar: what the line does, or why it does not."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from aoi_app.gui.elided import ElidedLabel
from aoi_app.gui.texts import labelled, message, tr
from aoi_app.station.status import State, StationStatus

STATE_NAMES = {
    State.IDLE: "Idle",
    State.ARMING: "Getting ready",
    State.RUNNING: "Running",
    State.PAUSED: "Paused",
    State.STOPPING: "Stopping",
    State.FAULT: "Fault",
}
MOST_WIDTH = 420
EDGES = 12
"""As the style sheet pads it."""


class StatePill(ElidedLabel):
    """The state of the station; the whole of a long message stands in the tool tip."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, EDGES)
        self.setProperty("role", "pill")
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setMaximumWidth(MOST_WIDTH)
        self.setFixedHeight(26)

    def show_status(self, status: StationStatus) -> None:
        """Show a snapshot's state."""
        text = tr(STATE_NAMES[status.state])
        if status.fault:
            text = labelled(text, message(status.fault))
        elif status.waiting_engine:
            text = labelled(text, message(status.waiting_engine))
        if self.property("state") != status.state.value:
            self.setProperty("state", status.state.value)
            self.style().unpolish(self)
            self.style().polish(self)
        self.say_whole(text, message(status.fault_hint))
