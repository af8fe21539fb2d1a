"""How large a key on the screen is that decides something."""

from __future__ import annotations

from PySide6.QtGui import QInputDevice

from aoi_app.gui.theme import millimetres

KEY_MM, TOUCH_KEY_MM = 15.0, 20.0
"""Height of the decision keys: with a mouse at hand, and where somebody has only a finger."""
MOST_KEY_PX = 160


def key_height() -> int:
    """Return the height of a decision key in logical pixels: larger where the screen is touched."""
    touched = any(d.type() is QInputDevice.DeviceType.TouchScreen for d in QInputDevice.devices())
    return min(millimetres(TOUCH_KEY_MM if touched else KEY_MM), MOST_KEY_PX)
