"""Colours and sizes of the window, from one file of tokens; dark and light."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path
from string import Template
from typing import Any

from PySide6.QtCore import QDir
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication

from aoi_app.gui.resources import resources_dir

MM_PER_INCH = 25.4
DEFAULT_THEME = "dark"
_ICONS = "icons"


@dataclass(frozen=True, slots=True)
class Tokens:
    """Named colours ("#rrggbb") of one theme; neutral grey but for what is abnormal or asks for an act (ISA-101).

    Attributes
    ----------
    bad, warn
        Failed, and not sure or not inspected: saturated.
    good
        Passed: muted.
    act
        Your action is needed (IEC 60073 blue).
    plot
        Curves, in order; told apart by line style as well.
    classes
        Boxes of defect classes, by place (`class_colours`): the same in every theme, since a board looks the same.
        Told apart by the colour-blind as well; none is near the colours of pass, fail, not sure and act.
    """

    window: str
    panel: str
    raised: str
    field: str
    line: str
    strong_line: str
    text: str
    muted: str
    faint: str
    selection: str
    selection_text: str
    accent: str
    act: str
    act_text: str
    bad: str
    bad_text: str
    warn: str
    warn_text: str
    good: str
    good_panel: str
    canvas: str
    canvas_line: str
    plot: tuple[str, ...]
    classes: tuple[str, ...]


class _Theme:
    tokens: Tokens | None = None


def tokens() -> Tokens:
    """Return the colours of the theme in use; asked for many times in every paint."""
    if _Theme.tokens is None:
        _Theme.tokens = _read(DEFAULT_THEME, resources_dir())
    return _Theme.tokens


def colour(name: str) -> QColor:
    """Return a token as a colour."""
    return QColor(getattr(tokens(), name))


def _read(name: str, folder: Path) -> Tokens:
    table = json.loads((folder / "style" / "tokens.json").read_text(encoding="utf-8"))
    values = {**table["themes"][name], "classes": table["classes"]}
    wanted = {f.name for f in fields(Tokens)}
    if set(values) != wanted:
        raise ValueError(f"tokens.json: theme {name} differs from what is expected in {sorted(wanted ^ set(values))}")
    frozen: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    return Tokens(**frozen)


def ui_font(points: float | None = None, bold: bool = False) -> QFont:
    """Return the window's font with figures of equal width."""
    font = QFont(QApplication.font())
    if points is not None:
        font.setPointSizeF(points)
    font.setBold(bold)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


def millimetres(length: float) -> int:
    """Return a length on the screen in logical pixels, never less than at 96 dpi.

    Many panels tell no size, and virtual ones a wrong one: then 96 dpi stands in.
    """
    screen = QApplication.primaryScreen()
    dpi = screen.physicalDotsPerInch() / screen.devicePixelRatio() if screen is not None else 96.0
    return round(length / MM_PER_INCH * min(max(dpi, 96.0), 300.0))


def apply_theme(application: QApplication, name: str) -> None:
    """Give all windows the colours of a theme."""
    t = _Theme.tokens = _read(name, resources_dir())
    table = json.loads((resources_dir() / "style" / "tokens.json").read_text(encoding="utf-8"))
    font = QFont(table["font_families"][0])
    font.setFamilies(table["font_families"])
    font.setPointSizeF(table["font_points"])
    font.setFeature(QFont.Tag("tnum"), 1)
    application.setFont(font)
    application.setPalette(_palette(t))
    sheet = Template((resources_dir() / "style" / "window.qss").read_text(encoding="utf-8"))
    values = {f.name: getattr(t, f.name) for f in fields(Tokens) if isinstance(getattr(t, f.name), str)}
    # A path in a style sheet may hold no blank, quote or bracket; a name of Qt's own search path stands for any folder.
    QDir.setSearchPaths(_ICONS, [str(resources_dir() / "icons")])
    application.setStyleSheet(sheet.substitute(values, icons=_ICONS, theme=name))


def _palette(t: Tokens) -> QPalette:
    roles = {
        QPalette.ColorRole.Window: t.window,
        QPalette.ColorRole.WindowText: t.text,
        QPalette.ColorRole.Base: t.field,
        QPalette.ColorRole.AlternateBase: t.panel,
        QPalette.ColorRole.ToolTipBase: t.raised,
        QPalette.ColorRole.ToolTipText: t.text,
        QPalette.ColorRole.PlaceholderText: t.faint,
        QPalette.ColorRole.Text: t.text,
        QPalette.ColorRole.Button: t.raised,
        QPalette.ColorRole.ButtonText: t.text,
        QPalette.ColorRole.BrightText: t.bad,
        QPalette.ColorRole.Highlight: t.selection,
        QPalette.ColorRole.HighlightedText: t.selection_text,
        QPalette.ColorRole.Link: t.act,
    }
    palette = QPalette()
    for role, value in roles.items():
        palette.setColor(role, QColor(value))
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText, QPalette.ColorRole.WindowText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(t.faint))
    return palette
