"""Windows for review only: two of them share the queue, and the first start asks for an administrator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtGui import QInputDevice

from aoi_app.core.inspection import Verification
from aoi_app.core.settings import Settings
from aoi_app.gui import key_size
from aoi_app.gui.key_size import KEY_MM, TOUCH_KEY_MM, key_height
from aoi_app.gui.review.page import ReviewPage
from aoi_app.gui.review.window import PAGE_NAMES, ReviewWindow
from aoi_app.gui.texts import tr
from aoi_app.gui.theme import millimetres
from aoi_app.storage.accounts import LOCKED_S, MOST_FAILURES, Account, Accounts, Role
from aoi_app.storage.claims import LEASE_S
from aoi_app.storage.clock import now_us
from aoi_app.storage.history import History
from aoi_app.storage.review import Review
from tests.gui.test_users import log_in
from tests.gui.world import GuiWorld

Open = Callable[[str], ReviewPage]


@pytest.fixture
def open_window(world: GuiWorld) -> Iterator[Open]:
    windows: list[ReviewWindow] = []

    def opened(name: str) -> ReviewPage:
        window = ReviewWindow(world.services(), Settings())
        windows.append(window)
        window.show()
        window.begin()
        # Nobody of these has an account in the record.
        window.desk._timer.stop()
        window.session.know((Account(name, Role.OPERATOR),))
        window.session.take(Account(name, Role.OPERATOR))
        page = window.page("review")
        assert isinstance(page, ReviewPage)
        world.until(lambda: page._found is not None)
        return page

    yield opened
    for window in windows:
        window.close()
        window.deleteLater()
        QCoreApplication.sendPostedEvents(window, QEvent.Type.DeferredDelete.value)


def in_hand(page: ReviewPage) -> str:
    return "" if page.desk.work is None else page.desk.work.record.row.board_id


def ready(page: ReviewPage) -> bool:
    return page._ready is not None


def test_two_windows_never_show_the_same_board(world: GuiWorld, open_window: Open) -> None:
    world.record(6, lambda k: (2, 2))
    anna, ben = open_window("anna"), open_window("ben")
    world.until(lambda: ready(anna) and in_hand(ben) != "")
    seen: dict[str, list[str]] = {"anna": [], "ben": []}
    review = Review(world.folder)

    def all_decided() -> bool:
        for name, page in (("anna", anna), ("ben", ben)):
            if page.desk.defect is not None:
                seen[name].append(in_hand(page))
                page.desk._since = -10.0
                page.view.buttons["reject"].click()
                world.spin(0.05)
        return not review.queue()

    world.until(all_decided)
    review.close()
    assert set(seen["anna"]) & set(seen["ben"]) == set()
    assert len(set(seen["anna"]) | set(seen["ben"])) == 6
    history = History(world.folder)
    for number in range(1, 7):
        record = history.board(f"b{number:05d}")
        assert record is not None
        assert len({d.reviewer for d in record.defects}) == 1
        assert all(d.verification is Verification.DEFECT_REJECTED for d in record.defects)
    history.close()
    assert not anna.problem.isVisible() and not ben.problem.isVisible()


def test_who_has_nothing_left_is_told_what_others_have(world: GuiWorld, open_window: Open) -> None:
    world.record(2, lambda k: (2, 2))
    anna = open_window("anna")
    world.until(lambda: in_hand(anna) != "" and ready(anna))
    ben = open_window("ben")
    world.until(lambda: "2 boards are in hand elsewhere" in ben._done.text())
    assert ben.desk.defect is None
    anna.window().close()
    world.until(lambda: in_hand(ben) != "")


def test_a_board_that_was_taken_while_the_window_slept_is_told(
    world: GuiWorld, open_window: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.record(3, lambda k: (2, 2))
    anna = open_window("anna")
    world.until(lambda: in_hand(anna) != "" and ready(anna))
    mine = in_hand(anna)
    later = now_us() + round(LEASE_S * 1e6) + 5_000_000
    monkeypatch.setattr("aoi_app.storage.claims.now_us", lambda: later)
    review = Review(world.folder)
    assert review.claim(mine, "another window", "ben") == ""
    anna._hold()
    world.until(lambda: "ben has taken the board" in anna.problem.text())
    assert in_hand(anna) != mine
    review.close()


def test_undo_takes_back_what_was_decided_in_this_window(world: GuiWorld, open_window: Open) -> None:
    """Where nobody logs in, all windows of a plant may work under one name."""
    world.record(4, lambda k: (1, 1))
    here = open_window("aoi")
    world.until(lambda: in_hand(here) != "" and ready(here))
    there = open_window("aoi")
    world.until(lambda: in_hand(there) != "")
    mine, others = here.desk.defect, there.desk.defect
    assert mine is not None and others is not None and mine.id != others.id
    done: list[object] = []
    for page in (here, there):
        page.decided.connect(done.append)
        page.desk._since = -10.0
        page.view.buttons["reject"].click()
        world.until(lambda: bool(done))
        done.clear()
    here.view.buttons["undo"].click()
    world.until(lambda: here.desk.defect is not None and here.desk.defect.id == mine.id)
    here.view.buttons["undo"].click()
    world.until(lambda: here.problem.text() == tr("There is nothing to take back."))
    history = History(world.folder)
    states = {d.id: d.verification for b in range(1, 5) if (r := history.board(f"b{b:05d}")) for d in r.defects}
    assert states[mine.id] is Verification.NOT_VERIFIED_YET
    assert states[others.id] is Verification.DEFECT_REJECTED
    history.close()


def test_a_board_put_off_is_for_others(world: GuiWorld, open_window: Open) -> None:
    world.record(2, lambda k: (1, 1))
    anna = open_window("anna")
    world.until(lambda: in_hand(anna) != "" and ready(anna))
    put_off = in_hand(anna)
    anna.view.buttons["skip"].click()
    world.until(lambda: in_hand(anna) not in ("", put_off))
    review = Review(world.folder)
    world.until(lambda: put_off in review.queue(holder="another"))
    review.close()


def test_the_review_window_runs_no_line_and_changes_no_settings(world: GuiWorld, open_window: Open) -> None:
    page = open_window("anna")
    window = page.window()
    assert isinstance(window, ReviewWindow)
    names = {spec.name for spec in window.bar.specs}
    assert not names & {"start_line", "stop_line", "show_settings", "show_people", "reset_counters"}
    for number, name in enumerate(PAGE_NAMES):
        window.show_page(number)
        page_shown = window.page(name)
        world.until(page_shown.isVisible)
    window.toggle_language()
    assert window.windowTitle() == tr("AOI review") != "AOI review"
    assert world.saved[-1].language == "zh"
    window.toggle_language()


def test_without_a_right_to_review_nothing_is_taken_in_hand(world: GuiWorld) -> None:
    world.record(2, lambda k: (2, 2))
    accounts = Accounts(world.folder)
    accounts.create_first("Anna", "4711")
    accounts.close()
    world.show()
    world.until(lambda: not world.window.session.open_to_all)
    world.window.show_page(1)
    page = world.window.page("review")
    assert isinstance(page, ReviewPage)
    world.until(lambda: page.desk.defect is not None)
    review = Review(world.folder)
    assert review.elsewhere("somebody") == 0
    review.close()


def test_the_first_start_asks_for_an_administrator_and_knows_no_password(world: GuiWorld) -> None:
    world.show()
    bar = world.window.first
    world.until(bar.isVisible)
    bar.later_button.click()
    assert not bar.isVisible()
    dialog = log_in(world, "Anna", "471")
    assert dialog.isVisible() and "at least 4 characters" in dialog.problem.text()
    dialog.done(0)
    log_in(world, "Anna", "4711")
    assert world.window.session.name == "Anna" and not bar.isVisible()
    for guess in ("", "0000", "1234", "admin", "password"):
        assert guess != "4711"


def test_after_wrong_pins_even_the_right_one_waits(world: GuiWorld) -> None:
    accounts = Accounts(world.folder)
    boss = accounts.create_first("Anna", "4711")
    accounts.create(boss, "Otto", "1234", Role.OPERATOR)
    accounts.close()
    world.show()
    world.until(lambda: not world.window.session.open_to_all)
    dialog = log_in(world, "Otto", "0000")
    for _ in range(MOST_FAILURES - 1):
        dialog.secret.setText("9999")
        dialog._on_ok()
        world.until(dialog.buttons.isEnabled)
    dialog.secret.setText("1234")
    dialog._on_ok()
    world.until(dialog.buttons.isEnabled)
    assert "Too many wrong entries for Otto" in dialog.problem.text()
    assert any(str(s) in dialog.problem.text() for s in range(1, LOCKED_S + 1))
    assert world.window.session.account is None
    dialog.done(0)


def test_an_existing_administrator_is_not_asked_for(world: GuiWorld, tmp_path: Path) -> None:
    accounts = Accounts(world.folder)
    accounts.create_first("Anna", "4711")
    accounts.close()
    world.show()
    world.until(lambda: not world.window.session.open_to_all)
    assert not world.window.first.isVisible()


@pytest.mark.parametrize(("touched", "wanted"), [(False, KEY_MM), (True, TOUCH_KEY_MM)])
def test_keys_are_large_enough_for_a_finger(
    world: GuiWorld, monkeypatch: pytest.MonkeyPatch, touched: bool, wanted: float
) -> None:
    class Device:
        def type(self) -> QInputDevice.DeviceType:
            return QInputDevice.DeviceType.TouchScreen if touched else QInputDevice.DeviceType.Mouse

    class Devices(QInputDevice):
        @staticmethod
        def devices() -> list[Device]:  # type: ignore[override]
            return [Device()]

    monkeypatch.setattr(key_size, "QInputDevice", Devices)
    assert key_height() == millimetres(wanted)
    world.record(1, lambda k: (2, 2))
    world.show(1600, 960)
    world.window.show_page(1)
    page = world.window.page("review")
    assert isinstance(page, ReviewPage)
    world.until(lambda: page.desk.defect is not None)
    for button in page.view.buttons.values():
        assert button.height() >= millimetres(wanted) and button.width() >= millimetres(20)
