"""Alarms: the audit against what the table says of them, and of who answered them how."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from aoi_app.storage.following.follower import Difference, changed
from aoi_app.storage.schema import AlarmTable as A

if TYPE_CHECKING:
    from aoi_app.storage.audit import AuditEntry

RAISE, ACKNOWLEDGE = "raise alarm", "acknowledge alarm"

RAISED = ("at_us", "station", "rule", "what")
ANSWERED = ("acknowledged_us", "cause")
"""What the entries of an alarm repeat of it, under the names of the table."""

_STANDING: dict[str, Any] = {"acknowledged_us": None, "acknowledged_by": "", "cause": ""}


class RaisedAlarms:
    """Follows alarms and the answers to them: for each one the facts that entries gave, with the number of the last."""

    def __init__(self) -> None:
        self._told: dict[int, tuple[int, dict[str, Any]]] = {}

    def feed(self, entry: AuditEntry) -> None:
        """Take an entry."""
        if entry.act not in (RAISE, ACKNOWLEDGE):
            return
        key, told = int(entry.subject.split()[1]), json.loads(entry.detail)
        if entry.act == RAISE:
            facts = {fact: told[fact] for fact in RAISED} | _STANDING
        else:
            # An older program told neither that an alarm was raised nor when it was answered.
            facts = self._told.get(key, (0, {}))[1] | {"acknowledged_by": entry.who, "cause": told["cause"]}
            facts["acknowledged_us"] = told.get("acknowledged_us")
        self._told[key] = entry.seq, facts

    def differences(self, connection: Connection) -> Iterator[Difference]:
        """Yield the alarms that are not what was raised, or not answered as somebody did."""
        missing = dict(self._told)
        for row in connection.execute(select(*A.__table__.columns).order_by(A.id)).mappings():
            seq, told = missing.pop(row["id"], (None, _STANDING))
            for fact, expected in told.items():
                untold = fact == "acknowledged_us" and expected is None and told["acknowledged_by"]
                if row[fact] != expected and not untold:
                    yield seq, changed(f"alarm {row['id']}", f"{fact} {row[fact]!r}", f"{fact} {expected!r}")
        for key, (seq, _) in missing.items():
            yield seq, f"alarm {key} was raised and is not in the record any more"
