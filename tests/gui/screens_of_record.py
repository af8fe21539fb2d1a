"""Screens of the record: history, a board, a second look, review, statistics."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QDialog, QWidget

from aoi_app.gui.history.again_dialog import AgainDialog
from aoi_app.gui.history.record_dialog import RecordDialog
from aoi_app.gui.review.page import ReviewPage
from aoi_app.gui.review.window import ReviewWindow
from aoi_app.gui.statistics.page import StatisticsPage
from tests.gui.world import GuiWorld

Screen = Callable[[GuiWorld], QWidget]


def history(world: GuiWorld) -> QWidget:
    world.window.show_page(2)
    page = world.window.page("history")
    world.until(lambda: page.model.rowCount() > 3)  # type: ignore[attr-defined]
    page.table.selectRow(2)  # type: ignore[attr-defined]
    world.until(lambda: page.preview.picture is not None)  # type: ignore[attr-defined]
    return world.window


def history_more(world: GuiWorld) -> QWidget:
    world.review()
    history(world)
    world.window.page("history").filters.more.click()  # type: ignore[attr-defined]
    return world.window


def first_start(world: GuiWorld) -> QWidget:
    world.until(world.window.first.isVisible)
    return world.window


def review_window(world: GuiWorld) -> QWidget:
    window = ReviewWindow(world.services(), world.window.settings)
    window.resize(world.window.size())
    window.show()
    window.begin()
    page = window.page("review")
    assert isinstance(page, ReviewPage)
    world.until(lambda: page.desk.defect is not None)
    return window


def record(world: GuiWorld) -> QWidget:
    world.window.open_board("b00004")
    dialogs: list[QWidget] = []

    def opened() -> bool:
        dialogs[:] = [w for w in world.application.topLevelWidgets() if isinstance(w, QDialog) and w.isVisible()]
        return bool(dialogs)

    world.until(opened)
    world.until(lambda: dialogs[0].view.picture is not None)  # type: ignore[attr-defined]
    world.spin(0.3)
    return dialogs[0]


def again(world: GuiWorld) -> QWidget:
    opened = record(world)
    assert isinstance(opened, RecordDialog)
    opened.again_button.click()
    dialog = next(w for w in world.application.topLevelWidgets() if isinstance(w, AgainDialog) and w.isVisible())
    world.until(lambda: dialog.look is not None)
    return dialog


def again_not_kept(world: GuiWorld) -> QWidget:
    opened = record(world)
    assert isinstance(opened, RecordDialog)
    opened.record.board_image.unlink()  # type: ignore[union-attr]
    opened.again_button.click()
    dialog = next(w for w in world.application.topLevelWidgets() if isinstance(w, AgainDialog) and w.isVisible())
    world.until(lambda: dialog.problem.isVisible())
    return dialog


def review(way: int) -> Screen:
    def open_page(world: GuiWorld) -> QWidget:
        world.window.show_page(1)
        page = world.window.page("review")
        assert isinstance(page, ReviewPage)
        world.until(lambda: page.desk.defect is not None)
        page.view.ways.button(way).click()
        return world.window

    return open_page


def review_done(world: GuiWorld) -> QWidget:
    world.window.show_page(1)
    return world.window


def statistics(world: GuiWorld) -> QWidget:
    world.review()
    world.window.show_page(3)
    page = world.window.page("statistics")
    assert isinstance(page, StatisticsPage)
    world.until(lambda: page.view is not None)
    return world.window
