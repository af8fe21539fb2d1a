"""A draft over recorded boards: what was not inspected does not pass by it."""

from __future__ import annotations

import pytest

from aoi_app.core.inspection import Verdict
from aoi_app.core.recipe import Recipe
from aoi_app.storage.history import History
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.store import Store
from aoi_app.storage.trial import try_recipe
from tests.storage.boards import board, changed
from tests.storage.places import At

BACKENDS = ("sqlite",)


@pytest.mark.parametrize(
    ("reason", "after"),
    [
        ("the engine failed: out of memory", Verdict.ERROR),
        ("The scan does not show the recipe's golden board: it is rotated by 4.00 degrees", Verdict.ERROR),
        ("the board is 64 px wide, the recipe expects 700; the engine failed: out of memory", Verdict.ERROR),
        ("the board is 64 px wide, the recipe expects 700", Verdict.PASSED),
        ("the board has 40 valid lines, the recipe expects at least 900", Verdict.PASSED),
    ],
)
def test_a_board_that_was_not_inspected_stays_an_error(at: At, store: Store, reason: str, after: Verdict) -> None:
    store.record(*changed(board(1), verdict=Verdict.ERROR, reason=reason))
    history = History(*at)
    trial = try_recipe(history.records(HistoryQuery()), Recipe(name="draft"))
    history.close()
    assert trial.after == {after: 1}
    assert len(trial.changed) == (after is not Verdict.ERROR)
