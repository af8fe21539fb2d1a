"""The page of the past: filters, table, and the chosen board beside it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QModelIndex, Qt, QTimer
from PySide6.QtWidgets import QFrame, QHeaderView, QLabel, QPushButton, QSplitter, QTableView, QVBoxLayout, QWidget

from aoi_app.core.errors import AoiError
from aoi_app.core.inspection import Verdict
from aoi_app.gui.background import Background
from aoi_app.gui.board.picture import BoardPicture
from aoi_app.gui.board.tools import ViewTools
from aoi_app.gui.board.view import BoardView
from aoi_app.gui.history.again_dialog import AgainDialog, InspectAgain
from aoi_app.gui.history.columns import COLUMNS
from aoi_app.gui.history.facts import board_facts
from aoi_app.gui.history.filters import Filters, Offered
from aoi_app.gui.history.model import THUMB, HistoryModel
from aoi_app.gui.history.record_dialog import FactsBlock, RecordDialog, picture_of_record
from aoi_app.gui.history.repairs import Repairs
from aoi_app.gui.line.verdict_looks import LOOKS
from aoi_app.gui.services import HistoryReader
from aoi_app.gui.texts import message, say, tr
from aoi_app.gui.thumbnails import Thumbnails
from aoi_app.storage.history import BoardRecord
from aoi_app.storage.query import HistoryQuery

REFRESH_MS = 2_000
ROW_HEIGHT = 46
PREVIEW_WIDTH = 360


class HistoryPage(QWidget):
    """Searches the record; everything that reads it runs in a worker thread.

    Parameters
    ----------
    open_history
        Called in the worker thread until it returns a reader: there is no record before the first board.
    inspect_again
        Inspects a recorded board with today's recipe and engine; None where no engine is at hand.
    repairs
        Makes what takes down repairs, given who owns it; None where nothing is taken down.
    """

    def __init__(
        self,
        open_history: Callable[[], HistoryReader | None],
        parent: QWidget,
        inspect_again: InspectAgain | None = None,
        repairs: Callable[[QWidget], Repairs] | None = None,
    ) -> None:
        super().__init__(parent)
        self._open_history, self._inspect_again = open_history, inspect_again
        self._history: HistoryReader | None = None
        self._background = Background(self, "history")
        self._repairs = None if repairs is None else repairs(self)
        self._thumbnails = Thumbnails(THUMB.height(), self)
        self.model = HistoryModel(self._reader, self._background, self._thumbnails, self)
        self.filters = Filters(self)
        self.table = QTableView(self)
        say(self.table, "setAccessibleName", "Boards")
        self.preview = BoardView(self, "Choose a board to see it")
        self._tools = ViewTools(self.preview, follows=False)
        self._counts: dict[Verdict, int] | None = None
        self._summary, self._problem = QLabel(self), QLabel(self)
        self._facts_place = QVBoxLayout()
        self._facts: QWidget | None = None
        self._record: BoardRecord | None = None
        self._wanted = ""
        self._set_up_table()
        self._lay_out()
        self.filters.changed.connect(lambda: self.search())
        self.model.loaded.connect(self._on_loaded)
        self.model.failed.connect(self._on_failed)
        self._timer = QTimer(self)
        self._timer.setInterval(REFRESH_MS)
        self._timer.timeout.connect(self._on_refresh)

    def _set_up_table(self) -> None:
        table = self.table
        table.setModel(self.model)
        table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        table.setShowGrid(False)
        # Tab leads out of the table, and not from cell to cell.
        table.setTabKeyNavigation(False)
        table.setWordWrap(False)
        # Serial numbers of one line begin alike: their ends tell them apart.
        table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        table.setIconSize(THUMB)
        table.setVerticalScrollMode(QTableView.ScrollMode.ScrollPerPixel)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        for number, column in enumerate(COLUMNS):
            if column.width:
                table.setColumnWidth(number, column.width)
            else:
                header.setSectionResizeMode(number, QHeaderView.ResizeMode.Stretch)
        table.selectionModel().currentRowChanged.connect(self._on_chosen)
        table.doubleClicked.connect(self._on_open)
        table.activated.connect(self._on_open)

    def _lay_out(self) -> None:
        self._problem.setProperty("role", "problem")
        self._problem.setWordWrap(True)
        self._problem.hide()
        self._summary.setProperty("role", "muted")
        self.open_button = QPushButton(self)
        say(self.open_button, "setText", "Open the record")
        self.open_button.setEnabled(False)
        self.open_button.clicked.connect(self._on_open)
        side = QFrame(self)
        side.setObjectName("panel")
        column = QVBoxLayout(side)
        column.setContentsMargins(1, 1, 1, 10)
        column.addWidget(self.preview, 1)
        self._facts_place.setContentsMargins(12, 4, 12, 0)
        column.addLayout(self._facts_place)
        column.addWidget(self.open_button, 0, Qt.AlignmentFlag.AlignHCenter)
        split = QSplitter(Qt.Orientation.Horizontal, self)
        split.addWidget(self.table)
        split.addWidget(side)
        split.setStretchFactor(0, 1)
        split.setSizes([1200, PREVIEW_WIDTH])
        split.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 10, 10, 8)
        layout.setSpacing(8)
        layout.addWidget(self.filters)
        layout.addWidget(self._problem)
        layout.addWidget(split, 1)
        layout.addWidget(self._summary)

    # Reading

    def _reader(self) -> HistoryReader | None:
        if self._history is None:
            self._history = self._open_history()
        return self._history

    def page_shown(self) -> None:
        """Read what is new, now and every two seconds while the page is in front."""
        self.search()
        self._timer.start()

    def search(self, again: bool = False) -> None:
        """Ask for the boards that the filters let pass; `again` to see what is new."""
        query = self.filters.query()
        self.model.ask(query, again)
        self._background.run("counts", lambda: self._summed(query), self._on_counts, self._on_failed)

    def _summed(self, query: HistoryQuery) -> tuple[dict[Verdict, int], Offered]:
        reader = self._reader()
        if reader is None:
            return {}, Offered()
        return reader.counts(query), Offered(
            reader.classes(), reader.recipes(), reader.places(), reader.reviewers(), reader.engines()
        )

    def _on_refresh(self) -> None:
        if not self.isVisible():
            self._timer.stop()
        elif any(self._background.waits_for(topic) for topic in ("page", "counts")):
            return
        elif self.table.verticalScrollBar().value() == 0 and not self.table.currentIndex().isValid():
            self.search(again=True)

    def _on_loaded(self) -> None:
        self._problem.hide()
        if self._wanted:
            number = self.model.number_of(self._wanted)
            self._wanted = ""
            self.table.selectRow(max(number, 0))
        self._read_on()

    def _read_on(self) -> None:
        """Read the next page where the end of this one is in view: it was scrolled there while an answer was due."""
        last = self.table.visualRect(self.model.index(self.model.rowCount() - 1, 0))
        if self.table.viewport().rect().intersects(last) and self.model.canFetchMore(self.table.rootIndex()):
            self.model.fetchMore(self.table.rootIndex())

    def _on_counts(self, found: tuple[dict[Verdict, int], Offered]) -> None:
        self._counts, offered = found
        self.filters.offer(offered)
        self._write_summary()

    def _on_failed(self, error: Exception) -> None:
        if not isinstance(error, AoiError):
            raise error
        self._problem.setText(f"{message(error.what)}\n{message(error.hint)}".strip())
        self._problem.show()

    # The chosen board

    def open_board(self, board_id: str) -> None:
        """Open a board's record in a window of its own."""
        self._background.run(
            "record", lambda: self._board(board_id), lambda record: self._show_record(record, board_id), self._on_failed
        )

    def _board(self, board_id: str) -> BoardRecord | None:
        reader = self._reader()
        return None if reader is None else reader.board(board_id)

    def _show_record(self, record: BoardRecord | None, board_id: str) -> None:
        if record is None:
            self._problem.setText(tr("Board {id} is not in the record.", id=board_id))
            self._problem.show()
            return
        again = None if self._inspect_again is None else self.inspect_again
        dialog = RecordDialog(record, self._background, self, again, self._repairs)
        dialog.changed.connect(self._on_changed)
        dialog.show()

    def _on_changed(self, record: BoardRecord) -> None:
        """Show what a repair made of a board, wherever it stands here."""
        self.model.renew(record.row)
        if self._record is not None and self._record.row.board_id == record.row.board_id:
            self._record = record
            self._write_facts()

    def inspect_again(self, record: BoardRecord) -> AgainDialog | None:
        """Inspect a board again, in a window of its own; None where no engine is at hand."""
        if self._inspect_again is None:
            return None
        dialog = AgainDialog(record, self._inspect_again, self)
        dialog.show()
        return dialog

    def _on_open(self) -> None:
        row = self.model.row_at(self.table.currentIndex().row())
        if row is not None:
            self.open_board(row.board_id)

    def _on_chosen(self, index: QModelIndex) -> None:
        row = self.model.row_at(index.row())
        self.open_button.setEnabled(row is not None)
        if row is None:
            self._show_beside((None, None))
            return
        board_id = row.board_id
        self._background.run("beside", lambda: self._read_beside(board_id), self._show_beside, self._on_failed)

    def _read_beside(self, board_id: str) -> tuple[BoardRecord | None, BoardPicture | None]:
        record = self._board(board_id)
        return record, None if record is None else picture_of_record(record)

    def _show_beside(self, found: tuple[BoardRecord | None, BoardPicture | None]) -> None:
        self._record, picture = found
        self.preview.show_picture(picture)
        self.preview.fit()
        self._write_facts()

    # Words

    def _write_facts(self) -> None:
        if self._facts is not None:
            self._facts.hide()
            self._facts.deleteLater()
            self._facts = None
        if self._record is not None:
            self._facts = FactsBlock("Board", board_facts(self._record), self)
            self._facts_place.addWidget(self._facts)

    def _write_summary(self) -> None:
        if self._counts is None:
            return
        total = sum(self._counts.values())
        parts = [f"{tr(LOOKS[v].word)} {n:,}" for v, n in self._counts.items()]
        boards = tr("1 board") if total == 1 else tr("{n} boards", n=f"{total:,}")
        self._summary.setText("    ".join([boards, *parts]) if total else tr("No board matches."))

    def retranslate(self) -> None:
        """Write everything that depends on data anew."""
        self.model.retranslate()
        self._write_summary()
        self._write_facts()

    def use_theme(self) -> None:
        """Draw the signs in the colours of the theme in use."""
        self.model.retranslate()

    def close_page(self) -> None:
        """Read no more."""
        self._timer.stop()
        self._background.close()
        if self._repairs is not None:
            self._repairs.close()
        self._thumbnails.close()
