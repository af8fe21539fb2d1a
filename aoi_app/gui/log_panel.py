"""The log: every event of the line with its time, and the whole story of the chosen one."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QGuiApplication, QIcon
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from aoi_app.gui.icons import icon
from aoi_app.gui.texts import message, say, tr
from aoi_app.gui.theme import colour
from aoi_app.gui.toasts import LOOKS
from aoi_app.station.status import Event, Level

KEPT = 2_000
COLUMNS = ("Time", "Source", "What happened")
LEVEL_NAMES = {Level.INFO: "All events", Level.WARNING: "Warnings and errors", Level.ERROR: "Errors only"}
_ORDER = (Level.INFO, Level.WARNING, Level.ERROR)

AnyIndex = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()


def clock(time_ns: int) -> str:
    """Return a wall clock time in local time, to the millisecond."""
    return datetime.fromtimestamp(time_ns / 1e9).strftime("%H:%M:%S.%f")[:-3]


def story(event: Event) -> str:
    """Return an event as text for the clipboard; English, as it stands in the log file."""
    when = datetime.fromtimestamp(event.time_ns / 1e9).isoformat(" ", "milliseconds")
    signs = filter(None, (when, event.level.value, event.source, event.kind.value))
    head = f"{'  '.join(signs)}\n{event.what}"
    return "\n".join(part for part in (head, event.hint, event.detail) if part)


def told(event: Event) -> str:
    """Return an event as text for the reader: in the language in use, then as it stands in the log file."""
    here = f"{message(event.what)}\n{message(event.hint)}".strip()
    return story(event) if here == f"{event.what}\n{event.hint}".strip() else f"{here}\n\n{story(event)}"


class LogModel(QAbstractTableModel):
    """Events, newest first."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._all: deque[Event] = deque(maxlen=KEPT)
        self._shown: list[Event] = []
        self._least = Level.INFO
        self._icons: dict[Level, QIcon] = {}

    def add(self, events: tuple[Event, ...]) -> None:
        """Take in new events, oldest first."""
        self._all.extend(events)
        new = [e for e in reversed(events) if self._passes(e)]
        if new:
            self.beginInsertRows(QModelIndex(), 0, len(new) - 1)
            self._shown[:0] = new
            self.endInsertRows()
        if len(self._shown) > KEPT:
            self.beginRemoveRows(QModelIndex(), KEPT, len(self._shown) - 1)
            del self._shown[KEPT:]
            self.endRemoveRows()

    def set_least(self, least: Level) -> None:
        """Show events of a level and above."""
        self._least = least
        self.beginResetModel()
        self._shown = [e for e in reversed(self._all) if self._passes(e)]
        self.endResetModel()

    def _passes(self, event: Event) -> bool:
        return _ORDER.index(event.level) >= _ORDER.index(self._least)

    def event_at(self, row: int) -> Event | None:
        """Return an event, or None beyond the last."""
        return self._shown[row] if 0 <= row < len(self._shown) else None

    def rowCount(self, parent: AnyIndex = ROOT) -> int:
        """Return the number of events on show."""
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: AnyIndex = ROOT) -> int:
        """Return the number of columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a column's name."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return tr(COLUMNS[section])
        return None

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell."""
        event = self._shown[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return (clock(event.time_ns), tr(event.source), message(event.what))[index.column()]
        if role == Qt.ItemDataRole.DecorationRole and index.column() == 0:
            return self._icon(event.level)
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{message(event.what)}\n{message(event.hint)}".strip()
        return None

    def _icon(self, level: Level) -> QIcon:
        """Return a level's icon, drawn once a theme: every paint asks for that of every row."""
        if level not in self._icons:
            name, shade, _ = LOOKS[level]
            self._icons[level] = icon(name, colour(shade).name())
        return self._icons[level]

    def retranslate(self) -> None:
        """Write all cells anew."""
        self._icons.clear()
        self.beginResetModel()
        self.endResetModel()


class LogPanel(QFrame):
    """Table of events beside the story of the chosen one."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.model = LogModel(self)
        self._table = QTableView(self)
        self._table.setTabKeyNavigation(False)
        self._table.setModel(self.model)
        self._table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        self._table.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        self._table.setShowGrid(False)
        # A long path is cut at the end of its cell, not at its first break.
        self._table.setWordWrap(False)
        self._table.verticalHeader().hide()
        self._table.verticalHeader().setDefaultSectionSize(26)
        header = self._table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self._table.setColumnWidth(0, 138)
        self._table.setColumnWidth(1, 100)
        self._told: Event | None = None
        self._story = QPlainTextEdit(self)
        self._story.setReadOnly(True)
        say(self._table, "setAccessibleName", "Event log")
        say(self._story, "setAccessibleName", "The whole event")
        say(self._story, "setPlaceholderText", "Choose an event to see all of it.")
        self._least = QComboBox(self)
        say(self._least, "setAccessibleName", "Least urgent events to show")
        for name in LEVEL_NAMES.values():
            self._least.addItem(tr(name))
        self._copy = QPushButton(self)
        say(self._copy, "setText", "Copy")
        title = QLabel(self)
        title.setProperty("role", "title")
        say(title, "setText", "Event log")
        head = QHBoxLayout()
        head.addWidget(title)
        head.addStretch(1)
        head.addWidget(self._least)
        head.addWidget(self._copy)
        split = QSplitter(Qt.Orientation.Horizontal, self)
        split.addWidget(self._table)
        split.addWidget(self._story)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 10)
        layout.addLayout(head)
        layout.addWidget(split, 1)
        self._least.currentIndexChanged.connect(lambda row: self.model.set_least(_ORDER[max(row, 0)]))
        self._copy.clicked.connect(self._on_copy)
        self._table.selectionModel().currentRowChanged.connect(self._on_chosen)
        self.use_theme()

    def _on_chosen(self, index: QModelIndex) -> None:
        self._told = self.model.event_at(index.row())
        self._write_story()

    def _write_story(self) -> None:
        self._story.setPlainText("" if self._told is None else told(self._told))

    def _on_copy(self) -> None:
        event = self.model.event_at(self._table.currentIndex().row())
        events = [event] if event else [e for k in range(self.model.rowCount()) if (e := self.model.event_at(k))]
        QGuiApplication.clipboard().setText("\n\n".join(story(e) for e in events))

    def use_theme(self) -> None:
        """Draw the icons in the colours of the theme in use."""
        self._copy.setIcon(icon("copy"))
        self.model.retranslate()

    def retranslate(self) -> None:
        """Write the list of levels and the story anew."""
        self._write_story()
        for row, name in enumerate(LEVEL_NAMES.values()):
            self._least.setItemText(row, tr(name))
        self.model.retranslate()
