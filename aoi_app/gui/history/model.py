"""The history as a table that grows a page at a time while one scrolls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, QSize, Qt, Signal

from aoi_app.gui.background import Background
from aoi_app.gui.history.columns import COLUMNS
from aoi_app.gui.services import HistoryReader
from aoi_app.gui.signs import verdict_pixmap
from aoi_app.gui.texts import tr
from aoi_app.gui.thumbnails import Thumbnails
from aoi_app.storage.history import BoardRow
from aoi_app.storage.query import HistoryQuery

PAGE = 100
THUMB = QSize(52, 40)

AnyIndex = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()


class HistoryModel(QAbstractTableModel):
    """Rows of one query, newest first; pages are read in a worker thread, by key and not by number."""

    loaded = Signal()
    """A page came, perhaps empty."""
    failed = Signal(object)

    def __init__(
        self,
        reader: Callable[[], HistoryReader | None],
        background: Background,
        thumbnails: Thumbnails,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._reader = reader
        self._background = background
        self._thumbnails = thumbnails
        self._query = HistoryQuery()
        self._rows: list[BoardRow] = []
        self._place_of: dict[str, int] = {}
        self._more = False
        self._busy = False
        thumbnails.ready.connect(self._on_thumbnail)

    # Reading

    def ask(self, query: HistoryQuery, again: bool = False) -> None:
        """Show the answer to a query, from its first page.

        Parameters
        ----------
        again
            The same question as before, to see what is new: what was read on scrolling stays where nothing changed.
        """
        self._query = query
        self._busy = True
        self._background.run(
            "page", lambda: self._page(query, None), lambda rows: self._on_first(rows, again), self._on_failed
        )

    def canFetchMore(self, parent: AnyIndex) -> bool:
        """Tell whether there are older boards that were not read yet."""
        return not parent.isValid() and self._more and not self._busy

    def fetchMore(self, parent: AnyIndex) -> None:
        """Read the next page."""
        query, after = self._query, self._rows[-1].key
        self._busy = True
        self._background.run("page", lambda: self._page(query, after), self._on_more, self._on_failed)

    def _page(self, query: HistoryQuery, after: tuple[int, int] | None) -> tuple[BoardRow, ...]:
        reader = self._reader()
        return () if reader is None else reader.page(query, after, PAGE)

    def _on_first(self, rows: tuple[BoardRow, ...], again: bool) -> None:
        self._busy = False
        whole = len(rows) < PAGE and len(rows) != len(self._rows)
        if not again or whole or rows != tuple(self._rows[: len(rows)]):
            self._more = len(rows) == PAGE
            self.beginResetModel()
            self._rows = list(rows)
            self._place_of.clear()
            self._remember_pictures(0)
            self.endResetModel()
        self.loaded.emit()

    def _on_more(self, rows: tuple[BoardRow, ...]) -> None:
        self._busy, self._more = False, len(rows) == PAGE
        if rows:
            self.beginInsertRows(QModelIndex(), len(self._rows), len(self._rows) + len(rows) - 1)
            self._rows.extend(rows)
            self._remember_pictures(len(self._rows) - len(rows))
            self.endInsertRows()
        self.loaded.emit()

    def _on_failed(self, error: Exception) -> None:
        self._busy, self._more = False, False
        self.failed.emit(error)

    def _on_thumbnail(self, file: str) -> None:
        number = self._place_of.get(file)
        if number is not None:
            index = self.index(number, 0)
            self.dataChanged.emit(index, index)

    def _remember_pictures(self, since: int) -> None:
        """Note which row shows which picture: looking through a hundred thousand rows for each would be felt."""
        for number, row in enumerate(self._rows[since:], since):
            if row.preview is not None:
                self._place_of[str(row.preview)] = number

    # What the table asks

    def row_at(self, number: int) -> BoardRow | None:
        """Return a row, or None beyond the last."""
        return self._rows[number] if 0 <= number < len(self._rows) else None

    def number_of(self, board_id: str) -> int:
        """Return the row of a board, -1 when it is not among those read."""
        return next((k for k, row in enumerate(self._rows) if row.board_id == board_id), -1)

    def renew(self, row: BoardRow) -> None:
        """Show a board as it is now, where it is among those read."""
        number = self.number_of(row.board_id)
        if number >= 0:
            self._rows[number] = row
            self.dataChanged.emit(self.index(number, 0), self.index(number, self.columnCount() - 1))

    def rowCount(self, parent: AnyIndex = ROOT) -> int:
        """Return the number of rows read so far."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: AnyIndex = ROOT) -> int:
        """Return the number of columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a column's title and alignment."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return tr(COLUMNS[section].title) if COLUMNS[section].title else ""
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(section)
        return None

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell."""
        row, column = self._rows[index.row()], COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(row)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(index.column())
        if role == Qt.ItemDataRole.DecorationRole:
            if column.name == "verdict":
                return verdict_pixmap(row.verdict)
            if column.name == "preview" and row.preview is not None:
                picture = self._thumbnails.get(row.preview)
                return None if picture is None or picture.isNull() else picture
        if role == Qt.ItemDataRole.ToolTipRole and column.name == "reason":
            return column.text(row)
        return None

    def retranslate(self) -> None:
        """Write all cells and titles anew."""
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(COLUMNS) - 1)
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, len(COLUMNS) - 1))


def _alignment(column: int) -> int:
    side = Qt.AlignmentFlag.AlignRight if COLUMNS[column].right else Qt.AlignmentFlag.AlignLeft
    return int(side | Qt.AlignmentFlag.AlignVCenter)
