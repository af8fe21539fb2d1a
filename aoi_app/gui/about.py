"""Which program this is, and which keys it knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from aoi_app.gui.actions import ActionSpec
from aoi_app.gui.icons import icon
from aoi_app.gui.review.keys import ACTS, REPAIRS, keys_of
from aoi_app.gui.texts import message, say, tr
from aoi_app.station.status import StationStatus

VIEW_KEYS = (
    ("Zoom in", "+"),
    ("Zoom out", "-"),
    ("Whole board", "F"),
    ("One to one", "1"),
    ("Follow the scan", "S"),
    ("Move the picture", "← ↑ ↓ →"),
    ("Pages", "Ctrl+1 … Ctrl+9"),
)
SLIDE = (("Move the slide", "← →"),)


class _Facts(QDialog):
    """Names and values in two columns, with a button to close."""

    def __init__(self, title: str, rows: Sequence[tuple[str, str]], parent: QWidget, brand: bool) -> None:
        super().__init__(parent)
        say(self, "setWindowTitle", title)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 18)
        layout.setSpacing(16)
        head = QHBoxLayout()
        if brand:
            sign = QLabel(self)
            sign.setPixmap(icon("aoi").pixmap(48, 48))
            head.addWidget(sign)
        heading = QLabel(self)
        heading.setProperty("role", "heading")
        say(heading, "setText", title)
        head.addWidget(heading, 1)
        layout.addLayout(head)
        grid = QGridLayout()
        grid.setHorizontalSpacing(28)
        grid.setVerticalSpacing(7)
        for number, (name, value) in enumerate(rows):
            left, right = QLabel(self), QLabel(value, self)
            left.setProperty("role", "muted")
            left.setText(tr(name))
            right.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            right.setWordWrap(len(value) > 60)
            grid.addWidget(left, number, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(right, number, 1)
        grid.setColumnStretch(1, 1)
        layout.addLayout(grid)
        buttons = QDialogButtonBox(self)
        close = buttons.addButton(tr("Close"), QDialogButtonBox.ButtonRole.AcceptRole)
        close.setDefault(True)
        buttons.accepted.connect(self.accept)
        layout.addWidget(buttons)
        self.setMinimumWidth(520)


class KeysDialog(_Facts):
    """Which keys do what."""

    def __init__(
        self, specs: Sequence[ActionSpec], parent: QWidget, review_keys: Mapping[str, str] | None = None
    ) -> None:
        rows = [(spec.text, ", ".join(spec.keys)) for spec in specs if spec.keys]
        keys = keys_of(review_keys or {})
        review = [(act.text, keys[act.name]) for act in (*ACTS, *REPAIRS)]
        super().__init__("Keys", [*rows, *VIEW_KEYS, *review, *SLIDE], parent, brand=False)


class AboutDialog(_Facts):
    """Program, engine and folders."""

    def __init__(self, facts: Sequence[tuple[str, str]], status: StationStatus, parent: QWidget) -> None:
        engine = status.engine
        running = (
            []
            if engine is None
            else [
                ("Model", engine.model),
                ("SHA-256", engine.sha256),
                ("Runtime", engine.runtime),
                ("Precision", message(engine.precision)),
                ("Device", message(engine.device)),
                *([("Remark", message(engine.detail))] if engine.detail else []),
            ]
        )
        super().__init__("AOI station", [*facts, *running, ("Licence", "Apache-2.0")], parent, brand=True)
