"""A board inspected again: the difference defect by defect, or why there is none."""

from __future__ import annotations

import threading
import time

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QTableWidget

from aoi_app.gui.history.again_dialog import AgainDialog
from aoi_app.gui.history.page import HistoryPage
from aoi_app.gui.history.record_dialog import RecordDialog
from aoi_app.storage.history import BoardRecord
from tests.gui.world import GuiWorld


def opened(world: GuiWorld, board: str = "b00001") -> AgainDialog:
    """Open a board's record as an operator does, and press the button there."""
    world.show()
    world.window.open_board(board)
    record: list[RecordDialog] = []

    def shown() -> bool:
        record[:] = [w for w in world.application.topLevelWidgets() if isinstance(w, RecordDialog) and w.isVisible()]
        return bool(record)

    world.until(shown)
    record[0].again_button.click()
    return next(w for w in world.application.topLevelWidgets() if isinstance(w, AgainDialog) and w.isVisible())


def rows(table: QTableWidget) -> list[list[str]]:
    def text(row: int, column: int) -> str:
        item = table.item(row, column)
        return "" if item is None else item.text()

    return [[text(row, column) for column in range(table.columnCount())] for row in range(table.rowCount())]


def test_the_difference_is_shown_defect_by_defect(world: GuiWorld) -> None:
    world.whole = True
    world.record(1, lambda k: (3, 3))
    dialog = opened(world)
    world.until(lambda: dialog.look is not None)
    found = rows(dialog.table)
    n = len(dialog.record.defects)
    assert [row[0] for row in found] == ["- gone", "+ new", *["="] * (n - 1)]
    assert found[0][4] == "–" and found[1][3] == "–" and found[1][4] == "77%"
    assert "1 gone, 1 new" in dialog.headline.text()
    picture = dialog.view.picture
    assert picture is not None and picture.width == 512, "at full resolution"
    assert picture.marks.signs == ("-", "+", *["="] * (n - 1))
    assert not picture.marks.counts[0], "what is gone is dashed"
    for number, boxes in ((1, n), (2, n), (0, n + 1)):
        dialog.ways.button(number).click()
        assert dialog.view.picture is not None and len(dialog.view.picture.marks) == boxes
    dialog.table.setFocus()
    QTest.keyClick(dialog.table, Qt.Key.Key_Down)
    QTest.keyClick(dialog.table, Qt.Key.Key_Down)
    assert dialog.table.currentRow() == 2 or dialog.table.currentRow() == 1
    assert dialog.view._selected is not None
    world.window.set_language("zh")
    assert rows(dialog.table)[0][0] == "- 消失" and "消失 1" in dialog.headline.text()
    world.window.set_language("en")
    dialog.close()


def test_a_board_whose_image_was_not_kept_says_so_and_what_to_do(world: GuiWorld) -> None:
    world.record(1, lambda k: (3, 3))
    dialog = opened(world)
    world.until(lambda: dialog.problem.isVisible())
    assert "was not kept whole" in dialog.problem.text() and "under Record" in dialog.problem.text()
    assert dialog.headline.text() == "Not inspected again"
    assert not any(button.isEnabled() for button in dialog.ways.buttons())
    dialog.close()


def test_the_window_neither_waits_for_it_nor_for_its_end(world: GuiWorld) -> None:
    world.record(1, lambda k: (3, 3))
    world.show()
    world.window.show_page(2)
    page = world.window.page("history")
    assert isinstance(page, HistoryPage)
    go_on, ended = threading.Event(), threading.Event()

    def slow(record: BoardRecord) -> object:
        go_on.wait(20)
        ended.set()
        raise RuntimeError("nobody hears of this")

    page._inspect_again = slow  # type: ignore[assignment]
    world.until(lambda: page.model.rowCount() == 1)
    record = page._reader().board("b00001")  # type: ignore[union-attr]
    assert record is not None
    dialog = page.inspect_again(record)
    assert dialog is not None
    began = time.monotonic()
    world.spin(0.2)
    dialog.close()
    world.spin(0.2)
    assert time.monotonic() - began < 10, "closing does not wait for the engine"
    go_on.set()
    assert ended.wait(20)
    world.spin(0.1)
