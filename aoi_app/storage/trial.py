"""What a draft recipe would have made of boards that were recorded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.detection import Detections
from aoi_app.core.inspection import Defect, Inspection, Judgement, ToGolden, Verdict, judge
from aoi_app.core.recipe import Recipe
from aoi_app.storage.history import BoardRecord

MOST_BOARDS = 300

_OF_SIZE = re.compile(r"the board (?:is|has) .+, the recipe (?:expects|allows) .+")
"""What `Recipe.size_problems` says."""

Progress = Callable[[int], bool]
"""Hears of how many boards were judged; False stops the trial."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A board that a draft would judge differently.

    Attributes
    ----------
    gone, new
        Defects that would no longer count, and that would count now.
    """

    board_id: str
    serial: str
    before: Verdict
    after: Verdict
    reason: str
    gone: tuple[Defect, ...]
    new: tuple[Defect, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """What would have changed.

    Attributes
    ----------
    boards
        Boards that were judged again.
    changed
        Those whose verdict or counting defects would differ, newest first.
    before, after
        Boards by verdict, as they were judged and as they would be.
    stopped
        It was ended before all boards were judged.
    """

    boards: int
    changed: tuple[Changed, ...]
    before: dict[Verdict, int] = field(default_factory=dict)
    after: dict[Verdict, int] = field(default_factory=dict)
    stopped: bool = False

    @property
    def now_passed(self) -> tuple[str, ...]:
        """Serial numbers of boards that failed and would pass."""
        return tuple(c.serial for c in self.changed if (c.before, c.after) == (Verdict.FAILED, Verdict.PASSED))

    @property
    def now_failed(self) -> tuple[str, ...]:
        """Serial numbers of boards that passed and would not."""
        return tuple(c.serial for c in self.changed if c.before is Verdict.PASSED and c.after is not Verdict.PASSED)

    @property
    def defects_less(self) -> int:
        """Defects that would no longer count."""
        return sum(len(c.gone) for c in self.changed)

    @property
    def defects_more(self) -> int:
        """Defects that would count now."""
        return sum(len(c.new) for c in self.changed)


def judged_again(record: BoardRecord, draft: Recipe) -> Judgement:
    """Judge what was recorded of a board by another recipe.

    Defects that were below the thresholds of their day were not recorded: a draft can only take some away, or count
    ones that were tolerated. Lower thresholds need the boards to be inspected again. A board that was `ERROR` for more
    than its size was not wholly seen or inspected, and stays so: no draft makes it pass.
    """
    if record.row.verdict not in (Verdict.PASSED, Verdict.FAILED) and not _only_its_size(record.row.reason):
        kept = tuple(d.defect for d in record.defects)
        return Judgement(record.row.verdict, record.row.reason, kept)
    names = tuple(dict.fromkeys(d.defect.defect_code for d in record.defects))
    found = Detections(
        np.array([d.defect.box for d in record.defects], np.float32).reshape(-1, 4),
        np.array([d.defect.confidence for d in record.defects], np.float32),
        np.array([names.index(d.defect.defect_code) for d in record.defects], np.int32),
    )
    inspection = record.inspection
    return judge(found, inspection.completeness, draft, names, inspection.width, _to_golden(inspection))


def _only_its_size(reason: str) -> bool:
    return all(_OF_SIZE.fullmatch(part) for part in reason.split("; "))


def try_recipe(records: Iterable[BoardRecord], draft: Recipe, progress: Progress = lambda done: True) -> Trial:
    """Return what a draft would have changed."""
    boards, changed, stopped = 0, [], False
    before: dict[Verdict, int] = {}
    after: dict[Verdict, int] = {}
    for record in records:
        boards += 1
        judged = judged_again(record, draft)
        old = record.row.verdict
        before[old] = before.get(old, 0) + 1
        after[judged.verdict] = after.get(judged.verdict, 0) + 1
        entry = _difference(record, judged)
        if entry is not None:
            changed.append(entry)
        if not progress(boards):
            stopped = True
            break
    return Trial(boards, tuple(changed), before, after, stopped)


def _difference(record: BoardRecord, judged: Judgement) -> Changed | None:
    counted = {_key(d.defect): d.defect for d in record.defects if d.defect.counts}
    counting = {_key(d): d for d in judged.defects if d.counts}
    gone = tuple(d for key, d in counted.items() if key not in counting)
    new = tuple(d for key, d in counting.items() if key not in counted)
    row = record.row
    if not gone and not new and row.verdict is judged.verdict:
        return None
    return Changed(row.board_id, row.serial, row.verdict, judged.verdict, judged.reason, gone, new)


def _key(defect: Defect) -> tuple[str, tuple[float, ...]]:
    return defect.defect_code, tuple(round(v, 1) for v in defect.box)


def _to_golden(inspection: Inspection) -> ToGolden | None:
    if inspection.registration is None:
        return None
    matrix = np.array(inspection.registration, np.float64).reshape(2, 3)
    back = np.linalg.inv(matrix[:, :2])

    def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((points - matrix[:, 2]) @ back.T, np.float64)

    return move
