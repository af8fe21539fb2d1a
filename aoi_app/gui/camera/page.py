"""The camera page: pick a camera, adjust it in its own words, set light and focus, capture the flat field, use it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from aoi_app.core.errors import AoiError
from aoi_app.core.settings import CameraSettings
from aoi_app.gui.background import Background
from aoi_app.gui.camera.about import OPENING, about_camera, about_error
from aoi_app.gui.camera.answers import Answers
from aoi_app.gui.camera.cameras import CameraList
from aoi_app.gui.camera.cards import Cards
from aoi_app.gui.camera.draft import with_feature
from aoi_app.gui.camera.features import FeatureTable
from aoi_app.gui.camera.flat_field import FlatFieldPanel
from aoi_app.gui.camera.live import LivePicture
from aoi_app.gui.camera.plots import HistogramPlot, ProfilePlot
from aoi_app.gui.camera.session import Look, Phase, Session
from aoi_app.gui.services import Choice
from aoi_app.gui.texts import say, tr
from aoi_app.station.status import State
from aoi_app.storage.accounts import Right

if TYPE_CHECKING:
    from aoi_app.gui.window import MainWindow

POLL_MS = 50
LIST_WIDTH, SIDE_WIDTH = 264, 430
CLOSE_S = 5.0
FREE = (State.IDLE, State.FAULT)
"""States in which the station holds no camera."""

CLOSED = "Pick a camera, then open it: live picture, line profile and histogram appear here."
HELD = "The line runs and holds the camera."
NOT_ALLOWED = "Log in to adjust cameras."
WAITING = "No lines yet. A camera that waits for triggers or the encoder delivers none before the conveyor moves."


class CameraPage(QWidget):
    """Holds a camera only while the page is in front and the station does not; gives it back on leaving."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._background = Background(self, "cameras")
        self.draft = window.settings.camera
        self.session: Session | None = None
        self._last: Session | None = None
        self._open_when_free = False
        self._searched = False
        self._shown = -1
        self._answers = Answers(self._tell)
        self.cameras = CameraList(self.draft.source, self)
        self.cards, self.live = Cards(self), LivePicture(self)
        self.profile, self.histogram = ProfilePlot(self), HistogramPlot(self)
        self.features = FeatureTable(self)
        self.flat_field = FlatFieldPanel(self._tell, self)
        self.held, self.problem = QFrame(self), QLabel(self)
        self._lay_out()
        self._connect()
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._on_timer)
        self._show(None)

    # Putting together

    def _lay_out(self) -> None:
        self.problem.setProperty("role", "problem")
        self.problem.setWordWrap(True)
        self.problem.hide()
        self.held.setObjectName("panel")
        row = QHBoxLayout(self.held)
        row.setContentsMargins(14, 8, 8, 8)
        sentence = QLabel(self.held)
        say(sentence, "setText", HELD)
        row.addWidget(sentence, 1)
        self.stop_button = QPushButton(self.held)
        self.stop_button.setDefault(True)
        say(self.stop_button, "setText", "Stop the line and adjust")
        row.addWidget(self.stop_button)
        frame = QFrame(self)
        frame.setObjectName("panel")
        inside = QVBoxLayout(frame)
        inside.setContentsMargins(1, 1, 1, 1)
        inside.addWidget(self.live)
        centre = QGridLayout()
        centre.setSpacing(8)
        centre.addWidget(frame, 0, 0, 1, 2)
        centre.addWidget(self.profile, 1, 0)
        centre.addWidget(self.histogram, 1, 1)
        for k, stretch in enumerate((5, 4)):
            centre.setRowStretch(k, stretch)
        centre.setColumnStretch(0, 3)
        centre.setColumnStretch(1, 2)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._left())
        row.addLayout(centre, 1)
        row.addWidget(self._right())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 10, 10, 8)
        layout.setSpacing(8)
        layout.addWidget(self.cards)
        layout.addWidget(self.held)
        layout.addWidget(self.problem)
        layout.addLayout(row, 1)

    def _left(self) -> QWidget:
        panel, column, heading = self._panel(LIST_WIDTH)
        say(heading, "setText", "Found cameras")
        self.open_button, self.search_button = QPushButton(panel), QPushButton(panel)
        say(self.search_button, "setText", "Search again")
        self.about = QLabel(panel)
        self.about.setProperty("role", "muted")
        self.about.setWordWrap(True)
        column.addWidget(self.cameras, 1)
        column.insertWidget(1, self.search_button)
        column.addWidget(self.open_button)
        column.addWidget(self.about)
        return panel

    def _right(self) -> QWidget:
        panel, column, self._right_title = self._panel(SIDE_WIDTH)
        self.side = QStackedWidget(panel)
        whole = QWidget(panel)
        inside = QVBoxLayout(whole)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(8)
        inside.addWidget(self.features, 1)
        self.flat_button, self.use_button = QPushButton(whole), QPushButton(whole)
        say(self.flat_button, "setText", "Flat field…")
        say(self.use_button, "setText", "Use this camera on the line")
        row = QHBoxLayout()
        row.addWidget(self.flat_button)
        row.addStretch(1)
        row.addWidget(self.use_button)
        inside.addLayout(row)
        self.side.addWidget(whole)
        self.side.addWidget(self.flat_field)
        column.addWidget(self.side, 1)
        return panel

    def _panel(self, width: int) -> tuple[QFrame, QVBoxLayout, QLabel]:
        panel = QFrame(self)
        panel.setObjectName("panel")
        panel.setFixedWidth(width)
        column = QVBoxLayout(panel)
        column.setContentsMargins(12, 8, 12, 10)
        column.setSpacing(8)
        heading = QLabel(panel)
        heading.setProperty("role", "title")
        column.addWidget(heading)
        return panel, column, heading

    def _connect(self) -> None:
        self.cameras.picked.connect(self.open)
        self.open_button.clicked.connect(self._on_open)
        self.search_button.clicked.connect(self.search)
        self.stop_button.clicked.connect(self._on_stop_line)
        self.features.edited.connect(self.set_feature)
        self.features.refresh.connect(self._on_refresh)
        self.flat_button.clicked.connect(self._on_flat_field)
        self.flat_field.asked.connect(self.problem.hide)
        self.flat_field.finished.connect(self._on_flat_field_done)
        self.use_button.clicked.connect(self.use)

    # Which camera

    def page_shown(self) -> None:
        """Look for cameras, the first time; watch the station."""
        self._timer.start()
        if not self._searched:
            self._searched = True
            self.search()
        self._on_timer()

    def search(self) -> None:
        """Ask which cameras answer; takes seconds, in a worker thread."""
        self.search_button.setEnabled(False)
        self.cameras.search()
        self._background.run("cameras", self._window.services.cameras, self._on_found, self._on_not_found)

    def _on_found(self, choices: Sequence[Choice]) -> None:
        self.search_button.setEnabled(True)
        self.cameras.offer(choices)

    def _on_not_found(self, error: Exception) -> None:
        self.search_button.setEnabled(True)
        self.cameras.offer(())
        self._tell(error)

    @property
    def free(self) -> bool:
        """Whether the station holds no camera."""
        return self._window.station.status().state in FREE

    @property
    def may(self) -> bool:
        """Whether the person at the window may adjust cameras."""
        return self._window.session.may(Right.CHANGE_SETTINGS)

    def open(self) -> None:
        """Take the camera that is chosen; what was open is given back first."""
        self.release()
        source = self.cameras.source.text().strip()
        if not (self.free and self.may and source):
            return
        self.problem.hide()
        if self.draft.source != source:
            station = self._window.settings.camera
            self.draft = station if station.source == source else CameraSettings(source=source)
        width = self._window.station.recipe.width_px
        self.session = Session(self._window.services.create_camera, self.draft, width, after=self._last)
        self._on_timer()

    def release(self) -> None:
        """Give the camera back; does not wait."""
        session, self.session = self.session, None
        if session is not None:
            session.close()
            self._last = session
        self._answers.forget()
        self.flat_field.end()
        self.side.setCurrentIndex(0)
        self._show(None)

    def _on_open(self) -> None:
        (self.open if self.session is None else self.release)()

    def _on_stop_line(self) -> None:
        self._open_when_free = True
        self._window.station.stop()

    # Its features

    def set_feature(self, name: str, text: str) -> None:
        """Run the camera with another value; when it refuses, it goes on as before and says why."""
        session = self.session
        if session is None or session.look.phase is not Phase.RUNNING:
            return
        self.problem.hide()
        try:
            changed = with_feature(self.draft, session.look.features, name, text)
        except AoiError as error:
            self._tell(error)
            return

        def taken(_: object) -> None:
            self.draft = changed

        self._answers.expect(session.apply(changed), taken)

    def _on_refresh(self) -> None:
        if self.session is not None:
            self._answers.expect(self.session.read_features(), lambda _: None)

    def use(self) -> None:
        """Make this camera, as it is adjusted now, the station's."""
        self._window.take_settings(self._window.settings.with_changes(camera=self.draft.model_dump()))
        self._write_state(self.session.look if self.session else None)

    # Flat field

    def _on_flat_field(self) -> None:
        session = self.session
        if session is None or session.look.info is None:
            return
        self.problem.hide()
        self.side.setCurrentWidget(self.flat_field)
        self.flat_field.begin(session, self.draft, self._window.services.flat_field_file(session.look.info))
        self._write_state(session.look)

    def _on_flat_field_done(self, settings: CameraSettings | None) -> None:
        self.side.setCurrentIndex(0)
        if settings is not None:
            self.draft = settings
            self.use()

    # Looking

    def _on_timer(self) -> None:
        if not self.isVisible():
            return
        self._answers.take()
        self.flat_field.answers.take()
        free = self.free
        self.held.setVisible(not free)
        self.stop_button.setEnabled(self.may)
        if not (free and self.may) and self.session is not None:
            self.release()
        if free and self._open_when_free:
            self._open_when_free = False
            self.open()
            return
        self._show(self.session.look if self.session is not None else None)

    def _show(self, look: Look | None) -> None:
        number = -1 if look is None else look.number
        if number >= 0 and number == self._shown:
            self._write_state(look)
            return
        self._shown = number
        if look is not None and look.phase is Phase.FAILED:
            error = look.error
            self.release()
            if error is not None:
                self._tell(error)
            return
        self.cards.show_look(look)
        self.profile.show_figures(look.figures if look else None)
        self.histogram.show_figures(look.figures if look else None)
        self.features.show_features(look.features if look else ())
        sentence = OPENING if look is not None and look.phase is Phase.OPENING else WAITING
        if look is None:
            sentence = NOT_ALLOWED if not self.may else CLOSED if self.free else HELD
        self.live.show_picture(look.picture if look else None, sentence)
        self._write_state(look)

    def _write_state(self, look: Look | None) -> None:
        running = look is not None and look.phase is Phase.RUNNING
        step = self.side.currentWidget() is self.flat_field
        self._right_title.setText(tr("Flat field" if step else "Features of the camera"))
        self.open_button.setText(tr("Open camera" if look is None else "Give the camera back"))
        self.open_button.setEnabled(look is not None or (self.free and self.may))
        self.open_button.setDefault(look is None)
        in_use = self.draft == self._window.settings.camera
        self.use_button.setEnabled(running and not in_use)
        self.use_button.setDefault(running and not in_use)
        self.flat_button.setEnabled(running and look is not None and look.corrects)
        self.about.setText("\n".join(about_camera(look, in_use)))

    def _tell(self, error: Exception) -> None:
        if not isinstance(error, AoiError):
            raise error
        self.problem.setText("\n".join(about_error(error)))
        self.problem.show()

    # Leaving

    def hideEvent(self, event: QHideEvent) -> None:
        """Give the camera back when another page comes to the front; a window that is minimised keeps it."""
        super().hideEvent(event)
        if not event.spontaneous():
            self._open_when_free = False
            self._timer.stop()
            self.release()

    def close_page(self) -> None:
        """Give the camera back before the program ends."""
        self._timer.stop()
        self.release()
        if self._last is not None:
            self._last.join(CLOSE_S)
        self._background.abandon()

    def retranslate(self) -> None:
        """Write what depends on the camera anew."""
        self._write_state(self.session.look if self.session is not None else None)
