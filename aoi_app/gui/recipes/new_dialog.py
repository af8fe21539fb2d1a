"""A new recipe, or a new golden board for one: from an image file, or from the next board on the line."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from aoi_app.core.errors import AoiError
from aoi_app.core.golden_recipe import recipe_of_golden
from aoi_app.core.recipe import Recipe
from aoi_app.core.scan import Pixels
from aoi_app.gui.background import Background
from aoi_app.gui.board.picture import picture_of_image
from aoi_app.gui.board.tools import ViewTools
from aoi_app.gui.board.view import BoardView
from aoi_app.gui.screen_room import resize_to_fit, room_of
from aoi_app.gui.settings.form import Beside, Form
from aoi_app.gui.texts import message, say, tr
from aoi_app.station.control import StationControl
from aoi_app.station.golden_boards import GoldenBoards
from aoi_app.station.status import State
from aoi_app.station.taking import TakenBoard

POLL_MS = 100
FORM_WIDTH = 420


class NewRecipeDialog(QDialog):
    """Takes a golden board and makes a recipe of it; `recipe` is what came of it.

    Parameters
    ----------
    base
        Model and limits are taken from it; with `same` only its golden board becomes another one.
    taken
        Names that recipes have already.
    """

    def __init__(
        self,
        base: Recipe,
        goldens: GoldenBoards,
        station: StationControl,
        taken: Callable[[], tuple[str, ...]],
        parent: QWidget,
        same: bool = False,
    ) -> None:
        super().__init__(parent)
        say(self, "setWindowTitle", "New golden board" if same else "New recipe")
        self._base, self._goldens, self._station, self._taken, self._same = base, goldens, station, taken, same
        self.recipe: Recipe | None = None
        self.image: Pixels | None = None
        self._asked: Future[TakenBoard] | None = None
        self._background = Background(self, "golden")
        self.view = BoardView(self, "Choose an image, or take a board from the line")
        self._tools = ViewTools(self.view, follows=False)
        self.name, self.product = QLineEdit(self), QLineEdit(self)
        self.across, self.along = QDoubleSpinBox(self), QDoubleSpinBox(self)
        self.align = QCheckBox(self)
        self.file_button, self.scan_button, self.stop_button = (QPushButton(self) for _ in range(3))
        self.progress, self.size_label, self.problem = QProgressBar(self), QLabel(self), QLabel(self)
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._on_poll)
        self._lay_out()
        self._fill()
        resize_to_fit(self, 1180, 720, room_of(self))

    def _lay_out(self) -> None:
        self.problem.setProperty("role", "problem")
        self.problem.setWordWrap(True)
        self.problem.hide()
        self.size_label.setProperty("role", "muted")
        self.size_label.setWordWrap(True)
        say(self.file_button, "setText", "Image file…")
        say(self.scan_button, "setText", "Scan golden board")
        say(self.scan_button, "setToolTip", "Takes the next board that begins on the line.")
        say(self.stop_button, "setText", "Stop waiting")
        say(self.align, "setText", "Lay it onto each scan, refuse scans of other boards")
        self.file_button.clicked.connect(self._on_browse)
        self.scan_button.clicked.connect(self.scan)
        self.stop_button.clicked.connect(self._stop)
        self.progress.setRange(0, 0)
        self.progress.setTextVisible(False)
        for button in (self.file_button, self.scan_button, self.stop_button):
            button.setAutoDefault(False)
        for box in (self.across, self.along):
            box.setRange(0, 10_000)
            box.setDecimals(3)
            box.setAlignment(Qt.AlignmentFlag.AlignRight)
        sources = QHBoxLayout()
        for button in (self.file_button, self.scan_button):
            sources.addWidget(button)
        waiting = QHBoxLayout()
        waiting.addWidget(self.progress, 1)
        waiting.addWidget(self.stop_button)
        sides = ((self.across, "Pixel size across, µm"), (self.along, "Pixel size along, µm"))
        form = Form(self)
        form.column.setContentsMargins(0, 0, 0, 0)
        form.add("Name of the recipe", self.name)
        form.add("Product", self.product)
        form.add("Pixel size, µm", Beside(sides, self), "Across and along the transport; 0: not known.")
        form.grid.addWidget(self.align, form.grid.rowCount(), 0, 1, 2)
        buttons = QDialogButtonBox(self)
        roles = QDialogButtonBox.ButtonRole
        self.make_button = buttons.addButton(tr("Make recipe"), roles.AcceptRole)
        cancel = buttons.addButton(tr("Cancel"), roles.RejectRole)
        say(self.make_button, "setText", "Take over" if self._same else "Make recipe")
        say(cancel, "setText", "Cancel")
        # Enter never throws away what was taken.
        cancel.setAutoDefault(False)
        self.make_button.setDefault(True)
        self.make_button.clicked.connect(self.make)
        cancel.clicked.connect(self.reject)
        side = QWidget(self)
        side.setFixedWidth(FORM_WIDTH)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        column.addLayout(sources)
        column.addLayout(waiting)
        column.addWidget(self.size_label)
        column.addWidget(form)
        column.addWidget(self.problem)
        column.addStretch(1)
        column.addWidget(buttons)
        frame = QFrame(self)
        frame.setObjectName("panel")
        inside = QVBoxLayout(frame)
        inside.setContentsMargins(1, 1, 1, 1)
        inside.addWidget(self.view)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(12, 12, 12, 12)
        whole.setSpacing(12)
        whole.addWidget(frame, 1)
        whole.addWidget(side)

    def _fill(self) -> None:
        self.name.setText(self._base.name if self._same else "")
        self.name.setEnabled(not self._same)
        self.product.setText(self._base.product if self._same else "")
        self.product.setEnabled(not self._same)
        for box, side in zip((self.across, self.along), self._base.pixel_size_um or (0.0, 0.0), strict=True):
            box.setValue(side)
        self.align.setChecked(True)
        self._waiting(False)
        self._show_size()

    # The golden board

    def _on_browse(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, tr("Golden board"), "", "*.png *.tif *.tiff *.bmp *.jpg *.jpeg *.*")
        if name:
            self.read(Path(name))

    def read(self, path: Path) -> None:
        """Take the golden board from an image file."""
        self._stop()
        self._waiting(True)
        self._background.run("read", lambda: self._goldens.read(path), self._on_read, self._on_failed)

    def _on_read(self, found: tuple[Pixels, tuple[float, float] | None]) -> None:
        image, pixel_size = found
        if pixel_size is not None:
            self.across.setValue(pixel_size[0])
            self.along.setValue(pixel_size[1])
        self._take(image)

    def scan(self) -> None:
        """Take the next board that begins on the line."""
        if self._station.status().state is not State.RUNNING:
            self._tell(tr("The line does not run. Start it, then take a board from it."))
            return
        self._stop()
        self._waiting(True)
        self._asked = self._station.take_board()
        self._timer.start()

    def _on_poll(self) -> None:
        asked = self._asked
        if asked is None:
            self._timer.stop()
        elif asked.done():
            self._asked = None
            self._timer.stop()
            try:
                self._take(asked.result().image)
            except CancelledError:
                self._waiting(False)
            except AoiError as error:
                self._on_failed(error)
        elif self._station.status().state in (State.IDLE, State.FAULT):
            self._stop()
            self._tell(tr("The line does not run. Start it, then take a board from it."))

    def _stop(self) -> None:
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.cancel()
        self._background.forget("read")
        self._timer.stop()
        self._waiting(False)

    def _take(self, image: Pixels) -> None:
        self.image = image
        self.problem.hide()
        self._waiting(False)
        self.view.show_picture(picture_of_image(f"golden-{id(image)}", image))
        self._show_size()

    def _show_size(self) -> None:
        if self.image is None:
            self.size_label.setText(tr("No golden board yet: a picture of a board without defects."))
        else:
            lines, width = self.image.shape[:2]
            self.size_label.setText(tr("{width} px × {lines} lines", width=f"{width:,}", lines=f"{lines:,}"))
        self.make_button.setEnabled(self.image is not None)

    # The recipe

    def make(self) -> None:
        """Keep the image in the archive and make the recipe."""
        name = self.name.text().strip()
        if not name or (not self._same and name in self._taken()):
            self._tell(tr("There is a recipe of this name already.") if name else tr("Give the recipe a name."))
            return
        image = self.image
        if image is None:
            return
        size = (self.across.value(), self.along.value())
        pixel_size = size if all(size) else None
        product, align = self.product.text().strip(), self.align.isChecked()

        def work() -> Recipe:
            stored = self._goldens.keep(image)
            board = (image.shape[1], image.shape[0])
            return recipe_of_golden(
                self._base, name, board, stored.name, stored.sha256,
                product=product, pixel_size_um=pixel_size, align=align,
            )  # fmt: skip

        self._waiting(True)
        self._background.run("make", work, self._on_made, self._on_failed)

    def _on_made(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.accept()

    def _waiting(self, on: bool) -> None:
        self.progress.setVisible(on)
        self.stop_button.setVisible(on)
        self.file_button.setEnabled(not on)
        self.scan_button.setEnabled(not on)
        self.make_button.setEnabled(not on and self.image is not None)

    def _on_failed(self, error: Exception) -> None:
        self._waiting(False)
        if not isinstance(error, AoiError):
            raise error
        self._tell(f"{message(error.what)}\n{message(error.hint)}".strip())

    def _tell(self, text: str) -> None:
        self.problem.setText(text)
        self.problem.show()

    def done(self, result: int) -> None:
        """Wait for nothing any more, then close."""
        self._stop()
        self._background.close()
        super().done(result)

    def retranslate(self) -> None:
        """Write the size anew."""
        self._show_size()
