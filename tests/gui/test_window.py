"""The window on a line: what it shows, what its buttons and keys do, and what it does with trouble."""

from __future__ import annotations

import gc
import sys
import threading
import weakref

import numpy as np
import pytest
from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QGuiApplication, QIcon, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QToolButton

from aoi_app.core.inspection import Inspection, Verdict
from aoi_app.core.scan import BoardScan, Completeness
from aoi_app.gui.actions import BAR_ACTIONS, LINE_ACTIONS, MENU_ACTIONS
from aoi_app.gui.board.picture import BoardPicture
from aoi_app.gui.board.view import Mode
from aoi_app.gui.hooks import ErrorHooks
from aoi_app.gui.icons import icon
from aoi_app.gui.lag import LagMeter, PaintMeter
from aoi_app.gui.line.verdict_looks import LOOKS
from aoi_app.gui.line.verdict_tile import VerdictTile
from aoi_app.gui.theme import apply_theme, colour, tokens
from aoi_app.station.live import LiveFrame
from aoi_app.station.status import Event, Level, State
from tests.gui.world import GuiWorld


def action(world: GuiWorld, text: str) -> QAction:
    return next(a for a in world.window.findChildren(QAction) if a.text() == text)


def test_a_board_grows_and_its_verdict_stands(world: GuiWorld) -> None:
    world.show()
    page = world.window.line
    assert page.tile.word == "WAITING"
    world.station.start()
    world.station.next_board((3, 5))
    world.station.scan(300)
    world.until(lambda: page.view.picture is not None and page.view.picture.lines == 300)
    assert page.tile.word == "WAITING"
    assert "PCB-2026-00001" in page.caption.text()
    inspection = world.station.finish()
    world.until(lambda: page.tile.word == "FAIL")
    assert page.defects.defects == inspection.defects
    assert all(crop is not None for crop in page.defects._model.crops)
    assert page.view.picture is not None and page.view.picture.marks.defects == inspection.defects


@pytest.mark.parametrize("ahead", [1, 3])
def test_defects_have_their_pictures_when_boards_wait_and_another_is_in_view(world: GuiWorld, ahead: int) -> None:
    world.show()
    page = world.window.line
    world.station.next_board((3, 3))
    late = world.station.finish_unseen()
    judged, world.station._judged = world.station._judged, None
    world.station._last = None
    for k in range(ahead):
        world.station.next_board((0, 0), seed=77 + k)
        world.station.scan(50)
        world.until(lambda k=k: f"PCB-2026-{2 + k:05d}" in page.caption.text())  # type: ignore[misc]
    world.station._last, world.station._judged = late, judged
    world.until(lambda: page.tile.word == "FAIL" and page.defects.defects == late.defects)
    assert late.serial in page.heading.text()
    assert len(page.defects._model.crops) == 3 and all(crop is not None for crop in page.defects._model.crops)


def test_the_verdict_does_not_wait_for_the_pictures(world: GuiWorld) -> None:
    world.show()
    page = world.window.line
    world.station.next_board((2, 2))
    before = world.station.finish()
    world.until(lambda: page.defects.defects == before.defects)
    world.station.next_board((0, 0))
    judged = world.station._judged
    passed = world.station.finish_unseen()
    world.station._judged = judged
    world.until(lambda: page.tile.word == "PASS")
    assert before.serial in page.heading.text() and page.defects.defects == before.defects
    assert passed.serial not in page.heading.text(), "the list says whose defects it holds"


def test_no_board_is_held_beyond_the_next(world: GuiWorld) -> None:
    world.show()
    held = []
    for _ in range(4):
        world.station.next_board((1, 2))
        frame = world.station.frame()
        assert frame is not None
        held.append(weakref.ref(frame.scan.pixels.base))
        world.station.scan(100)
        world.spin(0.05)
        world.station.finish()
        world.station.ends.clear()
        world.spin(0.05)
        del frame
    world.until(lambda: [ref() is not None for ref in held] == [False, False, False, True])


