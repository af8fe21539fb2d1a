"""Accounts: the audit against who may do what, is let in, and with which PIN or password."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from aoi_app.storage.following.follower import Difference, changed
from aoi_app.storage.schema import AccountTable as A

if TYPE_CHECKING:
    from aoi_app.storage.audit import AuditEntry

LOG_IN, CHANGE_SECRET = "log in", "change secret"
CREATE, MAKE = "create", "make"
ACTIVATE, DEACTIVATE = "activate account", "deactivate account"


def secret_mark(secret: str) -> str:
    """Return the hash of an account's argon2 hash: shows later that it was exchanged, and helps nobody to guess."""
    return hashlib.sha256(secret.encode()).hexdigest()


class People:
    """Follows accounts: for each name the facts that entries gave, with the number of the entry."""

    def __init__(self) -> None:
        self._told: dict[str, dict[str, tuple[int, Any]]] = {}

    def feed(self, entry: AuditEntry) -> None:
        """Take an entry."""
        name = entry.who if entry.act == LOG_IN else entry.subject.removeprefix("account ")
        verb, _, role = entry.act.partition(" ")
        facts: dict[str, Any] = {}
        if entry.act in (ACTIVATE, DEACTIVATE):
            facts["active"] = entry.act == ACTIVATE
        elif verb in (CREATE, MAKE) and entry.subject.startswith("account "):
            facts["role"] = role
            facts |= {"active": True, "made": True} if verb == CREATE else {}
        elif entry.act not in (LOG_IN, CHANGE_SECRET):
            return
        detail = json.loads(entry.detail)
        if entry.act == CHANGE_SECRET or "secret" in detail:
            facts["secret"] = detail.get("secret")  # an older program did not say
        self._told.setdefault(name, {}).update({fact: (entry.seq, value) for fact, value in facts.items()})

    def differences(self, connection: Connection) -> Iterator[Difference]:
        """Yield the accounts that are not as the audit says."""
        missing = {name: facts for name, facts in self._told.items() if "made" in facts}
        for name, role, active, secret in connection.execute(select(A.name, A.role, A.active, A.secret).order_by(A.id)):
            told, what = missing.pop(name, None), f"the account of {name!r}"
            if told is None:
                yield None, f"{what} is in the record and not in the audit: it was put in by hand"
                continue
            for fact, found in (("role", role), ("active", active)):
                seq, expected = told[fact]
                if found != expected:
                    yield seq, changed(what, f"{fact} {found}", f"{fact} {expected}")
            seq, mark = told.get("secret", (0, None))
            if mark is not None and mark != secret_mark(secret):
                yield seq, f"{what} has another PIN or password than the one that was set: it was changed by hand"
        for name, told in missing.items():
            yield told["made"][0], f"the account of {name!r} is not in the record any more"
