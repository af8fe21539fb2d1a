"""What a follower of the audit does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import Connection

if TYPE_CHECKING:
    from aoi_app.storage.audit import AuditEntry

BATCH = 2_000
"""Rows that are read at a time."""

Difference = tuple[int | None, str]
"""Number of the entry that says otherwise, None when no entry speaks of it; and what does not fit."""


class Follower(Protocol):
    """Is fed every entry of a chain in order, then compares what they tell with the tables."""

    def feed(self, entry: AuditEntry) -> None:
        """Take an entry. Raises KeyError, TypeError or ValueError for one that this program never wrote."""
        ...

    def differences(self, connection: Connection) -> Iterator[Difference]:
        """Yield what does not fit."""
        ...


def changed(what: str, found: str, expected: str) -> str:
    """Say that a row is not what the audit tells."""
    return f"{what} is {found} in the record and {expected} in the audit: it was changed by hand"
