"""Figures against cases counted by hand, on both databases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aoi_app.core.inspection import Verdict, Verification
from aoi_app.core.recipe import Recipe
from aoi_app.storage.alarms import Alarms
from aoi_app.storage.figures import Figures
from aoi_app.storage.history import History
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.recipes import RecipeBook
from aoi_app.storage.report import Line, report_lines
from aoi_app.storage.review import Review
from aoi_app.storage.statistics import Statistics
from aoi_app.storage.stop_rules import Alarm
from aoi_app.storage.store import Store
from tests.storage.boards import START_US, board, defects
from tests.storage.places import At

MINUTE_US = 60_000_000
CONFIRMED, REJECTED, ACCEPTED, REPAIRED = (
    Verification.DEFECT_CONFIRMED,
    Verification.DEFECT_REJECTED,
    Verification.DEFECT_ACCEPTED,
    Verification.DEFECT_REPAIRED,
)

# Number of the board (one a minute), its serial number, and what review says of its defects; None has not said yet.
SHIFT: list[tuple[int, str, list[Verification | None]]] = [
    (0, "A", []),
    (1, "B", [CONFIRMED, REJECTED]),
    (2, "C", [REJECTED]),  # a false call: the board was good
    (3, "D", [REPAIRED]),  # good in the end, not at the first pass
    (4, "E", [ACCEPTED]),  # within what the customer takes
    (5, "B", []),  # B again, after rework: not its first pass
    (6, "F", [None]),
    (7, "G", []),
    (60, "H", [CONFIRMED, CONFIRMED]),
]


@pytest.fixture
def shift(at: At, store: Store) -> At:
    review, history = Review(*at), History(*at)
    for number, serial, states in SHIFT:
        inspection, end = board(number, *defects(len(states)))
        store.record(replace(inspection, serial=serial), end)
        record = history.board(inspection.board_id)
        assert record is not None
        for row, state in zip(record.defects, states, strict=True):
            if state is not None:
                review.verify(row.id, state, "kim", float(row.number + 1))
    lost = board(8)
    store.record(replace(lost[0], serial="I", verdict=Verdict.ERROR), lost[1])
    review.close()
    history.close()
    return at


def _figures(at: At, minutes: int = 120, **chosen: object) -> Figures:
    statistics = Statistics(*at)
    try:
        return statistics.figures(START_US, START_US + minutes * MINUTE_US, **chosen)  # type: ignore[arg-type]
    finally:
        statistics.close()


def test_yield(shift: At) -> None:
    found = _figures(shift)
    assert found.verdicts == {Verdict.PASSED: 3, Verdict.FAILED: 6, Verdict.ERROR: 1}
    # Units A to I; at the first pass A, C, E, G were good after review, A and G by the station alone.
    assert (found.first_pass_yield.count, found.first_pass_yield.n) == (4, 9)
    assert (found.machine_yield.count, found.machine_yield.n) == (2, 9)


def test_defects_per_million_opportunities(shift: At) -> None:
    found = _figures(shift, opportunities={"default": 500})
    # Confirmed: B 1, D 1 (repaired), H 2. Nine boards with a verdict, 500 opportunities each.
    assert found.dpmo is not None and found.dpmo.value is not None
    assert found.dpmo.value * 1e6 == pytest.approx(4 / 4500 * 1e6)
    assert found.dpmo.low < found.dpmo.value < found.dpmo.high
    assert _figures(shift).dpmo is None, "no recipe said how many opportunities there are"
    assert _figures(shift, opportunities={"default": 0}).dpmo is None


def test_opportunities_are_those_of_the_revision_that_judged(shift: At) -> None:
    book = RecipeBook(*shift)
    for opportunities in (100, 200, 300, 400):
        book.save(Recipe(name="default", opportunities=opportunities))
    book.close()
    found = _figures(shift)
    # The boards were judged by revision 3.
    assert found.dpmo is not None and found.dpmo.n == 9 * 300
    assert found.opportunities_not_set == ()


def test_without_opportunities_the_report_says_so_instead_of_a_wrong_figure(shift: At) -> None:
    book = RecipeBook(*shift)
    for opportunities in (100, 200, None):
        book.save(Recipe(name="default", opportunities=opportunities))
    book.close()
    found = _figures(shift)
    assert found.dpmo is None
    assert found.opportunities_not_set == ("default",)
    assert Line("defects", "opportunities not set in recipe", "default", "text") in report_lines(found)


def test_false_calls_are_no_defects(shift: At) -> None:
    found = _figures(shift, opportunities={"default": 500})
    assert (found.false_calls.count, found.false_calls.n) == (2, 7)
    assert found.false_calls_per_opportunity is not None
    assert (found.false_calls_per_opportunity.count, found.false_calls_per_opportunity.n) == (2, 4500)
    # Reviewed or passed: A B C D E B G H; B and C had a false call.
    assert (found.boards_without_false_call.count, found.boards_without_false_call.n) == (6, 8)
    assert found.open_defects == 1
    assert found.by_class == (("short", 4),)


def test_time_of_review(shift: At) -> None:
    found = _figures(shift)
    # B 1 + 2, C 1, D 1, E 1, H 1 + 2.
    assert found.review_s == 9 and found.review_median_s == 1
    assert _figures(shift, 1).review_median_s is None


def test_subgroups(shift: At) -> None:
    groups = _figures(shift).subgroups
    assert groups.start_us.tolist() == [START_US, START_US + 60 * MINUTE_US]
    assert groups.boards.tolist() == [8, 1]
    assert groups.not_passed.tolist() == [4, 1]
    assert groups.inspected.tolist() == [8, 1], "B twice, I not at all"
    assert groups.confirmed.tolist() == [2, 2]
    assert groups.false_calls.tolist() == [2, 0]


def test_defects_of_a_board_that_was_inspected_again_stand_over_all_inspections(at: At, store: Store) -> None:
    """One board, three times in the machine: three defects on three inspections are one a board, not three."""
    review, history = Review(*at), History(*at)
    for number in range(3):
        inspection, end = board(number, *defects(1))
        store.record(replace(inspection, serial="A"), end)
        record = history.board(inspection.board_id)
        assert record is not None
        review.verify(record.defects[0].id, CONFIRMED, "kim", 1.0)
    groups = _figures(at).subgroups
    assert (groups.boards[0], groups.inspected[0], groups.confirmed[0]) == (1, 3, 3)
    review.close()
    history.close()


def test_a_report_of_a_part_says_of_which_part(shift: At) -> None:
    part = _figures(shift, query=HistoryQuery(recipes=("default",), station="line 2"))
    assert report_lines(part)[:2] == [
        Line("only", "recipe", "default", "text"),
        Line("only", "station", "line 2", "text"),
    ]
    assert report_lines(_figures(shift))[0].section == "boards"


def test_alarms_of_one_station_are_no_others(at: At) -> None:
    alarms = Alarms(*at)
    for number, station in enumerate(("line 1", "line 2", "line 1")):
        alarms.keep(Alarm("in_a_row", str(number), START_US + number), station)
    assert [a.what for a in alarms.between(START_US, START_US + 9, "line 1")] == ["0", "2"]
    assert len(alarms.between(START_US, START_US + 9)) == 3
    alarms.close()


def test_a_period_has_a_beginning_and_an_end(shift: At) -> None:
    found = _figures(shift, 2)
    assert (found.first_pass_yield.count, found.first_pass_yield.n) == (1, 2)
    nothing = Statistics(*shift).figures(0, MINUTE_US)
    assert nothing.first_pass_yield.value is None and nothing.dpmo is None and nothing.by_class == ()


def test_a_unit_that_comes_back_after_the_shift_has_no_first_pass_in_the_next(shift: At) -> None:
    # From board 5 on: B comes back from repair; E (first in the period) to G, I and H are new.
    statistics = Statistics(*shift)
    next_shift = statistics.figures(START_US + 5 * MINUTE_US, START_US + 120 * MINUTE_US)
    assert (next_shift.first_pass_yield.count, next_shift.first_pass_yield.n) == (1, 4)
    assert next_shift.verdicts[Verdict.PASSED] == 2, "inspections are counted all the same"
    # Under another recipe it was another process step: there, nothing was before.
    another = statistics.figures(START_US + 5 * MINUTE_US, START_US + 120 * MINUTE_US, HistoryQuery(station="other"))
    assert another.first_pass_yield.n == 0
    statistics.close()


def test_boards_without_a_serial_number_are_units_of_their_own(at: At, store: Store) -> None:
    for number in range(4):
        inspection, end = board(number, *defects(number % 2))
        store.record(replace(inspection, serial=""), end)
    assert _figures(at).machine_yield.n == 4
    late = Statistics(*at).figures(START_US + 2 * MINUTE_US, START_US + 10 * MINUTE_US)
    assert (late.machine_yield.count, late.machine_yield.n) == (1, 2)


def test_other_recipes_are_left_out(shift: At) -> None:
    assert _figures(shift, query=HistoryQuery(recipes=("another",))).first_pass_yield.n == 0
    assert _figures(shift, query=HistoryQuery(recipes=("default",))).first_pass_yield.n == 9


def test_places_of_confirmed_defects(shift: At) -> None:
    places = Statistics(*shift).places(HistoryQuery())
    first, second = defects(2)[0].box, defects(2)[1].box
    expected = [((b[0] + b[2]) / 2, (b[1] + b[3]) / 2) for b in (first, first, first, second)]
    assert np.allclose(sorted(map(tuple, places.tolist())), sorted(expected))
    assert Statistics(*shift).places(HistoryQuery(recipes=("another",))).shape == (0, 2)
