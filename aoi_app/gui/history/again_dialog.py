"""A recorded board, inspected again: what is found now and was not then, and the other way round."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QDialog,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from aoi_app.core.errors import AoiError
from aoi_app.core.inspection import Defect, Inspection
from aoi_app.gui.background import Background
from aoi_app.gui.board.picture import Marks, picture_of_image
from aoi_app.gui.board.tools import ViewTools
from aoi_app.gui.board.view import BoardView
from aoi_app.gui.history.facts import Rows
from aoi_app.gui.history.record_dialog import FactsBlock
from aoi_app.gui.line.verdict_looks import LOOKS
from aoi_app.gui.screen_room import resize_to_fit, room_of
from aoi_app.gui.texts import defect_name, message, say, tr
from aoi_app.station.again import GONE, NEW, SecondLook
from aoi_app.storage.history import BoardRecord

InspectAgain = Callable[[BoardRecord], SecondLook]

SIDE_WIDTH = 460
COLUMNS = ("", "Class", "Place", "Then", "Now")
SIGN_NAMES = {GONE: "gone", NEW: "new"}


class Shown(Enum):
    """Whose boxes are on the board."""

    BOTH = "Both"
    THEN = "Then"
    NOW = "Now"


class AgainDialog(QDialog):
    """Inspects a board in a thread of its own, and shows the difference; the line goes on meanwhile."""

    def __init__(self, record: BoardRecord, inspect_again: InspectAgain, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowFlag(Qt.WindowType.WindowMaximizeButtonHint)
        self.record = record
        self.look: SecondLook | None = None
        self.view = BoardView(self, "Being inspected again …")
        self._tools = ViewTools(self.view, follows=False)
        self.table = QTableWidget(0, len(COLUMNS), self)
        say(self.table, "setAccessibleName", "Differences")
        self.headline, self.problem = QLabel(self), QLabel(self)
        self.ways = QButtonGroup(self)
        self._facts_place = QVBoxLayout()
        self._facts: QWidget | None = None
        self._lay_out()
        resize_to_fit(self, 1280, 800, room_of(self))
        self.retranslate()
        self._background = Background(self, "again")
        self._background.run("again", lambda: inspect_again(record), self._on_look, self._on_failed)

    def _lay_out(self) -> None:
        self.headline.setProperty("role", "heading")
        self.problem.setProperty("role", "problem")
        self.problem.setWordWrap(True)
        self.problem.hide()
        frame = QFrame(self)
        frame.setObjectName("panel")
        inside = QVBoxLayout(frame)
        inside.setContentsMargins(1, 1, 1, 1)
        inside.addWidget(self.view)
        ways = QHBoxLayout()
        for number, shown in enumerate(Shown):
            button = QPushButton(self)
            button.setCheckable(True)
            button.setAutoDefault(False)
            button.setEnabled(False)
            say(button, "setText", shown.value)
            self.ways.addButton(button, number)
            ways.addWidget(button)
        self.ways.button(0).setChecked(True)
        self.ways.idClicked.connect(lambda _: self._show_marks())
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        self.table.setTabKeyNavigation(False)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.currentCellChanged.connect(lambda row, *_: self._on_row(row))
        side = QWidget(self)
        side.setFixedWidth(SIDE_WIDTH)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        column.addWidget(self.headline)
        column.addWidget(self.problem)
        column.addLayout(self._facts_place)
        column.addLayout(ways)
        column.addWidget(self.table, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 8, 8, 8)
        row.setSpacing(10)
        row.addWidget(frame, 1)
        row.addWidget(side)

    def _on_look(self, look: SecondLook) -> None:
        self.look = look
        for button in self.ways.buttons():
            button.setEnabled(True)
        self._show_marks()
        self.retranslate()

    def _on_failed(self, error: Exception) -> None:
        if not isinstance(error, AoiError):
            raise error
        self.problem.setText(f"{message(error.what)}\n{message(error.hint)}".strip())
        self.problem.show()
        self.headline.setText(tr("Not inspected again"))
        self.view.say_when_empty("The board as it was inspected is not at hand")

    def _show_marks(self) -> None:
        if self.look is None:
            return
        shown = list(Shown)[self.ways.checkedId()]
        picture = picture_of_image(self.record.row.board_id, self.look.image, marks_of(self.look, shown))
        self.view.show_picture(picture)
        self._on_row(self.table.currentRow())

    def _on_row(self, row: int) -> None:
        """Bring the defect of a row into view."""
        if self.look is None or not 0 <= row < len(self.look.pairs):
            return
        _, before, after = self.look.pairs[row]
        wanted = [d for d in (after, before) if d is not None]
        marks = self.view.picture.marks.defects if self.view.picture else ()
        self.view.select(next((k for k, d in enumerate(marks) if any(d is w for w in wanted)), None), centre=True)

    def retranslate(self) -> None:
        """Write everything anew."""
        self.setWindowTitle(tr("Board {serial}, inspected again", serial=self.record.row.serial))
        self.table.setHorizontalHeaderLabels([tr(title) if title else "" for title in COLUMNS])
        if self.look is None:
            self.headline.setText(tr("Being inspected again …"))
            return
        self.headline.setText(headline(self.look))
        if self._facts is not None:
            self._facts.hide()
            self._facts.deleteLater()
        self._facts = FactsBlock("Then and now", facts(self.look), self)
        self._facts_place.addWidget(self._facts)
        self.table.setRowCount(len(self.look.pairs))
        for number, (sign, before, after) in enumerate(self.look.pairs):
            for place, text in enumerate(cells(sign, before, after)):
                self.table.setItem(number, place, QTableWidgetItem(text))

    def done(self, result: int) -> None:
        """Close at once; an inspection under way ends by itself and is forgotten."""
        self._background.abandon()
        super().done(result)


def marks_of(look: SecondLook, shown: Shown) -> Marks:
    """Return the boxes of one inspection, or of both with their signs; what is gone is drawn dashed."""
    if shown is not Shown.BOTH:
        return Marks.of_defects((look.record.inspection if shown is Shown.THEN else look.now).defects)
    pairs = look.pairs
    defects = tuple(d for _, before, after in pairs if (d := after or before) is not None)
    marks = Marks.of_defects(defects)
    solid = np.array([sign != GONE and d.counts for (sign, _, _), d in zip(pairs, defects, strict=True)], np.bool_)
    return Marks(marks.boxes, marks.codes, marks.confidences, solid, defects, tuple(sign for sign, _, _ in pairs))


def headline(look: SecondLook) -> str:
    """Return the difference in one line."""
    before, after = (tr(LOOKS[i.verdict].word) for i in (look.record.inspection, look.now))
    if look.same:
        return tr("{verdict}: the same as then", verdict=after)
    found = look.difference
    changes = tr(
        "{gone} gone, {new} new, {both} in both", gone=len(found.gone), new=len(found.new), both=len(found.both)
    )
    return f"{before} → {after}    {changes}" if before != after else f"{after}    {changes}"


def facts(look: SecondLook) -> Rows:
    """Return recipe, engine and reason of both inspections."""
    then, now = look.record.inspection, look.now
    rows = [
        ("Recipe", _both(*(tr("{name}, revision {n}", name=i.recipe, n=i.recipe_revision) for i in (then, now)))),
        ("Model", _both(*(_engine(i) for i in (then, now)))),
        ("Reason", message(now.reason) if now.verdict.value == "ERROR" else ""),
    ]
    return [(name, value) for name, value in rows if value]


def cells(sign: str, before: Defect | None, after: Defect | None) -> tuple[str, ...]:
    """Return a row of the table."""
    one = after or before
    assert one is not None
    x, y = (one.box[0] + one.box[2]) / 2, (one.box[1] + one.box[3]) / 2
    place = ", ".join(p for p in (one.component, one.region) if p) or f"{x:,.0f}, {y:,.0f}"
    found = (
        "–" if d is None else f"{d.confidence:.0%}" + ("" if d.counts else f" ({tr('tolerated')})")
        for d in (before, after)
    )
    named = f"{sign} {tr(SIGN_NAMES[sign])}" if sign in SIGN_NAMES else sign
    return (named, defect_name(one.defect_code), place, *found)


def _both(before: str, after: str) -> str:
    return after if before == after else f"{before}  →  {after}"


def _engine(inspection: Inspection) -> str:
    engine = inspection.engine
    return "–" if engine is None else ", ".join(p for p in (engine.model, engine.precision, engine.sha256[:8]) if p)
