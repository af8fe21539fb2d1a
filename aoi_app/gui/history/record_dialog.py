"""One board of the past as it was inspected: picture, boxes, defects, every fact of its record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QImage
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from aoi_app.core.inspection import Verdict
from aoi_app.core.scan import Pixels
from aoi_app.gui.background import Background
from aoi_app.gui.board.minimap import Minimap
from aoi_app.gui.board.picture import BoardPicture, Marks, picture_of_image, read_picture
from aoi_app.gui.board.tools import ViewTools
from aoi_app.gui.board.view import BoardView
from aoi_app.gui.history.facts import board_facts, engine_facts, latency_facts, review_note, trace_facts
from aoi_app.gui.history.repair_bar import RepairBar
from aoi_app.gui.history.repairs import Repairs, waits_for_repair
from aoi_app.gui.line.defect_list import DefectList, thumbnails
from aoi_app.gui.line.verdict_tile import VerdictTile
from aoi_app.gui.screen_room import resize_to_fit, room_of
from aoi_app.gui.texts import say, tr
from aoi_app.storage.history import BoardRecord

SECTIONS = (
    ("Board", board_facts),
    ("Engine", engine_facts),
    ("Latency by stage", latency_facts),
    ("Trace", trace_facts),
)
SIDE_WIDTH = 400


def picture_of_record(record: BoardRecord) -> BoardPicture | None:
    """Read a board's picture: the whole board where it was kept, else the preview, boxes in its scale. Blocks."""
    image = next((p for p in map(_read, (record.board_image, record.row.preview)) if p is not None), None)
    if image is None:
        return None
    marks = Marks.of_defects([d.defect for d in record.defects])
    factor = image.shape[1] / max(record.inspection.width, 1)
    boxes = (marks.boxes * factor).astype(np.float32)
    scaled = Marks(boxes, marks.codes, marks.confidences, marks.counts, marks.defects)
    return picture_of_image(record.row.board_id, image, scaled)


def crops_of_record(record: BoardRecord) -> tuple[QImage | None, ...]:
    """Read the pictures of a board's defects. Blocks."""
    return thumbnails([_read(d.crop) for d in record.defects])


def _read(file: Path | None) -> Pixels | None:
    if file is None:
        return None
    try:
        return read_picture(file.read_bytes())
    except OSError:
        return None


