"""From what a disk or a database says to what a person is told."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from aoi_app.core.errors import DatabaseLocked, DiskFull, StoreError

LOW_SPACE = 4 << 20
"""Bytes below which an unexplained write error is put down to a full disk."""

_NO_SPACE = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
_NO_RIGHT = {errno.EACCES, errno.EPERM, errno.EROFS}

_FREE_SPACE = "Free space there or move the data folder, then start again: what was recorded is safe."
_CLOSE_OTHER = "Close the program that holds it, then start again: what was recorded is safe."
_GIVE_RIGHT = (
    "Let the account that runs the station write there (the file, those beside it and the folder), then start again."
)
_ASK_SERVER = "See that the server runs, and that the database URL names its host and port: what was recorded is safe."
_COME_BACK = "Go on when the server runs again: what was recorded is safe."
_NAME_IN_URL = "Correct the database URL in the settings, or have the name made known to the server."
_RESTORE = "Restore the newest backup; keep the broken file for analysis."

# What a database says (a piece of its message, or PostgreSQL's SQLSTATE) -> the error, and what to tell.
_DATABASE_SAYS: tuple[tuple[str, type[StoreError], str, str], ...] = (
    ("database or disk is full", DiskFull, "The disk of the database is full", _FREE_SPACE),
    ("53100", DiskFull, "The disk of the database server is full", _FREE_SPACE),
    ("database is locked", DatabaseLocked, "Another program holds the database", _CLOSE_OTHER),
    ("database table is locked", DatabaseLocked, "Another program holds the database", _CLOSE_OTHER),
    ("55P03", DatabaseLocked, "Another program holds the rows", _CLOSE_OTHER),
    ("readonly database", DatabaseLocked, "The database may not be written", _GIVE_RIGHT),
    ("25006", DatabaseLocked, "The database may not be written", _GIVE_RIGHT),
    ("unable to open database file", DatabaseLocked, "The database cannot be opened", _GIVE_RIGHT),
    ("Connection refused", StoreError, "The database server does not answer", _ASK_SERVER),
    ("failed to resolve host", StoreError, "There is no database server of that name", _ASK_SERVER),
    ("timeout expired", StoreError, "The database server does not answer", _ASK_SERVER),
    ("No such file or directory", StoreError, "The database server does not answer", _ASK_SERVER),
    ("password authentication failed", StoreError, "The database server refuses name or password", _NAME_IN_URL),
    ("no password supplied", StoreError, "The database server refuses name or password", _NAME_IN_URL),
    ("no pg_hba.conf entry", StoreError, "The database server does not let this station in", _NAME_IN_URL),
    ('FATAL: database "', StoreError, "The server has no such database", _NAME_IN_URL),
    ('FATAL: role "', StoreError, "The database server refuses name or password", _NAME_IN_URL),
    ("42501", DatabaseLocked, "The database may not be written", _NAME_IN_URL),
    ("57P01", StoreError, "The database server closed the connection", _COME_BACK),
    ("57P03", StoreError, "The database server is starting or stopping", _COME_BACK),
    ("server closed the connection", StoreError, "The database server closed the connection", _COME_BACK),
    ("connection is lost", StoreError, "The database server closed the connection", _COME_BACK),
    ("malformed", StoreError, "The database file is damaged", _RESTORE),
    ("file is not a database", StoreError, "The file is not a database of this program", _RESTORE),
)


def from_os(error: OSError, place: Path) -> StoreError:
    """Say what a file error means."""
    if error.errno in _NO_SPACE:
        return DiskFull(f"The disk is full: {place} could not be written ({error.strerror}).", _FREE_SPACE)
    if error.errno in _NO_RIGHT:
        return DatabaseLocked(f"{place} may not be written ({error.strerror}).", _GIVE_RIGHT)
    return StoreError(f"{place} could not be written: {error}.", "Check the disk and its connection.")


def from_database(error: SQLAlchemyError, place: str, folder: Path | None = None) -> StoreError:
    """Say what a database error means.

    Parameters
    ----------
    place
        The database, as a person knows it (never with a password).
    folder
        Where an embedded database lies; its free space tells a full disk from a broken one.
    """
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    said = " ".join(f"{getattr(cause, 'sqlstate', None) or ''} {cause}".split())
    for piece, kind, what, hint in _DATABASE_SAYS:
        if piece in said:
            return kind(f"{what}: {place} ({said}).", hint)
    if "disk I/O error" in said and folder is not None and _free(folder) < LOW_SPACE:
        return DiskFull(f"The disk of the database is full: {place} ({said}).", _FREE_SPACE)
    return StoreError(f"The database did not do what was asked: {place} ({said}).", "Check the disk or the server.")


def _free(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0


@contextmanager
def explained(place: str, folder: Path | None = None) -> Iterator[None]:
    """Turn file and database errors inside the block into `StoreError`."""
    try:
        yield
    except SQLAlchemyError as error:
        raise from_database(error, place, folder) from error
    except OSError as error:
        raise from_os(error, Path(error.filename) if error.filename else folder or Path(place)) from error
