"""The camera's features in its own words: value, unit, limits; a value is edited in its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractItemModel,
    QAbstractTableModel,
    QModelIndex,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from aoi_app.camera.introspection import FeatureInfo
from aoi_app.gui.camera.draft import choices_of
from aoi_app.gui.texts import say, tr
from aoi_app.gui.theme import colour

Index = QModelIndex | QPersistentModelIndex
COLUMNS = ("Feature", "Value", "Unit", "Limits")
VALUE = 1
WIDTHS = (160, 96, 52)


class FeatureModel(QAbstractTableModel):
    """Features as rows. An edit does not change the row: it is asked for, and the camera answers."""

    edited = Signal(str, str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.features: tuple[FeatureInfo, ...] = ()

    def show_features(self, features: Sequence[FeatureInfo]) -> None:
        """Show features; where only values changed, rows and selection stay."""
        new = tuple(features)
        if [f.name for f in new] != [f.name for f in self.features]:
            self.beginResetModel()
            self.features = new
            self.endResetModel()
        elif new != self.features:
            self.features = new
            self.dataChanged.emit(self.index(0, 0), self.index(len(new) - 1, len(COLUMNS) - 1))

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """Return the number of features."""
        return 0 if parent.isValid() else len(self.features)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a column's title."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return tr(COLUMNS[section])
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell."""
        feature = self.features[index.row()]
        # Limits of what cannot be set would only be those of its type.
        cells = (feature.name, feature.value, feature.unit, feature.limits if feature.writable else "")
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return cells[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            value = " ".join(part for part in (feature.name, "=", feature.value, feature.unit) if part)
            note = feature.limits if feature.writable else tr("The camera alone sets this value.")
            return f"{value}\n{note}" if note else value
        if role == Qt.ItemDataRole.ForegroundRole and not feature.writable:
            return colour("faint")
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Let values be edited that the camera lets be set."""
        flags = super().flags(index)
        editable = index.column() == VALUE and self.features[index.row()].writable
        return flags | Qt.ItemFlag.ItemIsEditable if editable else flags

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Ask for another value."""
        feature, text = self.features[index.row()], str(value).strip()
        changed = role == Qt.ItemDataRole.EditRole and text not in ("", feature.value)
        if changed and self.flags(index) & Qt.ItemFlag.ItemIsEditable:
            self.edited.emit(feature.name, text)
            return True
        return False

    def retranslate(self) -> None:
        """Write the titles anew."""
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(COLUMNS) - 1)


class ValueEditor(QStyledItemDelegate):
    """Edits a value: a list where the camera offers one, otherwise a text."""

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        """Return the editor of a cell."""
        choices = _choices(index)
        if not choices:
            return super().createEditor(parent, option, index)
        box = QComboBox(parent)
        box.addItems(list(choices))
        # Choosing an entry is the whole edit: nothing else has to be pressed.
        box.activated.connect(lambda _: self.commitData.emit(box))
        box.activated.connect(lambda _: self.closeEditor.emit(box))
        return box

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        """Show the value that the camera has."""
        if isinstance(editor, QComboBox):
            editor.setCurrentText(str(index.data(Qt.ItemDataRole.EditRole)))
            editor.showPopup()
        else:
            super().setEditorData(editor, index)

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: Index) -> None:
        """Ask for the value that was chosen."""
        if isinstance(editor, QComboBox):
            model.setData(index, editor.currentText(), Qt.ItemDataRole.EditRole)
        else:
            super().setModelData(editor, model, index)


def _choices(index: Index) -> tuple[str, ...]:
    model, row = index.model(), index.row()
    name, value, unit, limits = (str(model.index(row, column).data() or "") for column in range(len(COLUMNS)))
    return choices_of(FeatureInfo(name, value, unit, limits))


class FeatureTable(QWidget):
    """The table, with a field that finds features by a part of their name."""

    edited = Signal(str, str)
    refresh = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.model = FeatureModel(self)
        self.model.edited.connect(self.edited)
        self._proxy = QSortFilterProxyModel(self)
        self._proxy.setSourceModel(self.model)
        self._proxy.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.finder = QLineEdit(self)
        self.finder.setClearButtonEnabled(True)
        say(self.finder, "setAccessibleName", "Find a feature")
        say(self.finder, "setPlaceholderText", "Find a feature, such as Exposure")
        self.finder.textChanged.connect(self._proxy.setFilterFixedString)
        self._refresh = QPushButton(self)
        say(self._refresh, "setText", "Read again")
        self._refresh.clicked.connect(self.refresh)
        self.table = QTableView(self)
        self.table.setTabKeyNavigation(False)
        self.table.setModel(self._proxy)
        self.table.setItemDelegateForColumn(VALUE, ValueEditor(self.table))
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(28)
        self.table.setShowGrid(False)
        self.table.setAlternatingRowColors(True)
        self.table.setTabKeyNavigation(False)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        triggers = QAbstractItemView.EditTrigger
        self.table.setEditTriggers(triggers.DoubleClicked | triggers.EditKeyPressed | triggers.AnyKeyPressed)
        say(self.table, "setAccessibleName", "Features of the camera")
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setMinimumSectionSize(32)
        header.setStretchLastSection(True)
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for column, width in enumerate(WIDTHS):
            header.resizeSection(column, width)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        row = QHBoxLayout()
        row.addWidget(self.finder, 1)
        row.addWidget(self._refresh)
        column_layout = QVBoxLayout(self)
        column_layout.setContentsMargins(0, 0, 0, 0)
        column_layout.setSpacing(8)
        column_layout.addLayout(row)
        column_layout.addWidget(self.table, 1)

    def show_features(self, features: Sequence[FeatureInfo]) -> None:
        """Show features, without disturbing an edit in hand."""
        if self.table.state() is not QAbstractItemView.State.EditingState:
            self.model.show_features(features)
            self._refresh.setEnabled(bool(features))

    def retranslate(self) -> None:
        """Write the titles anew."""
        self.model.retranslate()

    def use_theme(self) -> None:
        """Write the values in the colours of the theme in use."""
        self.table.viewport().update()