class RecordDialog(QDialog):
    """Shows a record; it is not modal, so that two boards can be compared side by side.

    Parameters
    ----------
    inspect_again
        Has the board inspected again; None where that cannot be done here.
    repairs
        Takes down what became of its confirmed defects; None where that cannot be done here.
    """

    changed = Signal(object)
    """Something was said of a defect: the `BoardRecord` as it is now."""

    def __init__(
        self,
        record: BoardRecord,
        background: Background,
        parent: QWidget,
        inspect_again: Callable[[BoardRecord], object] | None = None,
        repairs: Repairs | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowFlag(Qt.WindowType.WindowMaximizeButtonHint)
        self.record = record
        self.view = BoardView(self, "The picture of this board is no longer kept")
        self.minimap = Minimap(self.view)
        self.tools = ViewTools(self.view, follows=False)
        self.defects = DefectList(self)
        self._facts = QVBoxLayout()
        failed = record.row.verdict is Verdict.FAILED  # no other is reviewed
        self.repair_bar = RepairBar(repairs, self) if repairs is not None and failed else None
        self.again_button = QPushButton(self)
        self.again_button.setAutoDefault(False)
        say(self.again_button, "setText", "Inspect again")
        say(self.again_button, "setToolTip", "With today's recipe and engine; the line goes on meanwhile")
        self.again_button.setVisible(inspect_again is not None)
        if inspect_again is not None:
            self.again_button.clicked.connect(lambda: inspect_again(record))
        self._lay_out()
        resize_to_fit(self, 1280, 800, room_of(self))
        self._crops: tuple[QImage | None, ...] = ()
        self.retranslate()
        self.defects.chosen.connect(lambda row: self.view.select(row, centre=True))
        self.view.defect_clicked.connect(self.defects.choose)
        if self.repair_bar is not None:
            self.repair_bar.noted.connect(self._on_noted)
            self.defects.selectionModel().currentRowChanged.connect(lambda _now, _before: self._tell_chosen())
            self._choose(next((k for k, d in enumerate(record.defects) if waits_for_repair(record, d)), -1))
        background.run("picture", lambda: picture_of_record(record), self._on_picture, self._on_failed)
        background.run("crops", lambda: crops_of_record(record), self._on_crops, self._on_failed)

    def _lay_out(self) -> None:
        frame = QFrame(self)
        frame.setObjectName("panel")
        inside = QVBoxLayout(frame)
        inside.setContentsMargins(1, 1, 1, 1)
        inside.addWidget(self.view)
        tile = VerdictTile(self)
        tile.show_inspection(self.record.inspection)
        facts = QWidget(self)
        facts.setLayout(self._facts)
        self._facts.setContentsMargins(14, 10, 14, 10)
        self._facts.setSpacing(4)
        scroll = QScrollArea(self)
        say(scroll, "setAccessibleName", "Facts of the board")
        scroll.setWidgetResizable(True)
        scroll.setWidget(facts)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        around = QFrame(self)
        around.setObjectName("panel")
        inside_panel = QVBoxLayout(around)
        inside_panel.setContentsMargins(1, 1, 1, 1)
        inside_panel.addWidget(scroll)
        side = QWidget(self)
        side.setFixedWidth(SIDE_WIDTH)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(tile)
        column.addWidget(around, 3)
        column.addWidget(self.defects, 2)
        if self.repair_bar is not None:
            column.addWidget(self.repair_bar)
        column.addWidget(self.again_button)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 8, 8, 8)
        row.setSpacing(8)
        row.addWidget(frame, 1)
        row.addWidget(side)

    def _on_picture(self, picture: BoardPicture | None) -> None:
        self.view.show_picture(picture)
        if (row := self.defects.currentIndex().row()) >= 0:
            self.view.select(row)

    def _on_crops(self, crops: tuple[QImage | None, ...]) -> None:
        self._crops = crops
        self._show_defects()

    def _show_defects(self) -> None:
        found, chosen = self.record.defects, self.defects.currentIndex().row()
        notes = tuple(review_note(self.record, defect) for defect in found)
        self.defects.show_defects(self.record.row.verdict, tuple(d.defect for d in found), self._crops, notes)
        self.defects.choose(chosen)

    def _choose(self, row: int) -> None:
        self.defects.choose(row)
        self.view.select(row if row >= 0 else None)
        self._tell_chosen()

    def _tell_chosen(self) -> None:
        row = self.defects.currentIndex().row()
        if self.repair_bar is not None:
            self.repair_bar.show_defect(self.record, self.record.defects[row] if row >= 0 else None)

    def _on_noted(self, record: BoardRecord, defect: int) -> None:
        """Show what is known now, and go on to the next defect that waits for a repair."""
        self.record = record
        self.retranslate()
        here = next(k for k, d in enumerate(record.defects) if d.id == defect)
        rows = [*range(here, len(record.defects)), *range(here)]
        self._choose(next((k for k in rows if waits_for_repair(record, record.defects[k])), here))
        self.changed.emit(record)

    def _on_failed(self, error: Exception) -> None:
        raise error

    def retranslate(self) -> None:
        """Write all facts anew."""
        self.setWindowTitle(tr("Board {serial}", serial=self.record.row.serial))
        while self._facts.count():
            item = self._facts.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.deleteLater()
        for title, facts in SECTIONS:
            self._facts.addWidget(FactsBlock(title, facts(self.record), self))
        self._facts.addStretch(1)
        self._show_defects()


class FactsBlock(QWidget):
    """A titled list of names and values."""

    def __init__(self, title: str, rows: Sequence[tuple[str, str]], parent: QWidget) -> None:
        super().__init__(parent)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 8)
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(3)
        grid.setColumnStretch(1, 1)
        grid.setColumnMinimumWidth(0, 118)
        heading = QLabel(self)
        heading.setProperty("role", "section")
        heading.setIndent(0)  # a padding of the style would shift it against the rows
        say(heading, "setText", title)
        grid.addWidget(heading, 0, 0, 1, 2)
        for number, (name, value) in enumerate(rows, 1):
            left, right = QLabel(tr(name), self), QLabel(value, self)
            left.setProperty("role", "muted")
            right.setWordWrap(True)
            right.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            grid.addWidget(left, number, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(right, number, 1, Qt.AlignmentFlag.AlignTop)
