"""Windows that are no larger than the screen: what lies outside of it cannot be reached, least of all its buttons."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

FRAME = QSize(8, 40)
"""What the desktop puts around a window: rim and title bar."""


def room_of(window: QWidget) -> QSize | None:
    """Return the room that a window may take on its screen; None where there is none, only pictures of it."""
    if QGuiApplication.platformName() == "offscreen":
        return None
    return window.screen().availableSize() - FRAME


def resize_to_fit(window: QWidget, width: int, height: int, room: QSize | None) -> bool:
    """Give a window a size, or what there is room for; tell whether that was the whole of it."""
    wanted = QSize(width, height)
    given = wanted if room is None else wanted.boundedTo(room)
    window.resize(given)
    return given == wanted
