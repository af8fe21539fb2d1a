"""What a draft recipe would have made of boards that were recorded. Pure but for the reading."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from aoi_app.core.detection import Detections
from aoi_app.core.inspection import Judgement, Verdict, judge
from aoi_app.core.recipe import Recipe
from aoi_app.storage.history import BoardRecord

MOST_BOARDS = 300


@dataclass(frozen=True, slots=True)
class Trial:
    """What would have changed.

    Attributes
    ----------
    boards
        Boards that were judged again.
    now_passed, now_failed
        Boards that failed and would pass; that passed and would fail.
    defects_less, defects_more
        Defects that would no longer count, and that would count now.
    """

    boards: int
    now_passed: tuple[str, ...]
    now_failed: tuple[str, ...]
    defects_less: int
    defects_more: int


def judged_again(record: BoardRecord, draft: Recipe) -> Judgement:
    """Judge what was recorded of a board by another recipe.

    Defects that were below the thresholds of their day were not recorded: a draft can only take some away, or count
    ones that were tolerated. Lower thresholds need the boards to be inspected again.
    """
    names = tuple(dict.fromkeys(d.defect.defect_code for d in record.defects))
    found = Detections(
        np.array([d.defect.box for d in record.defects], np.float32).reshape(-1, 4),
        np.array([d.defect.confidence for d in record.defects], np.float32),
        np.array([names.index(d.defect.defect_code) for d in record.defects], np.int32),
    )
    inspection = record.inspection
    return judge(found, inspection.completeness, draft, names, inspection.width)


def try_recipe(records: Iterable[BoardRecord], draft: Recipe) -> Trial:
    """Return what a draft would have changed."""
    boards = less = more = 0
    now_passed, now_failed = [], []
    for record in records:
        boards += 1
        after = judged_again(record, draft)
        before, count = record.row.verdict, sum(d.defect.counts for d in record.defects)
        counting = sum(d.counts for d in after.defects)
        less, more = less + max(0, count - counting), more + max(0, counting - count)
        if before is Verdict.FAILED and after.verdict is Verdict.PASSED:
            now_passed.append(record.row.serial)
        elif before is Verdict.PASSED and after.verdict is not Verdict.PASSED:
            now_failed.append(record.row.serial)
    return Trial(boards, tuple(now_passed), tuple(now_failed), less, more)
