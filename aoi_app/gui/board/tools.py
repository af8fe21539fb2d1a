"""The buttons that move a board view. Data, and the frame they stand in."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QToolButton

from aoi_app.gui.board.view import BoardView, Mode
from aoi_app.gui.icons import icon
from aoi_app.gui.texts import say

EDGE = 10


@dataclass(frozen=True, slots=True)
class ViewTool:
    """A button beside the board: icon, tool tip, method of the view, mode that it shows as pressed."""

    icon: str
    tip: str
    method: str
    mode: Mode | None = None


VIEW_TOOLS = (
    ViewTool("zoom-in", "Zoom in (+)", "zoom_in"),
    ViewTool("zoom-out", "Zoom out (-)", "zoom_out"),
    ViewTool("fit", "Whole board (F)", "fit", Mode.FIT),
    ViewTool("one", "One to one (1)", "actual_size"),
    ViewTool("follow", "Follow the scan (S)", "follow", Mode.FOLLOW),
)


class ViewTools(QFrame):
    """Stands in the lower left corner of a board view.

    Parameters
    ----------
    follows
        Whether the board is being scanned, so that there is something to follow.
    """

    def __init__(self, view: BoardView, follows: bool = True) -> None:
        super().__init__(view)
        self.setObjectName("panel")
        self._view = view
        self._buttons: list[tuple[ViewTool, QToolButton]] = []
        row = QHBoxLayout(self)
        row.setContentsMargins(3, 3, 3, 3)
        row.setSpacing(2)
        for tool in VIEW_TOOLS:
            if tool.mode is Mode.FOLLOW and not follows:
                continue
            button = QToolButton(self)
            button.setProperty("flat", True)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setCheckable(tool.mode is not None)
            say(button, "setToolTip", tool.tip)
            say(button, "setAccessibleName", tool.tip)
            button.clicked.connect(getattr(view, tool.method))
            row.addWidget(button)
            self._buttons.append((tool, button))
        view.mode_changed.connect(self._on_mode)
        view.installEventFilter(self)
        self._on_mode(view.mode)
        self.use_theme()
        self.adjustSize()

    def _on_mode(self, mode: Mode) -> None:
        for tool, button in self._buttons:
            button.setChecked(tool.mode is mode)

    def use_theme(self) -> None:
        """Draw the icons in the colours of the theme in use."""
        for tool, button in self._buttons:
            button.setIcon(icon(tool.icon))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay in the corner."""
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Show):
            self.move(EDGE, self._view.height() - self.height() - EDGE)
        return False
