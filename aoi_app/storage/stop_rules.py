"""Stop rules: when a process goes wrong, the line stops and somebody says why. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from aoi_app.core.inspection import Defect, Inspection, Verdict

HOUR_US = 3_600_000_000
_ROUNDING = 1e-9


class StopRules(BaseModel):
    """When to raise an alarm; None switches a rule off.

    Attributes
    ----------
    in_a_row
        Boards one after the other with the same defect at the same place.
    same_place_px
        Two boxes whose centres are no further apart are at the same place, where no component is named.
    min_first_pass_yield, yield_boards
        Least share of boards that pass within an hour, judged from so many boards on.
    max_reject_rate, reject_boards
        Largest share of failed boards among the last so many.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    in_a_row: Annotated[int, Field(ge=2)] | None = 3
    same_place_px: Annotated[float, Field(gt=0)] = 48.0
    min_first_pass_yield: Annotated[float, Field(gt=0, le=1)] | None = 0.90
    yield_boards: Annotated[int, Field(ge=1)] = 20
    max_reject_rate: Annotated[float, Field(ge=0, lt=1)] | None = 0.03
    reject_boards: Annotated[int, Field(ge=1)] = 100


@dataclass(frozen=True, slots=True)
class Alarm:
    """A stop rule that fired.

    Attributes
    ----------
    rule
        Name of the field of `StopRules` that was broken.
    what
        What was found and what is allowed.
    at_us
        UTC microseconds.
    defect
        The newest of the defects at one place, of the rule that looks for them.
    """

    rule: str
    what: str
    at_us: int
    defect: Defect | None = field(default=None, compare=False)


@dataclass
class StopMonitor:
    """Watches boards in order. One thread.

    After an alarm its rule counts anew: one cause raises one alarm, and an acknowledged one does not come back with the
    next board.
    """

    rules: StopRules = field(default_factory=StopRules)

    def __post_init__(self) -> None:
        self._runs: list[tuple[Defect, int]] = []
        self._hour: deque[tuple[int, bool]] = deque()
        self._last: deque[bool] = deque(maxlen=self.rules.reject_boards)

    def feed(self, inspection: Inspection) -> list[Alarm]:
        """Take the next board and return the alarms that it raises; `ERROR` says nothing of the product."""
        return self.recall(inspection.verdict, inspection.ended_ns // 1000, inspection.defects)

    def recall(self, verdict: Verdict, at_us: int, defects: Sequence[Defect]) -> list[Alarm]:
        """Take a board of which no more is known than this: as `feed`."""
        if verdict not in (Verdict.PASSED, Verdict.FAILED):
            return []
        passed = verdict is Verdict.PASSED
        what, defect = self._same_place([d for d in defects if d.counts])
        found = (
            ("in_a_row", what, defect),
            ("min_first_pass_yield", self._first_pass_yield(at_us, passed), None),
            ("max_reject_rate", self._reject_rate(passed), None),
        )
        return [Alarm(rule, what, at_us, defect) for rule, what, defect in found if what]

    def one_cause(self, one: Alarm, other: Alarm) -> bool:
        """Tell whether two alarms say the same: of one rule, and of one place where the rule is about places."""
        if one.rule != other.rule or one.what == other.what:
            return one.rule == other.rule
        if one.defect is None or other.defect is None:
            return one.rule != "in_a_row"  # of a place of which no more is known than its words, these decide
        return self._same(one.defect, other.defect)

    def forget(self, rule: str) -> None:
        """Let a rule count anew, as it does after an alarm."""
        counts = {
            "in_a_row": self._runs.clear,
            "min_first_pass_yield": self._hour.clear,
            "max_reject_rate": self._last.clear,
        }
        counts[rule]()

    def _same_place(self, defects: list[Defect]) -> tuple[str, Defect | None]:
        runs: list[tuple[Defect, int]] = []
        for defect in defects:
            before = max((n for other, n in self._runs if self._same(defect, other)), default=0)
            runs.append((defect, before + 1))
        self._runs = runs
        limit = self.rules.in_a_row
        worst = max(runs, key=lambda run: run[1], default=None)
        if limit is None or worst is None or worst[1] < limit:
            return "", None
        self._runs = []
        defect, n = worst
        x, y = _centre(defect)
        place = defect.component or defect.region or f"x {x:.0f}, y {y:.0f} px"
        return f"{defect.defect_code} at {place} on {n} boards in a row", defect

    def _same(self, one: Defect, other: Defect) -> bool:
        if one.defect_code != other.defect_code:
            return False
        if one.component or other.component:
            return one.component == other.component
        (x1, y1), (x2, y2) = _centre(one), _centre(other)
        return max(abs(x1 - x2), abs(y1 - y2)) <= self.rules.same_place_px

    def _first_pass_yield(self, now: int, passed: bool) -> str:
        self._hour.append((now, passed))
        while self._hour and self._hour[0][0] <= now - HOUR_US:
            self._hour.popleft()
        limit, n = self.rules.min_first_pass_yield, len(self._hour)
        good = sum(ok for _, ok in self._hour)
        if limit is None or n < self.rules.yield_boards or good >= limit * n - _ROUNDING:
            return ""
        self._hour.clear()
        return (
            f"{good} of {n} boards within an hour passed ({100 * good / n:.1f} %), at least {100 * limit:g} % expected"
        )

    def _reject_rate(self, passed: bool) -> str:
        self._last.append(not passed)
        limit, n, bad = self.rules.max_reject_rate, len(self._last), sum(self._last)
        if limit is None or n < self.rules.reject_boards or bad <= limit * n + _ROUNDING:
            return ""
        self._last.clear()
        return f"{bad} of the last {n} boards rejected ({100 * bad / n:.1f} %), at most {100 * limit:g} % allowed"


def _centre(defect: Defect) -> tuple[float, float]:
    """Return where a defect is on the golden board, or on the scan where that was not registered."""
    x1, y1, x2, y2 = defect.box
    return defect.place or ((x1 + x2) / 2, (y1 + y2) / 2)
