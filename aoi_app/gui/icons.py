"""Icons: small SVG drawings in one colour, that of the theme's text."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from aoi_app.gui.resources import resources_dir
from aoi_app.gui.theme import tokens

SIZES = (16, 24, 32, 48)


def drawing(name: str, colour: str) -> QSvgRenderer:
    """Return an icon's drawing in a colour; `currentColor` in the file stands for it."""
    text = (resources_dir() / "icons" / f"{name}.svg").read_text(encoding="utf-8")
    return QSvgRenderer(QByteArray(text.replace("currentColor", colour).encode()))


def icon(name: str, colour: str | None = None) -> QIcon:
    """Return an icon in a colour (the theme's text when none is given), with a pale one for what is disabled."""
    result = QIcon()
    shades = ((QIcon.Mode.Normal, colour or tokens().text), (QIcon.Mode.Disabled, tokens().faint))
    for mode, shade in shades:
        renderer = drawing(name, shade)
        for size in SIZES:
            result.addPixmap(_pixmap(renderer, size), mode)
    return result


def pixmap(name: str, size: int, colour: str | None = None) -> QPixmap:
    """Return an icon as a picture of `size` logical pixels."""
    return _pixmap(drawing(name, colour or tokens().text), size)


def _pixmap(renderer: QSvgRenderer, size: int) -> QPixmap:
    result = QPixmap(size, size)
    result.fill(QColor(Qt.GlobalColor.transparent))
    painter = QPainter(result)
    renderer.render(painter, QRectF(0, 0, size, size))
    painter.end()
    return result
