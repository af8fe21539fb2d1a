"""Acknowledged alarms: the audit against what the table says of cause and person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from aoi_app.storage.following.follower import Difference, changed
from aoi_app.storage.schema import AlarmTable as A

if TYPE_CHECKING:
    from aoi_app.storage.audit import AuditEntry

ACKNOWLEDGE = "acknowledge alarm"


class Acknowledged:
    """Follows the answers to alarms."""

    def __init__(self) -> None:
        self._told: dict[int, tuple[int, str, str]] = {}

    def feed(self, entry: AuditEntry) -> None:
        """Take an entry."""
        if entry.act == ACKNOWLEDGE:
            self._told[int(entry.subject.split()[1])] = entry.seq, entry.who, str(json.loads(entry.detail)["cause"])

    def differences(self, connection: Connection) -> Iterator[Difference]:
        """Yield the alarms whose answer is not what somebody gave."""
        missing = dict(self._told)
        statement = select(A.id, A.acknowledged_us, A.acknowledged_by, A.cause).order_by(A.id)
        for key, when, by, cause in connection.execute(statement):
            seq, who, why = missing.pop(key, (None, "", ""))
            if (by, cause, when is None) != (who, why, seq is None):
                yield seq, changed(f"the answer to alarm {key}", f"{cause!r} ({by})", f"{why!r} ({who})")
        for key, (seq, _, _) in missing.items():
            yield seq, f"alarm {key}, which somebody acknowledged, is not in the record any more"
