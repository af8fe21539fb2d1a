"""What looks again by a timer sees its answer, however long that takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from aoi_app.gui.alarms import AlarmBar
from aoi_app.gui.background import Background
from aoi_app.gui.history.page import HistoryPage
from aoi_app.gui.statistics.page import StatisticsPage
from aoi_app.storage.alarms import Alarms
from aoi_app.storage.stop_rules import Alarm
from tests.gui.world import GuiWorld

SLOW_S, AGAIN_MS = 0.3, 20


def slowly(work: Callable[..., Any]) -> Callable[..., Any]:
    """Answer as a record does that is far away, or busy: after several turns of the timer."""

    def answer(*arguments: Any) -> Any:
        time.sleep(SLOW_S)
        return work(*arguments)

    return answer


def test_an_answer_is_on_its_way_until_it_came_or_is_not_wanted_any_more(world: GuiWorld) -> None:
    background = Background(world.window, "test")
    answers: list[object] = []
    background.run("ask", lambda: 1, answers.append, answers.append)
    assert background.waits_for("ask") and not background.waits_for("another")
    world.until(lambda: answers == [1])
    assert not background.waits_for("ask")
    background.run("ask", lambda: 1 / 0, answers.append, answers.append)
    world.until(lambda: len(answers) == 2)
    assert isinstance(answers[1], ZeroDivisionError) and not background.waits_for("ask")
    background.run("ask", lambda: 3, answers.append, answers.append)
    background.forget("ask")
    assert not background.waits_for("ask")
    background.close()


def test_alarms_of_a_slow_record_are_shown(world: GuiWorld) -> None:
    world.record(1)
    alarms = Alarms(world.folder)
    alarms.keep(Alarm("in_a_row", "short at x 10, y 20 px on 3 boards in a row", time.time_ns() // 1000))
    alarms.close()
    bar = world.window.alarms
    assert isinstance(bar, AlarmBar)
    bar._read = slowly(bar._read)  # type: ignore[method-assign]
    bar._timer.setInterval(AGAIN_MS)
    world.show()
    world.until(bar.isVisible)


def test_new_boards_of_a_slow_record_appear(world: GuiWorld) -> None:
    world.record(2)
    world.show()
    page = world.window.page("history")
    assert isinstance(page, HistoryPage)
    page.model._page = slowly(page.model._page)  # type: ignore[method-assign]
    page._timer.setInterval(AGAIN_MS)
    world.window.show_page(2)
    world.until(lambda: page.model.rowCount() == 2 and "2 boards" in page._summary.text())
    world.record(1)
    world.until(lambda: page.model.rowCount() == 3 and "3 boards" in page._summary.text())


def test_figures_of_a_slow_record_are_counted_anew(world: GuiWorld) -> None:
    world.record(2)
    world.show()
    page = world.window.page("statistics")
    assert isinstance(page, StatisticsPage)
    page._read = slowly(page._read)  # type: ignore[method-assign]
    page._timer.setInterval(AGAIN_MS)
    world.window.show_page(3)
    world.until(lambda: page.view is not None and sum(page.view.figures.verdicts.values()) == 2)
    world.record(2)
    world.until(lambda: page.view is not None and sum(page.view.figures.verdicts.values()) == 4)
