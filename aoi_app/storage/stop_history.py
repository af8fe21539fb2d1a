"""What the stop rules know after a restart: the last boards, from the record."""

from __future__ import annotations

from itertools import islice, takewhile

from aoi_app.storage.alarms import Alarms
from aoi_app.storage.history import History
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.stop_rules import HOUR_US, StopMonitor, StopRules

MOST_BOARDS = 3_000
"""An hour of a fast line."""


def caught_up(rules: StopRules, history: History, alarms: Alarms, station: str, now_us: int) -> StopMonitor:
    """Return a monitor that has seen the last boards of a station: a restart breaks no run and fills no gap.

    Parameters
    ----------
    alarms
        Where one was raised its rule counted anew, and does so here.
    """
    monitor, query = StopMonitor(rules), HistoryQuery(station=station)
    newest = islice(history.rows(query), MOST_BOARDS)
    needed = takewhile(
        lambda item: item[0] < rules.reject_boards or item[1].ended_us > now_us - HOUR_US, enumerate(newest)
    )
    boards = [row for _, row in needed]
    # One board less than would raise an alarm: what was before them was said before the restart.
    last = 0 if rules.in_a_row is None else rules.in_a_row - 1
    defects = {r.row.id: [d.defect for d in r.defects] for r in islice(history.records(query), last)}
    raised = alarms.between(boards[-1].ended_us, boards[0].ended_us + 1) if boards else ()
    for row in reversed(boards):
        monitor.recall(row.verdict, row.ended_us, defects.get(row.id, []))
        for alarm in raised:
            if (alarm.station, alarm.at_us) == (station, row.ended_us):
                monitor.forget(alarm.rule)
    return monitor