@pytest.mark.parametrize(
    ("state", "possible"),
    [
        (State.IDLE, {"Start"}),
        (State.RUNNING, {"Pause", "Stop"}),
        (State.PAUSED, {"Start", "Stop"}),
        (State.FAULT, {"Start", "Stop"}),
        (State.STOPPING, set()),
    ],
)
def test_only_what_is_possible_can_be_pressed(world: GuiWorld, state: State, possible: set[str]) -> None:
    world.show()
    world.station._state = state
    texts = ("Start", "Pause", "Stop")
    world.until(lambda: {text for text in texts if action(world, text).isEnabled()} == possible)


def test_keys_start_pause_go_on_and_stop(world: GuiWorld) -> None:
    world.show()
    for key, state in (
        (Qt.Key.Key_F5, State.RUNNING),
        (Qt.Key.Key_F6, State.PAUSED),
        (Qt.Key.Key_F5, State.RUNNING),
        (Qt.Key.Key_F7, State.IDLE),
    ):
        QTest.keyClick(world.window, key)
        # what a key does goes by the state that the window knows of
        world.until(lambda state=state: world.window._status.state is state)  # type: ignore[misc]
    assert world.station.calls == ["start", "pause", "resume", "stop"]


def test_no_two_actions_share_a_key() -> None:
    keys = [key for spec in (*LINE_ACTIONS, *MENU_ACTIONS, *BAR_ACTIONS) for key in spec.keys]
    assert len(keys) == len(set(keys))


def test_every_action_is_a_method_of_the_window(world: GuiWorld) -> None:
    for spec in (*LINE_ACTIONS, *MENU_ACTIONS, *BAR_ACTIONS):
        assert callable(getattr(world.window, spec.name)), spec.name


def test_a_toast_breaks_what_has_no_place_to_break(world: GuiWorld) -> None:
    world.show()
    path = "/archive/" + "0123456789abcdef" * 8 + "/preview.webp"
    world.station.happen(Level.ERROR, f"{path} is empty.", "Copy it again.")
    world.until(lambda: bool(world.window.toasts.shown))
    what = world.window.toasts.shown[0]._what
    assert what.text().replace("\u200b", "") == f"{path} is empty."
    lines = what.text().split("\u200b")
    assert max(what.fontMetrics().horizontalAdvance(line) for line in lines) <= what.width()
    assert what.height() >= 3 * what.fontMetrics().lineSpacing()


def test_the_story_of_an_event_is_told_in_the_language_and_copied_in_english(world: GuiWorld) -> None:
    world.show()
    world.window.set_language("zh")
    world.station.happen(Level.ERROR, "a.png is empty.", "Copy it again.")
    log = world.window.log
    world.until(lambda: log.model.rowCount() > 0)
    log._table.selectRow(0)
    assert log._story.toPlainText().startswith("a.png 是空的。\n请重新复制。\n\n")
    log._copy.click()
    assert "请" not in QGuiApplication.clipboard().text() and "a.png is empty." in QGuiApplication.clipboard().text()
    world.window.set_language("en")
    assert "请" not in log._story.toPlainText() and "Copy it again." in log._story.toPlainText()


def test_fault_is_said_with_what_to_do(world: GuiWorld) -> None:
    world.show()
    world.station.start()
    world.station.fail("The camera CAM-1 no longer answers.", "Check cable and power; it is looked for again.")
    world.until(lambda: bool(world.window.toasts.shown))
    assert "The camera CAM-1 no longer answers." in world.window.bar.state.text()
    toast = world.window.toasts.shown[0]
    assert toast._what.text() == "The camera CAM-1 no longer answers."
    assert toast._hint.text() == "Check cable and power; it is looked for again."
    event = world.window.log.model.event_at(0)
    assert event is not None and event.detail.startswith("Traceback")


