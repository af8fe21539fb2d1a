"""The history page on a real record."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog

from aoi_app.core.errors import StoreError
from aoi_app.core.inspection import Verdict, Verification
from aoi_app.core.recipe import Region
from aoi_app.gui.background import Background
from aoi_app.gui.history.columns import COLUMNS, local_time, reason_text
from aoi_app.gui.history.model import PAGE
from aoi_app.gui.history.page import HistoryPage
from aoi_app.gui.history.record_dialog import RecordDialog
from aoi_app.gui.texts import use_language
from aoi_app.storage.history import BoardRow, History
from aoi_app.storage.review import Review
from tests.gui.world import GuiWorld


def open_page(world: GuiWorld) -> HistoryPage:
    world.show()
    world.window.show_page(2)
    page = world.window.page("history")
    assert isinstance(page, HistoryPage)
    return page


def cell(page: HistoryPage, row: int, name: str) -> str:
    column = [c.name for c in COLUMNS].index(name)
    return str(page.model.index(row, column).data())


def test_newest_board_stands_first_and_the_rest_comes_while_scrolling(world: GuiWorld) -> None:
    world.record(PAGE + 20, lambda k: (0, 0))
    page = open_page(world)
    world.until(lambda: page.model.rowCount() == PAGE)
    assert cell(page, 0, "serial") == f"PCB-2026-{PAGE + 20:05d}"
    page.table.scrollToBottom()
    world.until(lambda: page.model.rowCount() == PAGE + 20)
    assert cell(page, PAGE + 19, "serial") == "PCB-2026-00001"
    serials = [cell(page, row, "serial") for row in range(page.model.rowCount())]
    assert len(set(serials)) == len(serials)
    assert not page.model.canFetchMore(page.table.rootIndex())


def test_who_scrolls_down_while_the_page_looks_again_sees_older_boards_too(world: GuiWorld) -> None:
    world.record(PAGE + 20, lambda k: (0, 0))
    page = open_page(world)
    world.until(lambda: page.model.rowCount() == PAGE and not page._background.waits_for("page"))
    page.search(again=True)
    page.table.scrollToBottom()
    world.until(lambda: page.model.rowCount() == PAGE + 20)


Choose = Callable[[HistoryPage], object]


@pytest.mark.parametrize(
    ("choose", "expected"),
    [
        (lambda page: page.filters.verdict.setCurrentIndex(page.filters.verdict.findData("FAILED")), {1, 4, 7}),
        (lambda page: page.filters.serial.setText("PCB-2026-00003"), {3}),
        (lambda page: page.filters.recipe.setCurrentIndex(page.filters.recipe.findData("default")), set(range(1, 10))),
        (lambda page: page.filters.period.setCurrentIndex(1), set(range(1, 10))),
    ],
)
def test_filters(world: GuiWorld, choose: Choose, expected: set[int]) -> None:
    world.record(9)
    page = open_page(world)
    world.until(lambda: page.model.rowCount() == 9 and page.filters.recipe.count() == 2)
    choose(page)
    world.until(lambda: page.model.rowCount() == len(expected))
    world.spin(0.4)
    assert {int(cell(page, row, "serial")[-5:]) for row in range(page.model.rowCount())} == expected
    world.until(lambda: f"{len(expected)} board" in page._summary.text())
    page.filters.clear()
    world.until(lambda: page.model.rowCount() == 9)


def test_the_second_row_searches_place_reviewer_engine_and_review(world: GuiWorld) -> None:
    world.station.with_recipe(
        lambda r: r.model_copy(update={"regions": (Region(name="left half", x=0, y=0, w=256, h=640),)})
    )
    world.record(9, lambda k: (2, 4) if k in (1, 4) else (0, 0))
    world.review("r")
    world.record(3, lambda k: (2, 3))
    page = open_page(world)
    world.until(lambda: page.model.rowCount() == 12 and page.filters.lists["reviewer"].count() == 2)
    assert not page.filters.lists["place"].isVisible()
    page.filters.more.click()
    assert page.filters.lists["place"].isVisible()
    for name, value, boards in (
        ("reviewer", "anna", 2),
        ("review", "to review", 3),
        ("review", "reviewed", 2),
        ("final", "FAILED", 3),
        ("engine", "ab" * 32, 12),
    ):
        box = page.filters.lists[name]
        box.setCurrentIndex(box.findData(value))
        assert box.currentData() == value, name
        world.until(lambda boards=boards: page.model.rowCount() == boards)  # type: ignore[misc]
        page.filters.clear()
        world.until(lambda: page.model.rowCount() == 12)
    place = page.filters.lists["place"]
    assert place.findData("left half") > 0
    place.setCurrentIndex(place.findData("left half"))
    world.until(lambda: 0 < page.model.rowCount() < 6)
    page.filters.more.click()
    world.until(lambda: page.model.rowCount() == 12)


def test_a_long_history_is_read_a_page_at_a_time_and_never_by_the_window(world: GuiWorld) -> None:
    world.record(1)
    page = open_page(world)
    world.until(lambda: page.model.rowCount() == 1)
    found = page.model.row_at(0)
    assert found is not None
    row: BoardRow = found
    asked: list[tuple[object, int, str]] = []

    class Long:
        """A million boards, made as they are asked for."""

        def page(self, query: object, after: tuple[int, int] | None = None, limit: int = 100) -> tuple[BoardRow, ...]:
            asked.append((after, limit, threading.current_thread().name))
            first = 1_000_000 if after is None else after[1] - 1
            return tuple(replace(row, id=k, board_id=f"b{k}", ended_us=k) for k in range(first, first - limit, -1))

        def __getattr__(self, name: str) -> Callable[..., object]:
            return lambda *_: {} if name == "counts" else ()

    page._history = Long()  # type: ignore[assignment]
    page.search()
    world.until(lambda: page.model.rowCount() == PAGE and page.model.row_at(0).id == 1_000_000)  # type: ignore[union-attr]

    def scrolled() -> bool:
        page.table.scrollToBottom()
        return page.model.rowCount() >= 5 * PAGE

    world.until(scrolled)
    world.until(lambda: len(asked) == page.model.rowCount() / PAGE)
    rows = page.model.rowCount()
    assert rows <= 40 * PAGE, "more came while scrolling, and only then"
    assert {limit for _, limit, _ in asked} == {PAGE}
    assert all("aoi-history" in name for *_, name in asked), "the window's thread reads nothing"
    ids = [page.model.row_at(k).id for k in range(rows)]  # type: ignore[union-attr]
    assert ids == list(range(1_000_000, 1_000_000 - rows, -1))


def test_class_filter_offers_the_classes_of_the_record(world: GuiWorld) -> None:
    world.record(6)
    page = open_page(world)
    world.until(lambda: page.filters.defect_class.count() > 1)
    box = page.filters.defect_class
    code = box.itemData(1)
    box.setCurrentIndex(1)
    world.until(lambda: 0 < page.model.rowCount() < 6)
    page.table.selectRow(0)
    world.until(lambda: page._record is not None)
    assert page._record is not None
    assert code in {d.defect.defect_code for d in page._record.defects}


def test_only_the_answer_to_the_newest_question_counts(world: GuiWorld) -> None:
    world.record(4)
    page = open_page(world)
    world.until(lambda: page.model.rowCount() == 4)
    for text in ("PCB-9", "PCB-2026-00002", "X", "PCB-2026-00001"):
        page.filters.serial.setText(text)
        page.search()
    world.until(lambda: not page._background.waits_for("page") and not page.filters._pause.isActive())
    assert [cell(page, row, "serial") for row in range(page.model.rowCount())] == ["PCB-2026-00001"]


def test_new_boards_appear_by_themselves(world: GuiWorld) -> None:
    world.record(2)
    page = open_page(world)
    world.until(lambda: page.model.rowCount() == 2)
    world.record(1)
    world.until(lambda: page.model.rowCount() == 3)


def test_before_the_first_board_the_page_is_empty_and_whole(world: GuiWorld) -> None:
    page = open_page(world)
    world.until(lambda: page._summary.text() == "No board matches.")
    assert page.model.rowCount() == 0
    assert not page._problem.isVisible()


def test_double_click_opens_the_record_with_every_fact(world: GuiWorld) -> None:
    world.record(1, lambda k: (2, 3))
    page = open_page(world)
    world.until(lambda: page.model.rowCount() == 1)
    page.table.selectRow(0)
    page.table.doubleClicked.emit(page.model.index(0, 1))
    world.until(lambda: any(isinstance(w, RecordDialog) for w in world.application.topLevelWidgets()))
    dialog = next(w for w in world.application.topLevelWidgets() if isinstance(w, RecordDialog))
    world.until(lambda: dialog.view.picture is not None)
    assert dialog.view.picture is not None
    assert len(dialog.view.picture.marks) == len(dialog.record.defects) > 0
    world.until(lambda: all(crop is not None for crop in dialog.defects._model.crops))
    from PySide6.QtWidgets import QLabel

    texts = {label.text() for label in dialog.findChildren(QLabel)}
    assert {"b00001", "PCB-2026-00001", "aoi-bare-1", "fp32", "default, revision 3", "FAIL"} <= texts


def test_a_record_says_of_each_defect_what_review_made_of_it_by_whom_and_when(world: GuiWorld) -> None:
    world.record(1, lambda k: (3, 3))
    review, history = Review(world.folder), History(world.folder)
    before = history.board("b00001")
    assert before is not None
    first = before.defects[0]
    review.verify(first.id, Verification.DEFECT_REJECTED, "anna", 2.25)
    review.close()
    record = history.board("b00001")
    history.close()
    assert record is not None
    background = Background(world.window, "test")
    dialog = RecordDialog(record, background, world.window)
    dialog.show()
    world.settle()
    notes = dialog.defects._model.notes
    when = local_time(record.defects[0].verified_us or 0)
    assert notes[0] == f"False call, anna, {when}, 2.2 s"
    assert notes[1:] == ("Waiting for review",) * (len(notes) - 1)
    shown = dialog.defects._model.index(0)
    assert "False call, anna" in shown.data(Qt.ItemDataRole.DisplayRole)
    dialog.close()


def test_a_preview_that_retention_removed_is_said_not_hidden(world: GuiWorld) -> None:
    world.record(1)
    shutil.rmtree(world.folder / "images")
    page = open_page(world)
    world.until(lambda: page.model.rowCount() == 1)
    page.table.selectRow(0)
    world.until(lambda: page._record is not None)
    assert page.preview.picture is None
    assert page.open_button.isEnabled()


def test_a_record_that_cannot_be_read_is_said_with_what_to_do(world: GuiWorld) -> None:
    page = open_page(world)

    def broken() -> None:
        raise StoreError("The database file is damaged.", "Restore the newest backup.")

    world.until(lambda: page._history is not None)
    page._open_history, page._history = broken, None
    page.search()
    world.until(lambda: page._problem.isVisible())
    assert page._problem.text() == "The database file is damaged.\nRestore the newest backup."


def test_reasons_speak_the_language_in_use() -> None:
    use_language("zh")
    assert reason_text(Verdict.FAILED, "2 x short, 1 x open") == "2 × 短路, 1 × 开路"
    assert reason_text(Verdict.ERROR, "12 lines are missing") == "缺少 12 行"
    use_language("en")


def test_a_board_of_the_line_opens_from_the_record(world: GuiWorld) -> None:
    world.record(1)
    world.show()
    world.window.line.open_board.emit("b00001")
    world.until(lambda: any(isinstance(w, QDialog) for w in world.application.topLevelWidgets()))
    started = time.monotonic()
    world.window.open_board("b09999")
    page = world.window.page("history")
    assert isinstance(page, HistoryPage)
    world.until(lambda: "b09999" in page._problem.text())
    assert time.monotonic() - started < 20


def test_serial_numbers_that_begin_alike_are_told_apart_where_they_are_cut(world: GuiWorld) -> None:
    world.show()
    world.window.show_page(2)
    page = world.window.page("history")
    assert isinstance(page, HistoryPage)
    assert page.table.textElideMode() is Qt.TextElideMode.ElideMiddle
