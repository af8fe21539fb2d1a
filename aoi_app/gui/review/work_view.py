"""What a reviewer looks at: the suspect beside the golden board, the map, the facts, and a large key for each act."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from aoi_app.gui.board.picture import Marks, picture_of_image
from aoi_app.gui.board.view import BoardView
from aoi_app.gui.history.columns import local_time
from aoi_app.gui.history.record_dialog import FactsBlock
from aoi_app.gui.icons import icon
from aoi_app.gui.key_size import key_height
from aoi_app.gui.review.compare import Box, CompareView, Way
from aoi_app.gui.review.desk import BoardWork, DefectPictures
from aoi_app.gui.review.keys import ACTS, Act
from aoi_app.gui.texts import defect_title, say, tr
from aoi_app.storage.history import DefectRow

SIDE_WIDTH = 380


class WorkView(QWidget):
    """One defect, with everything that a decision needs; it decides nothing itself."""

    act = Signal(object)
    """An `Act` was chosen with the mouse or a finger."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.compare = CompareView(self)
        self.map = BoardView(self, "No board in hand")
        self.buttons: dict[str, QPushButton] = {}
        self.heading, self.progress = QLabel(self), QLabel(self)
        self.ways = QButtonGroup(self)
        self._facts_place = QVBoxLayout()
        self._facts: QWidget | None = None
        self._shown: tuple[BoardWork, DefectRow] | None = None
        self._keys: dict[str, str] = {}
        self._lay_out()

    def _lay_out(self) -> None:
        for label, role in ((self.heading, "heading"), (self.progress, "muted")):
            label.setProperty("role", role)
        head = QHBoxLayout()
        head.addWidget(self.heading)
        head.addSpacing(16)
        head.addWidget(self.progress, 1)
        for number, way in enumerate(Way):
            button = QPushButton(self)
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            say(button, "setText", way.value)
            self.ways.addButton(button, number)
            head.addWidget(button)
        self.ways.button(0).setChecked(True)
        self.ways.idClicked.connect(lambda number: self.compare.set_way(list(Way)[number]))
        keys = QHBoxLayout()
        keys.setSpacing(10)
        for act in ACTS:
            if act.name != "compare":
                keys.addWidget(self._button(act), 3 if act.state else 2)
        left = QVBoxLayout()
        left.setSpacing(10)
        left.addLayout(head)
        left.addWidget(_framed(self.compare, self), 1)
        left.addLayout(keys)
        side = QFrame(self)
        side.setObjectName("panel")
        side.setFixedWidth(SIDE_WIDTH)
        right = QVBoxLayout(side)
        right.setContentsMargins(1, 1, 1, 12)
        right.addWidget(self.map, 1)
        self._facts_place.setContentsMargins(12, 4, 12, 0)
        right.addLayout(self._facts_place)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 10, 10, 10)
        row.setSpacing(10)
        row.addLayout(left, 1)
        row.addWidget(side)

    def _button(self, act: Act) -> QPushButton:
        button = QPushButton(self)
        button.setMinimumHeight(key_height())
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        # Each has a key of its own; a focus that stays on one would make the space bar press it.
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.setProperty("act", "decide" if act.state else "move")
        button.setIconSize(QSize(24, 24))
        button.clicked.connect(lambda _checked=False: self.act.emit(act))
        self.buttons[act.name] = button
        return button

    def name_keys(self, keys: dict[str, str]) -> None:
        """Write the key of each act on its button."""
        self._keys = keys
        for act in ACTS:
            if act.name in self.buttons:
                self.buttons[act.name].setText(f"{tr(act.text)}\n[{keys.get(act.name, '')}]")
                self.buttons[act.name].setIcon(icon(act.icon))

    def next_way(self) -> None:
        """Compare in the next way."""
        number = (self.ways.checkedId() + 1) % len(Way)
        self.ways.button(number).setChecked(True)
        self.compare.set_way(list(Way)[number])

    def show_defect(self, work: BoardWork, defect: DefectRow, pictures: DefectPictures) -> None:
        """Show a defect of a board."""
        self._shown = work, defect
        self.compare.show_pictures(pictures, _box_in_crop(defect, pictures))
        self._show_map(work, [d.id for d in work.record.defects].index(defect.id))
        self.retranslate()

    def _show_map(self, work: BoardWork, chosen: int) -> None:
        if work.preview is None:
            self.map.show_picture(None)
            return
        marks = Marks.of_defects([d.defect for d in work.record.defects])
        factor = work.preview.shape[1] / max(work.record.inspection.width, 1)
        boxes = (marks.boxes * factor).astype(np.float32)
        scaled = Marks(boxes, marks.codes, marks.confidences, marks.counts, marks.defects)
        self.map.show_picture(picture_of_image(work.record.row.board_id, work.preview, scaled))
        self.map.select(chosen)

    def show_progress(self, place: tuple[int, int], waiting: int) -> None:
        """Show which defect of the board this is, and how many boards wait."""
        if self._shown is None:
            return
        serial = self._shown[0].record.row.serial
        text = tr("Board {serial}: defect {k} of {n}", serial=serial, k=place[0], n=place[1])
        more = tr("{n} more boards wait", n=waiting) if waiting else ""
        self.progress.setText("    ".join(part for part in (text, more) if part))

    def retranslate(self) -> None:
        """Write names and facts anew."""
        self.name_keys(self._keys)
        if self._shown is None:
            return
        work, row = self._shown
        defect = row.defect
        self.heading.setText(f"{defect_title(defect.defect_code, defect.component)}  {defect.confidence:.0%}")
        if self._facts is not None:
            self._facts.hide()
            self._facts.deleteLater()
        self._facts = FactsBlock("Defect", _facts(work, row), self)
        self._facts_place.addWidget(self._facts)

    def use_theme(self) -> None:
        """Draw the icons in the colours of the theme in use."""
        self.name_keys(self._keys)


def _framed(inner: QWidget, parent: QWidget) -> QFrame:
    frame = QFrame(parent)
    frame.setObjectName("panel")
    inside = QVBoxLayout(frame)
    inside.setContentsMargins(1, 1, 1, 1)
    inside.addWidget(inner)
    return frame


def _box_in_crop(defect: DefectRow, pictures: DefectPictures) -> Box | None:
    """Return the defect's box in pixels of its picture."""
    if defect.crop_box is None or pictures.suspect is None:
        return None
    left, top, right, _ = defect.crop_box
    factor = pictures.suspect.shape[1] / (right - left)
    x1, y1, x2, y2 = defect.defect.box
    return (x1 - left) * factor, (y1 - top) * factor, (x2 - left) * factor, (y2 - top) * factor


def _facts(work: BoardWork, row: DefectRow) -> list[tuple[str, str]]:
    defect, board = row.defect, work.record.row
    x, y = (defect.box[0] + defect.box[2]) / 2, (defect.box[1] + defect.box[3]) / 2
    place = ", ".join(part for part in (defect.component, defect.region) if part) or f"{x:,.0f}, {y:,.0f}"
    size = "" if defect.size_um is None else tr("{size:.0f} µm", size=defect.size_um)
    facts = [
        ("Serial number", board.serial),
        ("Inspected", local_time(board.ended_us)),
        ("Recipe", tr("{name}, revision {n}", name=board.recipe, n=board.recipe_revision)),
        ("Severity", str(defect.severity)),
        ("Place", place),
        ("Size", size),
    ]
    return [(name, value) for name, value in facts if value]
