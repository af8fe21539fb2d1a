"""People: who they are, what they may do, and how they prove it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, insert, select, update

from aoi_app.core.errors import AoiError, BackendMissing
from aoi_app.storage.audit import append
from aoi_app.storage.clock import now_us
from aoi_app.storage.database import Place, connect, reading
from aoi_app.storage.faults import explained
from aoi_app.storage.following.people import (
    ACTIVATE,
    CHANGE_SECRET,
    CREATE,
    DEACTIVATE,
    LOG_IN,
    MAKE,
    secret_mark,
)
from aoi_app.storage.migrate import prepare
from aoi_app.storage.schema import AccountTable as A

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST_SECRET = 4
MOST_FAILURES = 5
LOCKED_S = 60
"""A PIN has ten thousand values: five wrong ones a minute make guessing take longer than anybody stays unseen."""


class Role(str, Enum):
    """What a person is here for; each role may do what the ones before it may."""

    OPERATOR = "operator"
    ENGINEER = "engineer"
    ADMINISTRATOR = "administrator"


class Right(str, Enum):
    """What somebody may be allowed to do."""

    REVIEW = "review boards"
    ACKNOWLEDGE = "acknowledge alarms"
    EDIT_RECIPES = "edit recipes"
    CHANGE_SETTINGS = "change settings"
    CHANGE_ENGINE = "change the engine"
    MANAGE_ACCOUNTS = "manage accounts"
    RESTORE = "restore a backup"


_ADDED_RIGHTS = {
    Role.OPERATOR: {Right.REVIEW, Right.ACKNOWLEDGE},
    Role.ENGINEER: {Right.EDIT_RECIPES, Right.CHANGE_SETTINGS, Right.CHANGE_ENGINE},
    Role.ADMINISTRATOR: {Right.MANAGE_ACCOUNTS, Right.RESTORE},
}


class AccessDenied(AoiError):
    """Somebody is not who they say, or may not do what they want to."""


def rights_of(role: Role) -> frozenset[Right]:
    """Return everything that a role may do."""
    upto = list(Role)[: list(Role).index(role) + 1]
    return frozenset().union(*(_ADDED_RIGHTS[r] for r in upto))


@dataclass(frozen=True, slots=True)
class Account:
    """A person known to the station."""

    name: str
    role: Role
    active: bool = True

    def may(self, right: Right) -> bool:
        """Tell whether the person may do something."""
        return self.active and right in rights_of(self.role)

    def require(self, right: Right) -> None:
        """Raise AccessDenied unless the person may do it."""
        if not self.may(right):
            least = next(r for r in Role if right in rights_of(r))
            raise AccessDenied(
                f"{self.name} may not {right.value}.", f"Let somebody log in who is {least.value} at least."
            )


@dataclass(frozen=True, slots=True)
class IdleLogout:
    """When somebody who went away is logged out: never during an open board.

    Attributes
    ----------
    after_s
        Seconds without a key, a touch or a move of the mouse.
    """

    after_s: float = 900.0

    def due(self, idle_s: float, board_open: bool) -> bool:
        """Tell whether it is time."""
        return idle_s >= self.after_s and not board_open


class Accounts:
    """The accounts of a record. PINs and passwords are kept as argon2 hashes only; every change is in the audit."""

    def __init__(self, folder: Path, url: str = "") -> None:
        self._place = Place(folder, url)
        self._hasher = _hasher()
        prepare(self._place)
        self._database = connect(self._place)

    def all(self) -> tuple[Account, ...]:
        """Return everybody, by name."""
        with self._reading() as connection:
            rows = connection.execute(select(A.name, A.role, A.active).order_by(A.name))
            return tuple(Account(name, Role(role), active) for name, role, active in rows)

    def create_first(self, name: str, secret: str) -> Account:
        """Make the first administrator. Raises AccessDenied when there is one."""
        with self._writing() as connection:
            if _administrators(connection):
                raise AccessDenied("There is an administrator already.", "Let them make your account.")
            return self._create(connection, name, secret, Role.ADMINISTRATOR, name)

    def create(self, by: Account, name: str, secret: str, role: Role) -> Account:
        """Make an account."""
        by.require(Right.MANAGE_ACCOUNTS)
        with self._writing() as connection:
            return self._create(connection, name, secret, role, by.name)

    def log_in(self, name: str, secret: str) -> Account:
        """Return who proved to be `name`.

        Raises
        ------
        AccessDenied
            No such person, a wrong secret, or too many wrong ones; which of the first two is not said.
        """
        now = now_us()
        with self._writing() as connection:
            row = (
                connection.execute(select(*A.__table__.columns).where(A.name == name).with_for_update())
                .mappings()
                .first()
            )
            if row is not None and row["locked_until_us"] > now:
                wait = (row["locked_until_us"] - now) / 1e6
                denied = AccessDenied(f"Too many wrong entries for {name}.", f"Try again in {wait:.0f} seconds.")
            elif row is not None and row["active"] and self._matches(row["secret"], secret):
                values: dict[str, Any] = {"failures": 0, "locked_until_us": 0}
                if self._hasher.check_needs_rehash(row["secret"]):
                    values["secret"] = self._hasher.hash(secret)
                connection.execute(update(A).where(A.id == row["id"]).values(values))
                marked = {"secret": secret_mark(values["secret"])} if "secret" in values else None
                append(connection, name, LOG_IN, "", marked)
                return Account(name, Role(row["role"]))
            else:
                denied = AccessDenied("Name or PIN is not right.", "Try again, or ask an administrator.")
                if row is not None:
                    self._count_failure(connection, row, now)
                else:
                    self._hasher.hash(secret)  # takes as long as for somebody who is known
        raise denied

    def log_out(self, account: Account, why: str = "") -> None:
        """Note that somebody left."""
        with self._writing() as connection:
            append(connection, account.name, "log out", "", {"why": why} if why else None)

    def change_secret(self, by: Account, name: str, secret: str) -> None:
        """Give somebody a new PIN or password: oneself, or anybody as administrator."""
        if by.name != name:
            by.require(Right.MANAGE_ACCOUNTS)
        self._change(by, name, CHANGE_SECRET, secret=self._hashed(secret), failures=0, locked_until_us=0)

    def change_role(self, by: Account, name: str, role: Role) -> None:
        """Make somebody something else."""
        by.require(Right.MANAGE_ACCOUNTS)
        self._change(by, name, f"{MAKE} {role.value}", role=role.value)

    def set_active(self, by: Account, name: str, active: bool) -> None:
        """Let somebody in no longer, or again; accounts are never deleted, because the record names them."""
        by.require(Right.MANAGE_ACCOUNTS)
        self._change(by, name, ACTIVATE if active else DEACTIVATE, active=active)

    def note(self, who: str, act: str, subject: str, detail: Mapping[str, Any] | None = None) -> None:
        """Put a privileged act into the audit that is not done in the database, such as a change of settings."""
        with self._writing() as connection:
            append(connection, who, act, subject, detail)

    def close(self) -> None:
        """Let go of the database."""
        self._database.dispose()

    def _change(self, by: Account, name: str, act: str, **values: Any) -> None:
        with self._writing() as connection:
            if connection.execute(update(A).where(A.name == name).values(values)).rowcount == 0:
                raise AccessDenied(f"There is no account {name!r}.", "Choose one from the list.")
            if _administrators(connection) == 0:
                raise AccessDenied("Nobody would be administrator any more.", "Make somebody else administrator first.")
            marked = {"secret": secret_mark(values["secret"])} if "secret" in values else None
            append(connection, by.name, act, f"account {name}", marked)

    def _create(self, connection: Connection, name: str, secret: str, role: Role, by: str) -> Account:
        name = name.strip()
        if not name or len(name) > 80:
            raise AccessDenied(f"A name has 1 to 80 characters, this one {len(name)}.", "Choose another one.")
        if connection.execute(select(A.id).where(func.lower(A.name) == name.lower())).first():
            raise AccessDenied(f"There is an account {name!r} already.", "Choose another name.")
        row = {
            "name": name,
            "role": role.value,
            "secret": self._hashed(secret),
            "active": True,
            "created_us": now_us(),
            "failures": 0,
            "locked_until_us": 0,
        }
        connection.execute(insert(A), row)
        marked = {"secret": secret_mark(str(row["secret"]))}
        append(connection, by, f"{CREATE} {role.value}", f"account {name}", marked)
        return Account(name, role)

    def _count_failure(self, connection: Connection, row: Any, now: int) -> None:
        failures = row["failures"] + 1
        locked = now + LOCKED_S * 1_000_000 if failures >= MOST_FAILURES else 0
        failures = 0 if locked else failures
        connection.execute(update(A).where(A.id == row["id"]).values(failures=failures, locked_until_us=locked))
        append(connection, row["name"], "refused log in", f"account {row['name']}", {"locked": bool(locked)})

    def _hashed(self, secret: str) -> str:
        if len(secret) < SHORTEST_SECRET:
            raise AccessDenied(
                f"A PIN or password has at least {SHORTEST_SECRET} characters, this one {len(secret)}.",
                "Choose a longer one.",
            )
        return self._hasher.hash(secret)

    def _matches(self, hashed: str, secret: str) -> bool:
        from argon2.exceptions import InvalidHashError, VerificationError

        try:
            return self._hasher.verify(hashed, secret)
        except (VerificationError, InvalidHashError):
            return False

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with explained(self._place.name, self._place.folder), reading(self._database) as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with explained(self._place.name, self._place.folder), self._database.begin() as connection:
            yield connection


def _administrators(connection: Connection) -> int:
    active = select(func.count()).select_from(A).where(A.role == Role.ADMINISTRATOR.value, A.active)
    return connection.execute(active).scalar_one()


def _hasher() -> PasswordHasher:
    try:
        from argon2 import PasswordHasher
    except ModuleNotFoundError as error:
        raise BackendMissing("Accounts need the argon2 library.", "Run: pip install argon2-cffi") from error
    return PasswordHasher()
