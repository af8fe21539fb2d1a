"""The page of the line: board, verdict, figures, defects, curves."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from aoi_app.core.inspection import Inspection
from aoi_app.gui.board.minimap import Minimap
from aoi_app.gui.board.picture import picture_of_frame
from aoi_app.gui.board.tools import ViewTools
from aoi_app.gui.board.view import BoardView
from aoi_app.gui.elided import ElidedLabel
from aoi_app.gui.line.counters import Counters
from aoi_app.gui.line.defect_list import DefectList, thumbnails
from aoi_app.gui.line.verdict_tile import VerdictTile
from aoi_app.gui.texts import tr
from aoi_app.station.judged import JudgedBoard
from aoi_app.station.live import LiveFrame
from aoi_app.station.status import State, StationStatus

SIDE_WIDTH = 440
PLOTS_HEIGHT = 168


class LinePage(QWidget):
    """What is on the line now."""

    open_board = Signal(str)
    """A board's id, to be opened from the record."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.view = BoardView(self, "Waiting for the first board")
        self.minimap = Minimap(self.view)
        self.tools = ViewTools(self.view)
        self.tile = VerdictTile(self)
        self.counters = Counters(self)
        self.defects = DefectList(self)
        self.caption = ElidedLabel(self)
        self.caption.setProperty("role", "muted")
        self.heading = ElidedLabel(self)
        self.heading.setProperty("role", "title")
        self.plots_place = QVBoxLayout()
        self._frame: LiveFrame | None = None
        self._judged: Inspection | None = None
        self._listed: Inspection | None = None
        self._status = StationStatus()
        self._lay_out()
        self.retranslate()
        self.view.defect_clicked.connect(self.defects.choose)
        self.defects.chosen.connect(self._on_chosen)
        self.defects.doubleClicked.connect(self._on_open)

    def _lay_out(self) -> None:
        frame = QFrame(self)
        frame.setObjectName("panel")
        inside = QVBoxLayout(frame)
        inside.setContentsMargins(1, 6, 1, 1)
        inside.setSpacing(6)
        head = QHBoxLayout()
        head.setContentsMargins(12, 0, 12, 0)
        head.addWidget(self.caption, 1)
        inside.addLayout(head)
        inside.addWidget(self.view, 1)
        left = QVBoxLayout()
        left.setSpacing(8)
        left.addWidget(frame, 1)
        left.addLayout(self.plots_place)
        side = QWidget(self)
        side.setFixedWidth(SIDE_WIDTH)
        right = QVBoxLayout(side)
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(8)
        right.addWidget(self.tile)
        right.addWidget(self.counters)
        right.addWidget(self.heading)
        right.addWidget(self.defects, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 8, 8, 8)
        row.setSpacing(8)
        row.addLayout(left, 1)
        row.addWidget(side)

    def add_plots(self, plots: QWidget) -> None:
        """Put the curves in their place."""
        plots.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        plots.setFixedHeight(PLOTS_HEIGHT)
        self.plots_place.addWidget(plots)

    @property
    def board_open(self) -> bool:
        """Whether a board is being scanned."""
        return self._status.state is State.RUNNING and self._frame is not None and self._frame.inspection is None

    # What the station says

    def show_frame(self, frame: LiveFrame | None) -> None:
        """Show the newest picture of the line; an old one again costs nothing."""
        if frame is None or (self._frame is not None and frame.generation == self._frame.generation):
            return
        self._frame = frame
        self.view.show_picture(picture_of_frame(frame))
        self._write_caption()
        if frame.inspection is not None:
            self._show_verdict(frame.inspection)

    def show_judged(self, judged: JudgedBoard | None) -> None:
        """List the defects of the newest verdict, each with its picture: the board in view may be another by then."""
        if judged is None or judged.inspection is self._listed:
            return
        inspection = self._listed = judged.inspection
        self._show_verdict(inspection)
        self.defects.show_defects(inspection.verdict, inspection.defects, thumbnails(judged.pictures))
        self._write_heading()

    def show_status(self, status: StationStatus) -> None:
        """Show a snapshot's figures and its newest verdict."""
        self._status = status
        self.counters.show_status(status)
        if status.last is not None:
            self._show_verdict(status.last)

    def _show_verdict(self, inspection: Inspection) -> None:
        if self._judged is None or self._judged.ended_ns < inspection.ended_ns:
            self._judged = inspection
            self.tile.show_inspection(inspection)

    # Words

    def _write_caption(self) -> None:
        frame = self._frame
        if frame is None:
            self.caption.say_whole(tr("No board on the line"))
            return
        size = f"{frame.scan.width:,} × {frame.lines:,} px"
        if frame.inspection is None:
            text = tr("Scanning {serial}: {found} found so far", serial=frame.scan.serial, found=len(frame.detections))
        else:
            text = tr("Board {serial}", serial=frame.scan.serial)
        self.caption.say_whole(f"{text}    {size}")

    def _write_heading(self) -> None:
        if self._listed is None:
            self.heading.say_whole(tr("Defects of the last board"))
            return
        total = len(self._listed.defects)
        self.heading.say_whole(tr("Defects found on {serial} ({n})", serial=self._listed.serial, n=total))

    def retranslate(self) -> None:
        """Write what depends on data anew."""
        self._write_caption()
        self._write_heading()

    # Slots

    def _on_chosen(self, row: int) -> None:
        """Bring a defect into view; of a board that has left the line, its record."""
        picture = self.view.picture
        if picture is not None and self._listed is not None and picture.board_id == self._listed.board_id:
            self.view.select(row, centre=True)

    def _on_open(self) -> None:
        if self._listed is not None:
            self.open_board.emit(self._listed.board_id)