def test_a_notice_changes_its_look_with_the_window(world: GuiWorld) -> None:
    world.show()
    world.station.happen(Level.ERROR, "The camera CAM-1 no longer answers.")
    world.until(lambda: bool(world.window.toasts.shown))
    cross = world.window.toasts.shown[0].findChild(QToolButton)
    assert cross is not None
    dark = cross.icon().pixmap(16, 16).toImage()
    world.window.set_theme("light")
    assert cross.icon().pixmap(16, 16).toImage() != dark, "white on white cannot be closed"


def test_the_same_trouble_again_is_counted_and_notes_stay_few(world: GuiWorld) -> None:
    world.show()
    for number in range(30):
        world.station.happen(Level.WARNING, "The camera lost lines.")
        world.station.happen(Level.ERROR, f"Trouble {number % 6}.")
    world.until(lambda: world.window.log.model.rowCount() == 60)
    assert len(world.window.toasts.shown) <= 4
    world.window.toasts.dismiss_all()
    assert not world.window.toasts.shown


def test_information_goes_to_the_log_only(world: GuiWorld) -> None:
    world.show()
    world.station.happen(Level.INFO, "The line runs.")
    world.until(lambda: world.window.log.model.rowCount() == 1)
    assert not world.window.toasts.shown


def test_errors_nobody_caught_reach_the_log(world: GuiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "excepthook", lambda *_: None)
    monkeypatch.setattr(threading, "excepthook", lambda *_: None)
    world.show()
    world.hooks.install()
    try:
        thread = threading.Thread(target=lambda: 1 / 0, name="aoi-worker")
        thread.start()
        thread.join()
        sys.excepthook(ValueError, ValueError("in a slot"), None)
    finally:
        world.hooks.remove()
    world.until(lambda: world.window.log.model.rowCount() == 2)
    stories = [world.window.log.model.event_at(k) for k in range(2)]
    assert {e.source for e in stories if e} == {"aoi-worker", "window"}
    assert any("ZeroDivisionError" in e.detail for e in stories if e)


def test_hooks_leave_keyboard_interrupt_alone() -> None:
    hooks = ErrorHooks()
    hooks._before = (lambda *_: None, lambda *_: None)
    hooks._on_error(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert hooks.take() == ()


def test_choosing_a_defect_brings_it_into_view(world: GuiWorld) -> None:
    world.show()
    world.station.next_board((3, 5))
    world.station.finish()
    page = world.window.line
    world.until(lambda: len(page.defects.defects) > 0)
    page.defects.chosen.emit(0)
    assert page.view.mode is Mode.FREE
    x1, y1, x2, y2 = page.defects.defects[0].box
    left, top, right, bottom = page.view.viewport.visible()
    assert left < x1 and top < y1 and right > x2 and bottom > y2


def test_theme_and_language_are_kept_and_the_line_goes_on(world: GuiWorld) -> None:
    world.show()
    world.station.start()
    world.window.toggle_theme()
    world.window.toggle_language()
    assert (world.saved[-1].theme, world.saved[-1].language) == ("light", "zh")
    assert world.station.status().state is State.RUNNING
    assert world.window.line.tile.word == "等待"


def test_log_shows_only_the_levels_that_are_asked_for(world: GuiWorld) -> None:
    world.show()
    for level in Level:
        world.station.happen(level, f"A thing of level {level.value}.")
    world.until(lambda: world.window.log.model.rowCount() == 3)
    world.window.log._least.setCurrentIndex(2)
    assert world.window.log.model.rowCount() == 1
    world.window.log._copy.click()
    assert "level error" in world.application.clipboard().text()


def tile_picture(world: GuiWorld, verdict: Verdict) -> np.ndarray:
    world.station.next_board((1, 1))
    inspection = world.station.finish(
        Completeness(640, 5, ("5 lines are missing",)) if verdict is Verdict.ERROR else None
    )
    tile = VerdictTile()
    tile.resize(400, 190)
    world.station.damage(verdict, "")
    tile.show_inspection(world.station.status().last or inspection)
    image = tile.grab().toImage().convertToFormat(QImage.Format.Format_Grayscale8)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width()].astype(int)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_verdicts_are_told_apart_without_colour(world: GuiWorld, theme: str) -> None:
    apply_theme(world.application, theme)
    pictures = {verdict: tile_picture(world, verdict) for verdict in (Verdict.PASSED, Verdict.FAILED, Verdict.ERROR)}
    names = list(pictures)
    for k, one in enumerate(names):
        for other in names[k + 1 :]:
            # Over a tenth of the tile differs clearly in grey: the word, the sign and its place.
            different = np.abs(pictures[one] - pictures[other]) > 40
            assert different.mean() > 0.10, (one, other)
    words = {LOOKS[v].word for v in names}
    lamps = {LOOKS[v].lamp for v in names}
    shapes = {LOOKS[v].shape for v in names}
    assert len(words) == len(lamps) == len(shapes) == 3


