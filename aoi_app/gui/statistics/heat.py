"""Where on the board defects were confirmed: a map of heat over the board's picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QLabel, QSizePolicy, QVBoxLayout, QWidget

from aoi_app.core.scan import Pixels
from aoi_app.gui.board.qimages import owned_qimage
from aoi_app.gui.texts import tr
from aoi_app.gui.theme import colour, ui_font

LONGEST = 640
COLDEST = 100
"""Place in the colour map where heat begins: below it the map is darker than the board."""
SPREAD = 0.02
"""Standard deviation of a spot, as a share of the longer side."""


def heat_picture(places: NDArray[np.float64], board: Pixels | None, size: tuple[int, int]) -> Pixels:
    """Return the board in grey with the density of places over it.

    Parameters
    ----------
    places
        (n, 2) x and y in board pixels.
    board
        Picture of the board at any scale, or None for an empty one.
    size
        Width and length of the board in pixels.

    Returns
    -------
    Pixels
        (h, w, 3) RGB, its longer side at most `LONGEST`. From cold to hot it grows lighter as well as redder, so that
        it can be read without colours.
    """
    factor = LONGEST / max(size)
    width, height = max(1, round(size[0] * factor)), max(1, round(size[1] * factor))
    grey = np.full((height, width), 70, np.uint8)
    if board is not None:
        flat = board if board.ndim == 2 else cv2.cvtColor(board, cv2.COLOR_RGB2GRAY)
        small = cv2.resize(flat, (width, height), interpolation=cv2.INTER_AREA)
        grey = np.asarray(small * 0.35 + 20, np.uint8)
    inside = (places >= 0).all(axis=1) & (places[:, 0] < size[0]) & (places[:, 1] < size[1])
    columns, rows = (places[inside] * factor).astype(np.intp).T
    counts = np.zeros((height, width), np.float32)
    np.add.at(counts, (np.minimum(rows, height - 1), np.minimum(columns, width - 1)), 1)
    heat = cv2.GaussianBlur(counts, (0, 0), SPREAD * LONGEST)
    share = (heat / heat.max() if heat.max() > 0 else heat)[..., None]
    hot = cv2.applyColorMap(np.asarray(COLDEST + share[..., 0] * (255 - COLDEST), np.uint8), cv2.COLORMAP_INFERNO)[
        ..., ::-1
    ]
    weight = np.minimum(share * 3, 1) * 0.9
    return np.asarray(grey[..., None] * (1 - weight) + hot * weight, np.uint8)


class HeatMap(QFrame):
    """The map with its title."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self._heading, self._recipe = QLabel(self), ""
        self._heading.setProperty("role", "title")
        self._map = _Map(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 10)
        layout.setSpacing(4)
        layout.addWidget(self._heading)
        layout.addWidget(self._map, 1)
        self.retranslate()

    def retranslate(self) -> None:
        """Name the product anew."""
        title = tr("Confirmed defects by place")
        self._heading.setText(f"{title}    {self._recipe}" if self._recipe else title)

    def show_picture(self, picture: Pixels | None, recipe: str, boards: int) -> None:
        """Show the map of a product, or that there is nothing to show among so many boards."""
        self._recipe = recipe
        self.retranslate()
        self._map.boards = boards
        self._map.picture = None if picture is None else owned_qimage(picture)
        self._map.update()


class _Map(QWidget):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.boards: int | None = None
        self.picture: object | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    @property
    def placeholder(self) -> str:
        """What stands in place of the map; nothing before anything was counted."""
        if self.boards is None:
            return ""
        return tr("No confirmed defect in this period") if self.boards else tr("No board in this period")

    def paintEvent(self, event: QPaintEvent) -> None:
        from PySide6.QtGui import QImage

        painter = QPainter(self)
        if not isinstance(self.picture, QImage):
            painter.setPen(colour("faint"))
            painter.setFont(ui_font(11))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.placeholder)
            return
        target = QRect(0, 0, 0, 0)
        target.setSize(self.picture.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio))
        target.moveCenter(self.rect().center())
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(target, self.picture)

    def retranslate(self) -> None:
        self.update()
