"""Revisions of recipes: the audit against the recipe book."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from aoi_app.storage.following.follower import Difference, changed
from aoi_app.storage.schema import RecipeTable as R

if TYPE_CHECKING:
    from aoi_app.storage.audit import AuditEntry

SAVE_RECIPE = "save recipe"

FACTS = ("saved_us", "saved_by", "comment")
"""What an entry tells of a revision besides its hash, under the names of the table."""


class Recipes:
    """Follows what was saved."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, int], tuple[int, dict[str, Any]]] = {}
        self._since_us: int | None = None

    def feed(self, entry: AuditEntry) -> None:
        """Take an entry."""
        if self._since_us is None:
            self._since_us = entry.at_us
        if entry.act == SAVE_RECIPE:
            name, _, revision = entry.subject.removeprefix("recipe ").rpartition(", revision ")
            self._told[name, int(revision)] = entry.seq, {**json.loads(entry.detail), "saved_by": entry.who}

    def differences(self, connection: Connection) -> Iterator[Difference]:
        """Yield the revisions that are not what was saved."""
        missing = dict(self._told)
        statement = select(R.name, R.revision, R.body, R.sha256, *(getattr(R, fact) for fact in FACTS)).order_by(R.id)
        for name, revision, body, sha256, *facts in connection.execute(statement):
            seq, told = missing.pop((name, revision), (None, {}))
            saved_us = facts[0]
            if seq is None:
                # A record may be older than its audit.
                if self._since_us is not None and saved_us >= self._since_us:
                    yield None, f"{_what(name, revision)} is in the record and not in the audit: it was put in by hand"
                continue
            if not sha256 == hashlib.sha256(body.encode()).hexdigest() == told["sha256"]:
                yield seq, f"{_what(name, revision)} is not what was saved: it was changed by hand"
            for fact, value in zip(FACTS, facts, strict=True):
                if value != told.get(fact, value):  # an older program said less
                    yield seq, changed(_what(name, revision), f"{fact} {value}", f"{fact} {told[fact]}")
        for (name, revision), (seq, _) in missing.items():
            yield seq, f"{_what(name, revision)} was saved and is not in the record any more"


def _what(name: str, revision: int) -> str:
    return f"revision {revision} of recipe {name!r}"