def test_the_word_is_legible_at_three_metres(world: GuiWorld) -> None:
    picture = tile_picture(world, Verdict.FAILED)
    word = picture[:, 120:] > 200
    rows = np.flatnonzero(word.sum(axis=1) > 5)
    runs = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    tallest = max(len(run) for run in runs)
    assert tallest / 96 * 25.4 >= 18  # mm at 96 dpi


def test_lag_meter_sees_a_blocked_event_loop(world: GuiWorld) -> None:
    import time

    meter = LagMeter()
    meter.start()
    world.until(lambda: meter.figures()["n"] >= 5)
    time.sleep(0.15)
    world.until(lambda: meter.figures()["n"] >= 10)
    meter.stop()
    figures = meter.figures()
    assert figures["max_ms"] >= 100
    assert figures["p50_ms"] < figures["max_ms"]
    assert figures["n"] >= 5


def test_paint_meter_counts() -> None:
    meter = PaintMeter(10.0)
    for _ in range(20):
        meter.count()
    assert meter.total == 20
    assert meter.per_second() == pytest.approx(2.0)


def test_a_colour_costs_no_look_at_the_disk(world: GuiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aoi_app.gui.theme.resources_dir", lambda: pytest.fail("asked in a paint"))
    assert tokens() is tokens()
    assert colour("faint").isValid()


def test_the_icons_of_the_log_are_drawn_once_a_theme(world: GuiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []

    def counted(name: str, shade: str | None = None) -> QIcon:
        if shade is not None:
            drawn.append(f"{name} {shade}")
        return icon(name, shade)

    monkeypatch.setattr("aoi_app.gui.log_panel.icon", counted)
    model = world.window.log.model
    world.window.set_theme("dark")
    model.add(tuple(Event(n, 0, Level.INFO, "camera", "lines came") for n in range(20)))
    for _ in range(3):
        for row in range(20):
            model.data(model.index(row, 0), Qt.ItemDataRole.DecorationRole)
    assert len(drawn) == 1
    world.window.set_theme("light")
    model.data(model.index(0, 0), Qt.ItemDataRole.DecorationRole)
    assert len(drawn) == 2 and drawn[0] != drawn[1]


def test_the_window_holds_no_more_after_many_boards(world: GuiWorld) -> None:
    def inspect(boards: int) -> tuple[int, int]:
        for number in range(boards):
            world.station.next_board((2, 2), seed=number % 3)
            world.station.scan(300)
            world.spin(0.03)
            world.station.finish()
            world.station.happen(Level.INFO, "a board has gone by")
            world.spin(0.03)
        world.station.ends.clear()
        world.station.goldens.clear()
        gc.collect()
        kept = sum(isinstance(found, (BoardScan, LiveFrame, BoardPicture, Inspection)) for found in gc.get_objects())
        return len(world.window.findChildren(QObject)), kept

    world.show()
    world.window.page("history")
    inspect(3)
    objects, kept = inspect(3)
    many_objects, many_kept = inspect(15)
    assert many_objects == objects
    # A frame more or less, by the moment; not one a board.
    assert kept > 0 and many_kept <= kept + 4
