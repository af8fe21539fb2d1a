"""What a repair station says of confirmed defects, on the record of their board."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from aoi_app.core.inspection import Verdict, Verification
from aoi_app.gui.history.page import HistoryPage
from aoi_app.gui.history.record_dialog import RecordDialog
from aoi_app.gui.history.repair_bar import RepairBar
from aoi_app.gui.review.keys import AT_ONCE
from aoi_app.gui.texts import use_language
from aoi_app.storage.accounts import Accounts
from aoi_app.storage.audit import Audit
from aoi_app.storage.database import Place
from aoi_app.storage.history import History
from aoi_app.storage.review import Review
from tests.gui.world import GuiWorld

CONFIRMED, REPAIRED, CLOSED = (
    Verification.DEFECT_CONFIRMED,
    Verification.DEFECT_REPAIRED,
    Verification.DEFECT_CLOSED,
)
ME = getpass.getuser()
LATER = 10.0


@pytest.fixture
def board(world: GuiWorld) -> Iterator[tuple[HistoryPage, RecordDialog]]:
    """A board with four defects, the second a false call, the others confirmed, its record open."""
    world.record(1, lambda k: (4, 4))
    world.review("crcc")
    world.show()
    world.window.show_page(2)
    page = world.window.page("history")
    assert isinstance(page, HistoryPage)
    page.open_board("b00001")
    world.until(lambda: bool(page.findChildren(RecordDialog)))
    (dialog,) = page.findChildren(RecordDialog)
    world.settle()
    yield page, dialog
    dialog.close()


def bar_of(dialog: RecordDialog) -> RepairBar:
    assert dialog.repair_bar is not None
    dialog.repair_bar.clock = lambda: dialog.repair_bar._since + LATER  # type: ignore[union-attr]
    return dialog.repair_bar


def counting(world: GuiWorld) -> list[Verification]:
    history = History(world.folder)
    record = history.board("b00001")
    history.close()
    assert record is not None
    return [d.verification for d in record.defects if d.defect.counts]


def press(world: GuiWorld, dialog: RecordDialog, key: Qt.Key) -> None:
    dialog.activateWindow()
    QTest.keyClick(dialog.defects, key)
    world.settle()


def test_keys_say_repaired_and_closed_and_undo_takes_it_back(
    world: GuiWorld, board: tuple[HistoryPage, RecordDialog]
) -> None:
    page, dialog = board
    bar = bar_of(dialog)
    states = counting(world)
    first, *others = [k for k, state in enumerate(states) if state is CONFIRMED]
    assert len(others) == len(states) - 2 >= 1
    assert dialog.defects.currentIndex().row() == dialog.view._selected == first
    press(world, dialog, Qt.Key.Key_4)
    assert counting(world)[first] is REPAIRED
    assert dialog.defects.currentIndex().row() == others[0], "on to the next that waits"
    assert dialog.defects._model.notes[first].startswith(f"Repaired, {ME}")
    for row in others:
        dialog.defects.setCurrentIndex(dialog.defects.model().index(row, 0))
        press(world, dialog, Qt.Key.Key_5)
    dialog.defects.setCurrentIndex(dialog.defects.model().index(first, 0))
    assert not bar.buttons["repair"].isEnabled() and bar.buttons["close"].isEnabled()
    press(world, dialog, Qt.Key.Key_5)
    assert set(counting(world)) == {CLOSED, Verification.DEFECT_REJECTED}
    assert dialog.record.row.final_verdict is Verdict.PASSED
    listed = page.model.row_at(0)
    assert listed is not None and listed.final_verdict is Verdict.PASSED
    press(world, dialog, Qt.Key.Key_Backspace)
    assert counting(world)[first] is REPAIRED
    for _ in range(len(others) + 1):
        press(world, dialog, Qt.Key.Key_Backspace)
    assert counting(world) == states and not bar.buttons["undo"].isEnabled()
    press(world, dialog, Qt.Key.Key_Backspace)
    assert bar.problem.text() == "There is nothing to take back." and counting(world) == states


def test_every_act_is_in_the_audit_and_none_takes_time_of_review(
    world: GuiWorld, board: tuple[HistoryPage, RecordDialog]
) -> None:
    _, dialog = board
    before = {d.id: d.review_s for d in dialog.record.defects}
    bar = bar_of(dialog)
    bar.buttons["repair"].click()
    world.settle()
    bar.buttons["undo"].click()
    world.settle()
    assert {d.id: d.review_s for d in dialog.record.defects} == before
    audit = Audit(Place(world.folder))
    proof, entries = audit.verify(), [e for e in audit.entries() if e.act == "verify defect"][-2:]
    audit.close()
    assert proof.broken is None
    told = [(e.who, d["before"], d["after"], d["seconds"]) for e in entries for d in [json.loads(e.detail)]]
    assert told == [(ME, CONFIRMED.value, REPAIRED.value, 0), (ME, REPAIRED.value, CONFIRMED.value, 0)]


def test_only_a_confirmed_defect_can_be_repaired(world: GuiWorld, board: tuple[HistoryPage, RecordDialog]) -> None:
    _, dialog = board
    bar, states = bar_of(dialog), counting(world)
    dialog.defects.setCurrentIndex(dialog.defects.model().index(states.index(Verification.DEFECT_REJECTED), 0))
    assert not any(bar.buttons[name].isEnabled() for name in ("repair", "close", "undo"))
    press(world, dialog, Qt.Key.Key_4)
    assert bar.problem.text() == "Choose a defect that review has confirmed."
    assert counting(world) == states


def test_a_key_that_bounces_says_nothing_of_the_next_defect(
    world: GuiWorld, board: tuple[HistoryPage, RecordDialog]
) -> None:
    _, dialog = board
    bar = bar_of(dialog)
    press(world, dialog, Qt.Key.Key_4)
    bar.clock = lambda: bar._since + 0.1
    press(world, dialog, Qt.Key.Key_4)
    assert counting(world).count(REPAIRED) == 1


def test_somebody_else_was_first(world: GuiWorld, board: tuple[HistoryPage, RecordDialog]) -> None:
    _, dialog = board
    bar = bar_of(dialog)
    first = dialog.record.defects[dialog.defects.currentIndex().row()]
    review = Review(world.folder)
    review.verify(first.id, CLOSED, "lee", 0.0, CONFIRMED)
    review.close()
    press(world, dialog, Qt.Key.Key_4)
    assert bar.problem.text().startswith("lee has already decided on this defect")
    assert CLOSED in counting(world) and REPAIRED not in counting(world)


def test_without_the_right_to_review_nothing_is_said(world: GuiWorld, board: tuple[HistoryPage, RecordDialog]) -> None:
    _, dialog = board
    bar, states = bar_of(dialog), counting(world)
    accounts = Accounts(world.folder)
    accounts.create_first("Anna", "4711")
    accounts.close()
    world.window.desk.begin()
    world.until(lambda: not world.window.session.open_to_all)
    press(world, dialog, Qt.Key.Key_4)
    assert bar.problem.text() == "Log in to review boards."
    assert counting(world) == states


def test_a_board_that_passed_has_no_such_keys(world: GuiWorld) -> None:
    world.record(1, lambda k: (0, 0))
    world.show()
    world.window.open_board("b00001")
    page = world.window.page("history")
    world.until(lambda: bool(page.findChildren(RecordDialog)))
    (dialog,) = page.findChildren(RecordDialog)
    assert dialog.repair_bar is None
    dialog.close()


def test_what_was_said_is_written_before_the_window_closes(
    world: GuiWorld, board: tuple[HistoryPage, RecordDialog]
) -> None:
    page, dialog = board
    bar_of(dialog).buttons["repair"].click()
    assert page._repairs is not None
    page._repairs.close()
    assert REPAIRED in counting(world)
    page._repairs = None


def test_undo_of_review_leaves_a_repair_alone(world: GuiWorld) -> None:
    world.record(1, lambda k: (1, 1))
    world.review("c")
    (defect,) = [d for d in History(world.folder).board("b00001").defects if d.defect.counts]  # type: ignore[union-attr]
    review = Review(world.folder)
    review.verify(defect.id, REPAIRED, "kim", 0.0, CONFIRMED)
    assert review.undo("kim") is None
    undone = review.undo("kim", defect_id=defect.id)
    assert undone is not None and undone.state is CONFIRMED
    review.close()


def test_keys_are_shown_and_follow_language_and_settings(
    world: GuiWorld, board: tuple[HistoryPage, RecordDialog]
) -> None:
    _, dialog = board
    bar = bar_of(dialog)
    assert [b.text() for b in bar.buttons.values()] == ["Repaired\n[4]", "Closed\n[5]", "Undo\n[Backspace]"]
    world.window.take_settings(world.window.settings.with_changes(review_keys={"repair": "F8"}))
    use_language("zh", world.application.topLevelWidgets())
    assert [b.text() for b in bar.buttons.values()][:2] == ["已返修\n[F8]", "已关闭\n[5]"]
    press(world, dialog, Qt.Key.Key_F8)
    assert REPAIRED in counting(world)
    use_language("en", world.application.topLevelWidgets())
    for acts in AT_ONCE:
        assert len({act.key for act in acts}) == len(acts)


def test_the_history_finds_what_waits_for_repair(world: GuiWorld) -> None:
    world.record(2, lambda k: (1, 1))
    world.review("cr")
    world.show()
    world.window.show_page(2)
    page = world.window.page("history")
    assert isinstance(page, HistoryPage)
    world.until(lambda: page.model.rowCount() == 2)
    box = page.filters.lists["review"]
    box.setCurrentIndex(box.findData("to repair"))
    world.until(lambda: page.model.rowCount() == 1)
