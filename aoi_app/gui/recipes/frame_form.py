"""Where the components' file lies on the golden board: origin, scale, rotation; by numbers or by two places."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QDoubleSpinBox, QGridLayout, QHBoxLayout, QLabel, QPushButton, QWidget

from aoi_app.core.components import BoardFrame, Component, fit_frame
from aoi_app.core.errors import RecipeError
from aoi_app.gui.texts import message, say, tr

FIELDS = (
    ("Origin x, px", -100_000.0, 100_000.0, 1),
    ("Origin y, px", -100_000.0, 100_000.0, 1),
    ("Across, px/mm", 0.1, 1_000.0, 3),
    ("Along, px/mm", 0.1, 1_000.0, 3),
    ("Rotation, °", -360.0, 360.0, 3),
)


class FrameForm(QWidget):
    """Edits a `BoardFrame`; collects places that a person points at and fits the frame to them."""

    changed = Signal()
    wants_place = Signal()
    """The next place that is clicked on the board is that of the chosen component."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._filling = False
        self._places: dict[str, tuple[float, float]] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(4)
        self.fields: list[QDoubleSpinBox] = []
        for number, (caption, low, high, decimals) in enumerate(FIELDS):
            field = QDoubleSpinBox(self)
            field.setRange(low, high)
            field.setDecimals(decimals)
            field.setAlignment(Qt.AlignmentFlag.AlignRight)
            field.valueChanged.connect(self._on_edit)
            label = QLabel(self)
            say(label, "setText", caption)
            say(field, "setAccessibleName", caption)
            label.setBuddy(field)
            row, column = divmod(number, 2)
            grid.addWidget(label, row, 2 * column)
            grid.addWidget(field, row, 2 * column + 1)
            self.fields.append(field)
        self.mirrored, self.y_down = QCheckBox(self), QCheckBox(self)
        say(self.mirrored, "setText", "Bottom side: x runs to the left")
        say(self.y_down, "setText", "y runs down the picture")
        grid.addWidget(self.mirrored, 3, 0, 1, 2)
        grid.addWidget(self.y_down, 3, 2, 1, 2)
        for box in (self.mirrored, self.y_down):
            box.toggled.connect(self._on_edit)
        self.place_button, self.forget_button = QPushButton(self), QPushButton(self)
        say(self.place_button, "setText", "Point at the chosen component")
        say(self.place_button, "setToolTip", "Then click its centre on the board; two places lay all components.")
        say(self.forget_button, "setText", "Forget places")
        self.place_button.clicked.connect(self.wants_place)
        self.forget_button.clicked.connect(self.forget)
        self.said = QLabel(self)
        self.said.setProperty("role", "muted")
        self.said.setWordWrap(True)
        buttons = QHBoxLayout()
        buttons.addWidget(self.place_button)
        buttons.addWidget(self.forget_button)
        buttons.addStretch(1)
        grid.addLayout(buttons, 4, 0, 1, 4)
        grid.addWidget(self.said, 5, 0, 1, 4)

    def show_frame(self, frame: BoardFrame) -> None:
        """Show a frame."""
        self._filling = True
        values = (*frame.origin_px, *frame.px_per_mm, frame.rotation_deg)
        for field, value in zip(self.fields, values, strict=True):
            field.setValue(value)
        self.mirrored.setChecked(frame.mirrored)
        self.y_down.setChecked(frame.y_down)
        self._filling = False

    def frame(self) -> BoardFrame:
        """Return what the fields say."""
        x, y, across, along, rotation = (field.value() for field in self.fields)
        return BoardFrame(
            origin_px=(x, y),
            px_per_mm=(across, along),
            rotation_deg=rotation,
            mirrored=self.mirrored.isChecked(),
            y_down=self.y_down.isChecked(),
        )

    def forget(self) -> None:
        """Drop the places that were pointed at."""
        self._places.clear()
        self.said.clear()

    def take_place(self, reference: str, x: float, y: float, components: Sequence[Component]) -> None:
        """Note where a component is; from the second place on, lay all of them."""
        self._places[reference] = (x, y)
        known = {c.reference: c for c in components}
        places = {name: place for name, place in self._places.items() if name in known}
        names = ", ".join(places)
        if len(places) < 2:
            self.said.setText(tr("{names} is placed; point at another component far from it.", names=names))
            return
        before = self.frame()
        mm = np.array([(known[name].x_mm, known[name].y_mm) for name in places])
        try:
            fitted, residual = fit_frame(
                mm,
                np.array(list(places.values())),
                before.px_per_mm[0] / before.px_per_mm[1],
                mirrored=before.mirrored,
                y_down=before.y_down,
            )
        except RecipeError as error:
            self.said.setText(f"{message(error.what)} {message(error.hint)}".strip())
            return
        self.show_frame(fitted)
        self.said.setText(tr("Laid by {names}; they agree to {px:.1f} px.", names=names, px=residual))
        self.changed.emit()

    def _on_edit(self) -> None:
        if not self._filling:
            self.changed.emit()
