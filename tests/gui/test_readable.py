"""Every screen can be read: at the smallest size, in both languages, with the figures of a long shift."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QAbstractSpinBox, QComboBox, QLabel, QTabBar, QTabWidget, QWidget

from aoi_app.gui.elided import ElidedLabel
from aoi_app.station.status import Counters
from tests.gui.clipping import clipped
from tests.gui.screenshots import RECORDED, SCREENS, often
from tests.gui.world import GuiWorld

LEAST = (1180, 700)
LONG_SHIFT = Counters(123_456, 120_000, 3_000, 456)
UNNAMED = (QTabBar, QTabWidget)
"""Their tabs have texts of their own."""


@pytest.fixture
def screen(request: pytest.FixtureRequest, tmp_path: Path, qapp: object) -> Iterator[tuple[GuiWorld, QWidget]]:
    """Give a screen by its name, with the world that it is in."""
    name = request.param
    counted = name == "statistics"
    world = GuiWorld(tmp_path, size=(800, 1000) if counted else (600, 750))
    try:
        world.whole = name.startswith("again")
        if name in RECORDED:
            world.record(*((60, often, 420.0) if counted else (12,)))
        world.show(*LEAST)
        yield world, SCREENS[name](world)
    finally:
        world.close()


@pytest.mark.parametrize("screen", SCREENS, indirect=True)
def test_nothing_is_cut_off_and_every_field_has_a_name(screen: tuple[GuiWorld, QWidget]) -> None:
    world, widget = screen
    for language in ("en", "zh"):
        world.window.set_language(language)
        world.station.have_counted(LONG_SHIFT)
        world.spin(0.15)
        for _ in range(200):
            if not clipped(widget):
                break
            world.spin(0.05)  # what it shows may still come, and be laid out
        assert not clipped(widget), language
        assert not list(unnamed(widget)), language


@pytest.mark.parametrize("language", ["en", "zh"])
def test_figures_of_a_long_shift_can_be_read_whole(language: str, world: GuiWorld) -> None:
    world.show(*LEAST)
    world.window.set_language(language)
    world.station.start()
    world.station.have_counted(LONG_SHIFT)
    world.station.late_ms = 87_654.0
    world.until(lambda: any("123,456" in label.text() for label in figures(world)))
    assert [label.text() for label in figures(world) if label.shown != label.text()] == []


def figures(world: GuiWorld) -> list[ElidedLabel]:
    return world.window.line.counters.findChildren(ElidedLabel)


def unnamed(window: QWidget) -> Iterator[str]:
    """Yield what takes the keyboard and of which a screen reader could say nothing."""
    named = {label.buddy() for label in window.findChildren(QLabel) if label.buddy() is not None}
    for widget in window.findChildren(QWidget):
        if not widget.isVisible() or not widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
            continue
        if isinstance(widget.parentWidget(), QAbstractSpinBox | QComboBox) or type(widget) is QWidget:
            continue  # part of a field, or the inside of a plot
        text = widget.text() if isinstance(widget, QAbstractButton) else ""
        if not (text or widget.accessibleName() or widget in named or isinstance(widget, UNNAMED)):
            yield f"{type(widget).__name__} in {type(widget.parentWidget()).__name__}"
