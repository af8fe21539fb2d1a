"""Reviewers' decisions: the audit against the defects and the table of verifications."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from aoi_app.core.inspection import Verification
from aoi_app.storage.clock import iso
from aoi_app.storage.following.follower import BATCH, Difference, changed
from aoi_app.storage.schema import DefectTable as D
from aoi_app.storage.schema import VerificationTable as V

if TYPE_CHECKING:
    from aoi_app.storage.audit import AuditEntry

VERIFY = "verify defect"
"""Act of a reviewer's decision; its subject is `defect <id>`, its detail says the state before and after."""

FACTS = ("at_us", "seconds", "before", "before_reviewer", "before_us")
"""What an entry repeats of its row in the table of verifications, under the same names."""

_OPEN = Verification.NOT_VERIFIED_YET.value


@dataclass(slots=True)
class _Decision:
    seq: int
    reviewer: str
    after: str
    facts: dict[str, Any]
    undone: bool = False


@dataclass(slots=True)
class _Told:
    """What the audit says of one defect; `seconds` is None when an entry of an older program did not say."""

    decisions: list[_Decision] = field(default_factory=list)
    seconds: float | None = 0.0
    seq: int = 0

    @property
    def last(self) -> _Decision | None:
        """The last decision that stands."""
        return next((d for d in reversed(self.decisions) if not d.undone), None)


class Decisions:
    """Follows the decisions on every defect."""

    def __init__(self) -> None:
        self._told: dict[int, _Told] = {}

    def feed(self, entry: AuditEntry) -> None:
        """Take an entry."""
        if entry.act != VERIFY:
            return
        detail = json.loads(entry.detail)
        told = self._told.setdefault(int(entry.subject.split()[1]), _Told())
        told.seq = entry.seq
        told.seconds = None if told.seconds is None or "seconds" not in detail else told.seconds + detail["seconds"]
        if detail.get("how") != "undo":
            # An older program said less of a decision.
            facts = {fact: detail[fact] for fact in FACTS if fact in detail}
            told.decisions.append(_Decision(entry.seq, entry.who, str(detail["after"]), facts))
        elif told.last is not None:
            told.last.undone = True

    def differences(self, connection: Connection) -> Iterator[Difference]:
        """Yield the defects and the verifications that the audit tells otherwise."""
        yield from self._defects(connection)
        yield from self._verifications(connection)

    def _defects(self, connection: Connection) -> Iterator[Difference]:
        missing = set(self._told)
        statement = select(D.id, D.verification, D.reviewer, D.review_s, D.verified_us)
        for key, state, reviewer, seconds, when in connection.execution_options(yield_per=BATCH).execute(statement):
            missing.discard(key)
            told = self._told.get(key, _Told())
            found, expected = _by(state, reviewer), _standing(told.last)
            if found != expected:
                yield told.seq or None, changed(f"defect {key}", found, expected)
            elif told.seconds is not None and not math.isclose(seconds, told.seconds, abs_tol=1e-6):
                looked, said = f"{seconds:.3f} s under review", f"{told.seconds:.3f} s"
                yield told.seq or None, changed(f"defect {key}", looked, said)
            elif when != (decided := _when(told.last, when)):
                yield told.seq or None, changed(f"defect {key}", f"decided {_moment(when)}", _moment(decided))
        for key in missing:
            yield self._told[key].seq, f"defect {key}, on which somebody decided, is not in the record any more"

    def _verifications(self, connection: Connection) -> Iterator[Difference]:
        taken: dict[int, int] = {}
        columns = (V.id, V.defect_id, V.reviewer, V.after, V.undone, *(getattr(V, fact) for fact in FACTS))
        rows = connection.execution_options(yield_per=BATCH).execute(select(*columns).order_by(V.id))
        for key, defect, reviewer, after, undone, *facts in rows:
            decisions, n = self._told.get(defect, _Told()).decisions, taken.get(defect, 0)
            what = f"verification {key} of defect {defect}"
            if n >= len(decisions):
                yield None, f"{what} is in the record and not in the audit: it was put in by hand"
                continue
            told, taken[defect] = decisions[n], n + 1
            if (reviewer, after, undone) != (told.reviewer, told.after, told.undone):
                found, expected = _by(after, reviewer, undone), _by(told.after, told.reviewer, told.undone)
                yield told.seq, changed(what, found, expected)
                continue
            for fact, value in zip(FACTS, facts, strict=True):
                if value != told.facts.get(fact, value):
                    yield told.seq, changed(what, f"{fact} {value}", f"{fact} {told.facts[fact]}")
        for defect, of in self._told.items():
            for lost in of.decisions[taken.get(defect, 0) :]:
                yield lost.seq, f"a verification of defect {defect} is not in the record any more"


def _standing(decision: _Decision | None) -> str:
    return _OPEN if decision is None else _by(decision.after, decision.reviewer)


def _when(decision: _Decision | None, found: int | None) -> int | None:
    """Return when the decision that stands was made, in microseconds; as found where an older program did not say."""
    return None if decision is None else decision.facts.get("at_us", found)


def _moment(us: int | None) -> str:
    return "never" if us is None else iso(us)


def _by(state: str, reviewer: str, undone: bool = False) -> str:
    return state + (f" by {reviewer}" if reviewer else "") + (", undone" if undone else "")
