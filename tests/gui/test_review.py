"""Review: the desk by itself, and the page on a real record with two reviewers."""

from __future__ import annotations

import getpass
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtTest import QTest

from aoi_app.core.errors import StoreError
from aoi_app.core.inspection import Verdict, Verification
from aoi_app.gui.review.compare import Way
from aoi_app.gui.review.desk import DWELL_S, BoardWork, Desk
from aoi_app.gui.review.keys import ACTS, keys_of
from aoi_app.gui.review.page import ReviewPage
from aoi_app.gui.review.source import Found
from aoi_app.gui.toasts import MOST
from aoi_app.station.status import Level
from aoi_app.storage.history import History
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.review import Review
from tests.gui.world import GuiWorld

KEYS = {"confirm": Qt.Key.Key_1, "reject": Qt.Key.Key_2, "accept": Qt.Key.Key_3}


class Clock:
    """A clock that a scripted reviewer moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def open_page(world: GuiWorld) -> tuple[ReviewPage, Clock]:
    clock = Clock()
    world.show()
    world.window.show_page(1)
    page = world.window.page("review")
    assert isinstance(page, ReviewPage)
    page.desk.clock = clock
    world.until(lambda: page.desk.defect is not None)
    page.desk._since = clock()
    return page, clock


def press(page: ReviewPage, key: Qt.Key) -> None:
    page.setFocus()
    QTest.keyClick(page, key)


@pytest.fixture
def works(tmp_path: Path, qapp: object) -> Iterator[list[BoardWork]]:
    world = GuiWorld(tmp_path)
    world.record(2, lambda k: (4, 5))
    history = History(tmp_path)
    yield [BoardWork(r, None, {}) for b in ("b00001", "b00002") if (r := history.board(b)) is not None]
    history.close()
    world.close()


def test_defects_come_by_severity_then_place(works: list[BoardWork]) -> None:
    order = [(-d.defect.severity, int(d.defect.box[1] // 256), d.defect.box[0]) for d in works[0].waiting]
    assert order == sorted(order)
    assert len(order) >= 4


def test_a_decision_within_the_dwell_is_a_slip(works: list[BoardWork]) -> None:
    clock = Clock()
    desk = Desk(clock)
    desk.take(works[0])
    first = desk.defect
    clock.now = DWELL_S - 0.01
    assert desk.decide(Verification.DEFECT_CONFIRMED) is None
    assert desk.defect is first
    clock.now = DWELL_S
    decision = desk.decide(Verification.DEFECT_CONFIRMED)
    assert decision is not None and decision.defect is first
    assert decision.seconds == pytest.approx(DWELL_S)
    assert desk.decide(Verification.DEFECT_CONFIRMED) is None


def test_place_counts_up_and_skip_puts_behind(works: list[BoardWork]) -> None:
    clock = Clock()
    desk = Desk(clock)
    desk.take(works[0])
    total = len(works[0].waiting)
    assert desk.place == (1, total)
    first = desk.defect
    assert desk.skip()
    assert desk.defect is not first and desk.place == (1, total)
    for number in range(2, total + 1):
        clock.now += 1
        assert desk.decide(Verification.DEFECT_REJECTED)
        assert desk.place == (number, total)
    assert desk.defect is first
    assert not desk.skip()


def test_keys_can_be_changed_one_by_one() -> None:
    keys = keys_of({"reject": "F", "undo": ""})
    assert keys["reject"] == "F" and keys["confirm"] == "1" and keys["undo"] == "Backspace"
    assert len({act.key for act in ACTS}) == len(ACTS)


def test_a_scripted_reviewer_clears_a_hundred_defects_with_one_key_each(world: GuiWorld) -> None:
    world.record(30, lambda k: (4, 4))
    history = History(world.folder)
    waiting = sum(row.open_defects for row in history.page(_everything()))
    assert waiting >= 100
    page, clock = open_page(world)
    spent, presses, names = 0.0, 0, list(KEYS)
    while page.desk.defect is not None and presses < waiting:
        seconds = 0.5 + (presses % 7) / 4
        clock.now += seconds
        press(page, KEYS[names[presses % 3]])
        spent, presses = spent + seconds, presses + 1
        if presses < waiting:
            world.until(lambda: page.desk.defect is not None)
            page.desk._since = clock()
    assert presses == waiting
    world.until(lambda: not Review(world.folder).queue())
    rows = history.page(_everything())
    assert sum(row.open_defects for row in rows) == 0
    records = [r for row in rows if (r := history.board(row.board_id)) is not None]
    defects = [d for record in records for d in record.defects]
    assert sum(d.review_s for d in defects) == pytest.approx(spent)
    assert {d.reviewer for d in defects if d.defect.counts} == {getpass.getuser()}
    for record in records:
        confirmed = any(d.verification is Verification.DEFECT_CONFIRMED for d in record.defects)
        if record.row.verdict is Verdict.FAILED:
            assert record.row.final_verdict is (Verdict.FAILED if confirmed else Verdict.PASSED)
    history.close()


def _everything() -> HistoryQuery:
    return HistoryQuery()


def test_undo_brings_the_defect_back(world: GuiWorld) -> None:
    world.record(2, lambda k: (3, 3))
    page, clock = open_page(world)
    first = page.desk.defect
    assert first is not None
    clock.now += 1
    with_signal: list[object] = []
    page.decided.connect(with_signal.append)
    press(page, Qt.Key.Key_2)
    world.until(lambda: bool(with_signal))
    press(page, Qt.Key.Key_Backspace)
    world.until(lambda: page.desk.defect is not None and page.desk.defect.id == first.id)
    history = History(world.folder)
    record = history.board("b00001")
    assert record is not None
    assert all(d.verification is Verification.NOT_VERIFIED_YET for d in record.defects)
    history.close()


def test_held_keys_decide_once(world: GuiWorld) -> None:
    world.record(1, lambda k: (3, 3))
    page, _ = open_page(world)
    assert all(not shortcut.autoRepeat() for shortcut in page._shortcuts.values())


def test_another_reviewer_was_first(world: GuiWorld) -> None:
    world.record(1, lambda k: (3, 3))
    page, clock = open_page(world)
    defect = page.desk.defect
    assert defect is not None
    other = Review(world.folder)
    other.verify(defect.id, Verification.DEFECT_REJECTED, "ben", 2.0)
    clock.now += 1
    press(page, Qt.Key.Key_1)
    world.until(lambda: "ben has already decided" in page.problem.text())
    history = History(world.folder)
    record = history.board("b00001")
    assert record is not None
    after = next(d for d in record.defects if d.id == defect.id)
    assert (after.reviewer, after.verification) == ("ben", Verification.DEFECT_REJECTED)
    assert page.desk.defect is None or page.desk.defect.id != defect.id
    other.close()
    history.close()


def test_a_decision_that_cannot_be_recorded_comes_back(world: GuiWorld) -> None:
    world.record(1, lambda k: (3, 3))
    page, clock = open_page(world)
    defect = page.desk.defect
    assert defect is not None

    class Full:
        def verify(self, *_: object) -> None:
            raise StoreError("The disk of the database is full.", "Free space there.")

        def queue(self, *_: object, **__: object) -> tuple[str, ...]:
            return ()

        def elsewhere(self, *_: object) -> int:
            return 0

        def release(self, *_: object) -> None:
            pass

    page.source.review = Full()  # type: ignore[assignment]
    clock.now += 1
    press(page, Qt.Key.Key_1)
    world.until(lambda: page.problem.isVisible())
    assert page.problem.text() == "The disk of the database is full.\nFree space there."
    assert page.desk.defect is not None and page.desk.defect.id == defect.id


def test_a_board_that_fails_meanwhile_comes_by_itself(world: GuiWorld) -> None:
    world.show()
    world.window.show_page(1)
    page = world.window.page("review")
    assert isinstance(page, ReviewPage)
    world.spin(0.2)
    assert page._stack.currentIndex() == 1
    world.record(1, lambda k: (2, 2))
    world.until(lambda: page._stack.currentIndex() == 0)


def test_while_the_next_board_is_read_nobody_is_told_that_none_waits(world: GuiWorld) -> None:
    world.record(3, lambda k: (3, 3))
    page, clock = open_page(world)
    world.until(lambda: page._ready is not None)
    go_on = threading.Event()
    page.source.next_board = partial(_after, go_on, page.source.next_board)  # type: ignore[method-assign]

    def clear() -> None:
        while page.desk.defect is not None:
            clock.now += 1
            press(page, Qt.Key.Key_2)

    clear()
    assert page.desk.defect is None and page._done.text() == "Looking for boards …"
    go_on.set()
    world.until(lambda: page.desk.defect is not None)
    assert page._found is not None and page._found.waiting == 0, "the third is in hand and waits no more"
    world.until(lambda: not page._looking)
    clear()
    world.until(lambda: page._done.text() == "Nothing waits for review")


def _after(go_on: threading.Event, ask: Callable[..., Found], *what: Any) -> Found:
    assert go_on.wait(60)
    return ask(*what)


def test_all_that_waits_is_counted_not_only_what_is_looked_at(world: GuiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aoi_app.gui.review.source.QUEUE", 3)
    world.record(6, lambda k: (3, 3))
    page, _ = open_page(world)
    world.until(lambda: page._ready is not None)
    assert "5 more boards wait" in page.view.progress.text()


def test_ways_to_compare(world: GuiWorld) -> None:
    world.record(1, lambda k: (3, 3))
    page, _ = open_page(world)
    assert page.desk.pictures.golden is not None
    assert page.desk.pictures.suspect is not None
    assert page.desk.pictures.golden.shape == page.desk.pictures.suspect.shape
    seen = []
    for _ in range(3):
        press(page, Qt.Key.Key_C)
        seen.append(page.view.compare.way)
        page.view.compare.grab()
    assert seen == [Way.BLINK, Way.SLIDE, Way.BESIDE]


def test_without_golden_board_and_pictures_review_goes_on(world: GuiWorld) -> None:
    import shutil

    world.record(1, lambda k: (3, 3))
    world.station.goldens.clear()
    page, _ = open_page(world)
    assert page.desk.pictures.golden is None
    for way in Way:
        page.view.compare.set_way(way)
        page.view.compare.grab()
    shutil.rmtree(world.folder / "images")
    page.desk.take(page.source.board("b00001"))
    page._show()
    page.grab()
    assert page.desk.defect is not None


def test_decisions_in_flight_are_written_before_the_window_closes(world: GuiWorld) -> None:
    world.record(3, lambda k: (4, 4))
    page, clock = open_page(world)
    decided = 0
    while page.desk.defect is not None and decided < 4:
        clock.now += 1
        press(page, Qt.Key.Key_2)
        decided += 1
    world.window.close()
    history = History(world.folder)
    found = [history.board(row.board_id) for row in history.page(_everything())]
    done = [d for r in found if r for d in r.defects if d.verification is Verification.DEFECT_REJECTED]
    assert len(done) == decided
    history.close()


@pytest.mark.parametrize("size", [(1180, 700), (1600, 960)])
def test_notices_leave_the_keys_of_review_free(world: GuiWorld, size: tuple[int, int]) -> None:
    world.record(4, lambda k: (2, 2))
    world.show(*size)
    world.window.show_page(1)
    page = world.window.page("review")
    assert isinstance(page, ReviewPage)
    world.until(lambda: page.desk.defect is not None)
    for number in range(6):
        world.station.happen(Level.ERROR, f"Trouble {number}.", "Look for it.")
    world.until(lambda: len(world.window.toasts.shown) == MOST)
    notices = world.window.toasts.geometry()
    assert notices.top() > 0
    for key in page.view.buttons.values():
        place = QRect(key.mapTo(world.window, QPoint(0, 0)), key.size())
        assert not place.intersects(notices), key.text()
