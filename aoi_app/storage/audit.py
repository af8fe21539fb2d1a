"""The audit: what people did, in a chain of hashes that breaks where somebody changes it by hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from aoi_app.core.errors import StoreError
from aoi_app.storage.clock import iso, now_us
from aoi_app.storage.database import Place, connect, reading
from aoi_app.storage.faults import explained
from aoi_app.storage.following.alarms import RaisedAlarms
from aoi_app.storage.following.decisions import Decisions
from aoi_app.storage.following.follower import Follower
from aoi_app.storage.following.people import People
from aoi_app.storage.following.recipes import Recipes
from aoi_app.storage.schema import AuditHeadTable, AuditTable

BEGINNING = "0" * 64
FOLLOWERS: tuple[Callable[[], Follower], ...] = (Decisions, Recipes, People, RaisedAlarms)

_BATCH = 2_000


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One act: who did what to which thing, when (UTC microseconds), with particulars as JSON."""

    seq: int
    at_us: int
    who: str
    act: str
    subject: str
    detail: str
    previous: str
    hash: str

    def expected_hash(self) -> str:
        """Return the hash that these facts and the entry before give."""
        facts = [self.seq, self.at_us, self.who, self.act, self.subject, self.detail, self.previous]
        return hashlib.sha256(json.dumps(facts, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class AuditProof:
    """What verifying the chain gave.

    Attributes
    ----------
    entries
        Entries that were read.
    head
        Hash of the last good entry; written down elsewhere, it proves later that nothing before it was changed.
    broken
        Number of the first broken link; None when the chain is whole.
    why
        What is wrong there.
    """

    entries: int
    head: str
    broken: int | None = None
    why: str = ""


def append(connection: Connection, who: str, act: str, subject: str, detail: Mapping[str, Any] | None = None) -> None:
    """Add an entry in the caller's transaction: the act and its trace are written together or not at all.

    It is the last thing a transaction does, because the lock on the head is held until its end.
    """
    head = connection.execute(select(AuditHeadTable.seq, AuditHeadTable.hash).with_for_update()).one()
    text = json.dumps(detail or {}, ensure_ascii=False, sort_keys=True)
    entry = AuditEntry(head.seq + 1, now_us(), who, act, subject, text, head.hash, "")
    digest = entry.expected_hash()
    values = {name: getattr(entry, name) for name in AuditEntry.__slots__}
    connection.execute(insert(AuditTable), {**values, "hash": digest})
    connection.execute(update(AuditHeadTable).values(seq=entry.seq, hash=digest))


def note(place: Place, who: str, act: str, subject: str, detail: Mapping[str, Any] | None = None) -> None:
    """Add an entry for an act that is not done in the database, in a transaction of its own. Raises StoreError."""
    engine = connect(place)
    try:
        with explained(place.name, place.folder), engine.begin() as connection:
            append(connection, who, act, subject, detail)
    finally:
        engine.dispose()


def last_hash(place: Place) -> str:
    """Return the hash of the last entry, unverified; empty where there is no record, or none that can be read."""
    if place.file is not None and not place.file.exists():
        return ""
    engine = connect(place, read_only=True)
    try:
        with reading(engine) as connection:
            return str(connection.execute(select(AuditHeadTable.hash)).scalar() or "")
    except SQLAlchemyError:  # often the very reason for bringing a backup back
        return ""
    finally:
        engine.dispose()


class Audit:
    """Reads and verifies the audit of a record; safe from any thread."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._database = connect(place, read_only=True)

    def entries(self, after: int = 0) -> Iterator[AuditEntry]:
        """Yield the entries numbered above `after`, in order."""
        with explained(self._place.name), reading(self._database) as connection:
            yield from _entries(connection, after)

    def verify(self, noted_head: str = "") -> AuditProof:
        """Follow the chain from its beginning, and compare with it what it tells of other tables.

        Parameters
        ----------
        noted_head
            `head` of an earlier proof; it must be found on the way.
        """
        # One connection: chain, head and defects of one moment, while others go on reviewing.
        with explained(self._place.name), reading(self._database) as connection:
            return _verify(connection, noted_head)

    def close(self) -> None:
        """Let go of the database."""
        self._database.dispose()


def _entries(connection: Connection, after: int) -> Iterator[AuditEntry]:
    columns = [getattr(AuditTable, name) for name in AuditEntry.__slots__]
    while True:
        statement = select(*columns).where(AuditTable.seq > after).order_by(AuditTable.seq).limit(_BATCH)
        rows = [AuditEntry(*row) for row in connection.execute(statement)]
        yield from rows
        if len(rows) < _BATCH:
            return
        after = rows[-1].seq


def _verify(connection: Connection, noted_head: str) -> AuditProof:
    last, number = BEGINNING, 0
    noted = not noted_head or noted_head == BEGINNING
    followers = [follower() for follower in FOLLOWERS]
    for entry in _entries(connection, 0):
        if why := _broken(entry, number + 1, last) or _unreadable(entry, followers):
            return AuditProof(number, last, number + 1, why)
        last, number = entry.hash, entry.seq
        noted = noted or last == noted_head
    head = connection.execute(select(AuditHeadTable.seq, AuditHeadTable.hash)).first()
    if head is None or (head.seq, head.hash) != (number, last):
        known = "its head is gone" if head is None else f"the last one that was written is entry {head.seq}"
        why = f"it ends with entry {number}, but {known}: the end was cut off or put in"
        return AuditProof(number, last, number + 1, why)
    if not noted:
        return AuditProof(number, last, 1, f"the noted hash {noted_head} is nowhere in it: it was written anew")
    found = [(seq or number + 1, why) for f in followers for seq, why in f.differences(connection)]
    proof = AuditProof(number, last)
    return proof if not found else replace(proof, broken=min(found)[0], why=min(found)[1])


def _unreadable(entry: AuditEntry, followers: Sequence[Follower]) -> str:
    """Let all followers take an entry; say what is wrong when one cannot."""
    try:
        for follower in followers:
            follower.feed(entry)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        return f"entry {entry.seq} ({entry.act}) is not as this program writes it ({error!r})"
    return ""


def _broken(entry: AuditEntry, number: int, previous: str) -> str:
    """Say what is wrong with an entry that should be the next one; empty when nothing is."""
    if entry.seq != number:
        return f"entry {number} is missing; the next one is {entry.seq} of {iso(entry.at_us)}"
    if entry.previous != previous:
        return f"entry {entry.seq} does not follow the one before it: one of them was put in or written anew"
    if entry.hash != entry.expected_hash():
        return f"entry {entry.seq} of {iso(entry.at_us)} by {entry.who!r} ({entry.act}) was changed"
    return ""


def require_whole(proof: AuditProof) -> None:
    """Raise StoreError when the chain is broken."""
    if proof.broken is not None:
        raise StoreError(
            f"The audit is broken at entry {proof.broken}: {proof.why}.",
            "Keep this database as it is, compare it with the newest backup, and find out who could write to it.",
        )
