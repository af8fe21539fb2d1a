"""Everything on every page can be reached without a mouse, and one sees where one is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QImage, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QKeySequenceEdit,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QTabBar,
    QToolButton,
    QWidget,
)

from aoi_app.gui.about import KeysDialog
from aoi_app.gui.board.tools import ViewTools
from aoi_app.gui.board.view import BoardView
from aoi_app.gui.pages import PAGES
from aoi_app.gui.review.keys import ACTS, keys_of
from aoi_app.gui.review.page import ReviewPage
from aoi_app.gui.settings.dialog import TABS, SettingsDialog
from aoi_app.gui.theme import apply_theme
from tests.gui.world import GuiWorld

ACTIVE = (
    QAbstractButton,
    QComboBox,
    QLineEdit,
    QAbstractSpinBox,
    QAbstractItemView,
    QTabBar,
    QPlainTextEdit,
    QKeySequenceEdit,
    BoardView,
)
MADE_OF_PARTS = (QComboBox, QAbstractSpinBox, QAbstractItemView, QLineEdit, QKeySequenceEdit)
MOST_STEPS = 400


def active(root: QWidget) -> Iterator[QWidget]:
    """Yield what a person can work with, without the parts that a widget is made of."""
    for widget in root.findChildren(QWidget):
        part = any(isinstance(p, MADE_OF_PARTS) for p in parents(widget))
        if isinstance(widget, ACTIVE) and widget.isVisible() and widget.isEnabled() and not part:
            yield widget


def parents(widget: QWidget) -> Iterator[QWidget]:
    parent = widget.parentWidget()
    while parent is not None:
        yield parent
        parent = parent.parentWidget()


def has_key(widget: QWidget) -> bool:
    """Tell whether a widget has a key of its own, so that nobody needs to walk to it."""
    if any(isinstance(p, ViewTools) for p in parents(widget)):
        return True  # the board has keys for them: + - F 1 S
    if isinstance(widget, QToolButton) and widget.defaultAction() is not None:
        return bool(widget.defaultAction().shortcuts())
    return isinstance(widget, QAbstractButton) and not widget.shortcut().isEmpty()


def beside(widget: QWidget, seen: list[QWidget]) -> bool:
    """Tell whether the arrow keys lead to it: of buttons of which one is pressed, Tab stops at that one."""
    group = widget.group() if isinstance(widget, QAbstractButton) else None
    return group is not None and group.exclusive() and any(mate in seen for mate in group.buttons())


def walked(world: GuiWorld, root: QWidget) -> list[QWidget]:
    """Press Tab until one is back, and return what had the focus."""
    root.activateWindow()
    world.until(lambda: QApplication.activeWindow() is root)
    seen: list[QWidget] = []
    for _ in range(MOST_STEPS):
        focus = QApplication.focusWidget()
        if focus is not None:
            if focus in seen and len(seen) > 1 and focus is seen[0]:
                break
            if focus not in seen:
                seen.append(focus)
        QTest.keyClick(focus or root, Qt.Key.Key_Tab)
    return seen


def named(widget: QWidget) -> str:
    text = getattr(widget, "text", lambda: "")()
    return f"{type(widget).__name__} {widget.accessibleName() or text or widget.toolTip() or widget.objectName()!r}"


def opened(world: GuiWorld, name: str) -> QWidget:
    world.record(3, lambda k: (2, 3))
    world.show(1600, 960)
    world.window.show_page([page.name for page in PAGES].index(name))
    page = world.window.page(name)
    world.spin(0.5)
    world.settle()
    return page


@pytest.mark.parametrize("name", [page.name for page in PAGES])
def test_every_page_is_worked_with_keys_alone(world: GuiWorld, name: str) -> None:
    page = opened(world, name)
    seen = walked(world, world.window)
    own = set()
    if isinstance(page, ReviewPage):
        own = {*page.view.buttons.values(), *page.view.ways.buttons()}
        assert set(page._shortcuts) == {act.name for act in ACTS}, "each act of review has its key"
    missed = [
        named(w)
        for w in active(world.window)
        if w not in seen and w not in own and not has_key(w) and not beside(w, seen)
    ]
    assert missed == []
    assert page.isVisible()


@pytest.mark.parametrize("tab", range(len(TABS)))
def test_settings_are_edited_with_keys_alone(world: GuiWorld, tab: int) -> None:
    world.show()
    dialog = SettingsDialog(world.window)
    dialog.tabs.setCurrentIndex(tab)
    dialog.show()
    world.settle()
    seen = walked(world, dialog)
    assert [named(w) for w in active(dialog) if w not in seen and not has_key(w) and not beside(w, seen)] == []
    dialog.done(0)


def picture(window: QWidget, area: QRect) -> np.ndarray:
    image = window.grab(area).toImage().convertToFormat(QImage.Format.Format_Grayscale8)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width()].astype(int)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("name", ["line", "history", "statistics"])
def test_one_sees_where_the_focus_is_without_colour(world: GuiWorld, name: str, theme: str) -> None:
    apply_theme(world.application, theme)
    opened(world, name)
    window = world.window
    for timer in window._timers:
        timer.stop()
    unseen = []
    for widget in walked(world, window):
        if not widget.isVisible() or widget.window() is not window:
            continue
        area = QRect(widget.mapTo(window, QPoint(0, 0)), widget.size()).adjusted(-3, -3, 3, 3)
        widget.setFocus(Qt.FocusReason.TabFocusReason)
        world.spin(0.02)
        with_ring = picture(window, area)
        widget.clearFocus()
        world.spin(0.02)
        without = picture(window, area)
        if not (np.abs(with_ring - without) > 20).sum() >= 8:
            unseen.append(named(widget))
    assert unseen == []


def test_pages_and_acts_answer_to_their_keys(world: GuiWorld) -> None:
    opened(world, "line")
    for number in range(len(PAGES)):
        QTest.keyClick(world.window, Qt.Key(Qt.Key.Key_1 + number), Qt.KeyboardModifier.ControlModifier)
        assert world.window._pages.currentIndex() == number
    world.window.show_page(1)
    page = world.window.page("review")
    assert isinstance(page, ReviewPage)
    world.until(lambda: page.desk.defect is not None)
    ways = []
    for _ in range(3):
        QTest.keyClick(world.window, Qt.Key.Key_C)
        ways.append(page.view.compare.way.value)
    assert ways == ["Blink", "Slide", "Side by side"]
    QTest.keyClick(world.window, Qt.Key.Key_C)
    QTest.keyClick(world.window, Qt.Key.Key_C)
    page.setFocus()
    before = page.view.compare._split
    QTest.keyClick(page, Qt.Key.Key_Right)
    assert page.view.compare._split > before


def test_the_list_of_keys_names_them_all(world: GuiWorld) -> None:
    world.show()
    world.window.take_settings(world.window.settings.with_changes(review_keys={"confirm": "F2"}))
    dialog = KeysDialog(world.window.bar.specs, world.window, world.window.settings.review_keys)
    texts = {label.text() for label in dialog.findChildren(QLabel)}
    for spec in world.window.bar.specs:
        if spec.keys:
            assert ", ".join(spec.keys) in texts, spec.name
    for act, key in keys_of({"confirm": "F2"}).items():
        assert key in texts, act
    assert "F2" in texts
    assert not QKeySequence("F2").isEmpty()
    dialog.done(0)
