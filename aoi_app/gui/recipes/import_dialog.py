"""Brings a centroid file in: what was understood of it is shown before anything is taken over."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from aoi_app.boards.centroid import CentroidFile, Side, components_of, outline_of, read_centroid
from aoi_app.boards.centroid.columns import ROTATION, UNITS
from aoi_app.core.components import Component
from aoi_app.core.errors import AoiError
from aoi_app.gui.screen_room import resize_to_fit, room_of
from aoi_app.gui.settings.form import Form
from aoi_app.gui.texts import message, say, tr

COLUMNS = ("Reference", "Package", "Value", "x, mm", "y, mm", "Rotation, °", "Joints")
SIDES: tuple[tuple[Side, str], ...] = (("top", "Top"), ("bottom", "Bottom"))
DELIMITER_NAMES = {"\t": "tab", " ": "blanks"}
MOST_ROWS = 500
"""Rows of the preview; all parts are taken over."""


class ImportDialog(QDialog):
    """Reads a file and previews the parts of one side."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        say(self, "setWindowTitle", "Import components")
        self.path: Path | None = None
        self.file: CentroidFile | None = None
        self.path_label, self.understood, self.problem = QLabel(self), QLabel(self), QLabel(self)
        self.side, self.unit, self.y_down = QComboBox(self), QComboBox(self), QCheckBox(self)
        self.table = QTableWidget(0, len(COLUMNS), self)
        self._lay_out()
        self.retranslate()
        self.side.currentIndexChanged.connect(self._show)
        self.unit.currentIndexChanged.connect(self._read)
        resize_to_fit(self, 820, 620, room_of(self))

    def _lay_out(self) -> None:
        self.problem.setProperty("role", "problem")
        self.understood.setProperty("role", "muted")
        for label in (self.problem, self.understood):
            label.setWordWrap(True)
        self.problem.hide()
        browse = QPushButton(self)
        say(browse, "setText", "Choose file…")
        browse.clicked.connect(self._on_browse)
        row = QHBoxLayout()
        row.addWidget(browse)
        row.addWidget(self.path_label, 1)
        form = Form(self)
        form.column.setContentsMargins(0, 0, 0, 0)
        form.add("Side that is inspected", self.side)
        form.add("Unit", self.unit)
        say(self.y_down, "setText", "y runs down the picture")
        form.grid.addWidget(self.y_down, form.grid.rowCount(), 1)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        self.table.verticalHeader().hide()
        self.table.setTabKeyNavigation(False)
        self.table.setShowGrid(False)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        say(self.table, "setAccessibleName", "Components")
        buttons = QDialogButtonBox(self)
        roles = QDialogButtonBox.ButtonRole
        self.take_button = buttons.addButton(tr("Take over"), roles.AcceptRole)
        cancel = buttons.addButton(tr("Cancel"), roles.RejectRole)
        say(self.take_button, "setText", "Take over")
        say(cancel, "setText", "Cancel")
        self.take_button.clicked.connect(self.accept)
        cancel.clicked.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(10)
        layout.addLayout(row)
        layout.addWidget(form)
        layout.addWidget(self.problem)
        layout.addWidget(self.understood)
        layout.addWidget(self.table, 1)
        layout.addWidget(buttons)
        self._show()

    @property
    def chosen_side(self) -> Side:
        """The side that the camera sees."""
        return SIDES[max(0, self.side.currentIndex())][0]

    def components(self) -> tuple[Component, ...]:
        """Return the components of the chosen side."""
        return components_of(self.file.of_side(self.chosen_side)) if self.file is not None else ()

    def _on_browse(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, tr("Centroid file"), "", "*.csv *.txt *.pos *.xy *.mnt *.tsv *.*")
        if name:
            self.take_file(Path(name))

    def take_file(self, path: Path) -> None:
        """Read a file; one that has parts on the other side only is shown from there."""
        self.path = path
        self._read()
        if self.file is not None and not self.file.of_side(self.chosen_side):
            other = 1 - max(0, self.side.currentIndex())
            self.side.setCurrentIndex(other)

    def _read(self) -> None:
        if self.path is None:
            return
        self.path_label.setText(self.path.name)
        self.path_label.setToolTip(str(self.path))
        try:
            self.file = read_centroid(self.path, str(self.unit.currentData() or ""))
            self.problem.hide()
        except AoiError as error:
            self.file = None
            self.problem.setText(f"{message(error.what)}\n{message(error.hint)}".strip())
            self.problem.show()
        self._show()

    def _show(self) -> None:
        parts = self.file.of_side(self.chosen_side) if self.file is not None else ()
        self.take_button.setEnabled(bool(parts))
        self.understood.setText(self._understood())
        self.table.setRowCount(min(len(parts), MOST_ROWS))
        for row, part in enumerate(parts[:MOST_ROWS]):
            joints = outline_of(part.package).terminations
            cells = (
                part.reference, part.package, part.value, f"{part.x_mm:.3f}", f"{part.y_mm:.3f}",
                f"{part.rotation:g}", "?" if joints is None else str(joints),
            )  # fmt: skip
            for column, text in enumerate(cells):
                self.table.setItem(row, column, QTableWidgetItem(text))

    def _understood(self) -> str:
        file = self.file
        if file is None:
            return ""
        delimiter = tr(DELIMITER_NAMES.get(file.delimiter, file.delimiter))
        columns = ", ".join(f"{tr(meaning)} = {name}" for meaning, name in file.columns)
        encoding = file.encoding.upper()
        sides = (
            tr(
                "{top} parts on top, {bottom} on the bottom; {encoding}, columns set with {delimiter}.",
                top=len(file.of_side("top")),
                bottom=len(file.of_side("bottom")),
                encoding=encoding,
                delimiter=delimiter,
            )
            if file.sided
            else tr(
                "{n} parts, the file does not say on which side; {encoding}, columns set with {delimiter}.",
                n=len(file.parts),
                encoding=encoding,
                delimiter=delimiter,
            )
        )
        lines = [
            sides,
            tr("Unit: {unit} ({whence}).", unit=file.unit, whence=tr(WHENCE[file.unit_from])),
            columns,
        ]
        if ROTATION not in dict(file.columns):
            lines.append(tr("No column of rotations was found: all are 0."))
        if file.skipped:
            some = ", ".join(f"{number}: {message(why)}" for number, why in file.skipped[:4])
            lines.append(tr("{n} lines skipped ({some})", n=len(file.skipped), some=some))
        return "\n".join(lines)

    def retranslate(self) -> None:
        """Write lists and the preview anew."""
        for box, entries in (
            (self.side, [(tr(title), side) for side, title in SIDES]),
            (self.unit, [(tr("as the file says"), ""), *((unit, unit) for unit in UNITS)]),
        ):
            box.blockSignals(True)
            now = max(0, box.currentIndex())
            box.clear()
            for title, value in entries:
                box.addItem(title, value)
            box.setCurrentIndex(now)
            box.blockSignals(False)
        self.table.setHorizontalHeaderLabels([tr(c) for c in COLUMNS])
        self._show()


WHENCE = {
    "header": "from the columns' names",
    "file": "the file says so",
    "values": "written beside the numbers",
    "assumed": "assumed: the file does not say",
    "chosen": "chosen here",
}
