from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from aoi_app.core.inspection import Defect, Inspection, Verdict
from aoi_app.storage.stop_rules import StopMonitor, StopRules
from tests.storage.boards import board

OFF = StopRules(in_a_row=None, min_first_pass_yield=None, max_reject_rate=None)


def _at(x: float, code: str = "short", component: str = "") -> Defect:
    return Defect(code, 0.9, (x, 40, x + 20, 60), component=component)


def _inspected(number: int, *found: Defect) -> Inspection:
    return board(number, *found)[0]


def _alarms(monitor: StopMonitor, *boards: tuple[Defect, ...]) -> list[list[str]]:
    return [[a.rule for a in monitor.feed(_inspected(n, *found))] for n, found in enumerate(boards)]


def test_the_third_board_with_the_same_defect_at_the_same_place() -> None:
    monitor = StopMonitor(OFF.model_copy(update={"in_a_row": 3}))
    fired = _alarms(monitor, (_at(10),), (_at(30),), (_at(50), _at(500)), (_at(50),), (_at(50),), (_at(50),))
    assert fired == [[], [], ["in_a_row"], [], [], ["in_a_row"]]


@pytest.mark.parametrize(
    "between", [(), (_at(300),), (_at(10, "open"),)], ids=["a good board", "another place", "another class"]
)
def test_a_run_that_is_broken_starts_anew(between: tuple[Defect, ...]) -> None:
    monitor = StopMonitor(OFF.model_copy(update={"in_a_row": 3}))
    assert _alarms(monitor, (_at(10),), (_at(10),), between, (_at(10),), (_at(10),)) == [[]] * 5


def test_the_same_component_is_the_same_place_wherever_it_lies() -> None:
    monitor = StopMonitor(OFF.model_copy(update={"in_a_row": 2}))
    assert _alarms(monitor, (_at(10, component="R1"),), (_at(900, component="R1"),)) == [[], ["in_a_row"]]
    other = StopMonitor(OFF.model_copy(update={"in_a_row": 2}))
    assert _alarms(other, (_at(10, component="R1"),), (_at(10, component="R2"),)) == [[], []]


def test_an_alarm_says_what_and_where() -> None:
    monitor = StopMonitor(OFF.model_copy(update={"in_a_row": 2}))
    monitor.feed(_inspected(1, _at(10, component="R7")))
    (alarm,) = monitor.feed(_inspected(2, _at(10, component="R7")))
    assert alarm.what == "short at R7 on 2 boards in a row"
    assert alarm.at_us == _inspected(2).ended_ns // 1000


def test_yield_of_an_hour() -> None:
    monitor = StopMonitor(OFF.model_copy(update={"min_first_pass_yield": 0.9, "yield_boards": 20}))
    # One board a minute: 18 of 20 are enough, 17 of 20 are not.
    boards = [(), *[(_at(1),)] * 2, *[()] * 17, (_at(2),)]
    fired = [[a.what for a in monitor.feed(_inspected(n, *found))] for n, found in enumerate(boards)]
    assert fired[:20] == [[]] * 20
    assert fired[20] == ["18 of 21 boards within an hour passed (85.7 %), at least 90 % expected"]


def test_yield_forgets_what_is_older_than_an_hour() -> None:
    monitor = StopMonitor(OFF.model_copy(update={"min_first_pass_yield": 0.5, "yield_boards": 2}))
    monitor.feed(_inspected(0, _at(1)))
    assert monitor.feed(_inspected(60)) == []
    assert monitor.feed(_inspected(61)) == []


def test_rejects_of_the_last_boards() -> None:
    monitor = StopMonitor(OFF.model_copy(update={"max_reject_rate": 0.03, "reject_boards": 100}))
    fired = _alarms(monitor, *[(_at(1),)] * 3, *[()] * 97, (_at(1),), *[()] * 99)
    assert [i for i, rules in enumerate(fired) if rules] == [], "3 of 100 are allowed, and the first ones drop out"
    again = StopMonitor(OFF.model_copy(update={"max_reject_rate": 0.03, "reject_boards": 100}))
    fired = _alarms(again, *[()] * 96, *[(_at(1),)] * 4, *[(_at(1),)] * 50)
    assert [i for i, rules in enumerate(fired) if rules] == [99], "one cause, one alarm"


def test_errors_and_tolerated_defects_say_nothing_of_the_process() -> None:
    monitor = StopMonitor(StopRules(in_a_row=2, yield_boards=1, reject_boards=1, max_reject_rate=0.0))
    failed = _inspected(1, _at(1))
    for verdict in (Verdict.ERROR, Verdict.ABORTED):
        assert monitor.feed(replace(failed, verdict=verdict)) == []
    tolerated = replace(_at(1), counts=False)
    assert monitor.feed(_inspected(2, tolerated)) == monitor.feed(_inspected(3, tolerated)) == []


@pytest.mark.parametrize(
    "wrong", [{"in_a_row": 1}, {"min_first_pass_yield": 1.5}, {"reject_boards": 0}, {"three_in_a_row": 3}]
)
def test_rules_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        StopRules.model_validate(wrong)
