"""Connections: SQLite beside the pictures, or one PostgreSQL for several stations."""

from __future__ import annotations

import os
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from aoi_app.core.errors import BackendMissing, SettingsError

BUSY_TIMEOUT_MS = 5_000
"""How long a writer waits for another one before it says so."""

_BEGIN = "aoi_begin"
"""Execution option of a connection: how SQLite begins its transactions."""

DATABASE_FILE = "aoi.db"
IMAGES_FOLDER = "images"
BACKUPS_FOLDER = "backups"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record is kept.

    Attributes
    ----------
    folder
        Data folder: pictures, backups, and the database when it is the embedded one.
    url
        SQLAlchemy URL of a server, or empty for the embedded database in the folder.
    """

    folder: Path
    url: str = ""

    @property
    def file(self) -> Path | None:
        """The embedded database's file; None when a server keeps the record."""
        return None if self.url else self.folder / DATABASE_FILE

    @property
    def images(self) -> Path:
        """Root of the image archive."""
        return self.folder / IMAGES_FOLDER

    @property
    def backups(self) -> Path:
        """Where copies of the database are put before it is changed."""
        return self.folder / BACKUPS_FOLDER

    @property
    def name(self) -> str:
        """What a person knows the database by; no password in it."""
        return str(self.file) if self.file else server_url(self.url).render_as_string(hide_password=True)


def server_url(text: str) -> URL:
    """Read the URL of a database server; `postgresql://` means psycopg 3. Raises SettingsError."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise SettingsError(
            "The database URL in the settings cannot be read.", "Write it as postgresql://user:password@host/database."
        ) from error
    if url.get_backend_name() != "postgresql":
        raise SettingsError(
            f"The database URL names {url.get_backend_name()!r}; only PostgreSQL and the embedded one are known.",
            "Write it as postgresql://user:password@host/database, or leave it empty.",
        )
    return url.set(drivername="postgresql+psycopg")


def connect(
    place: Place, *, read_only: bool = False, foreign_keys: bool = True, wait_ms: int = BUSY_TIMEOUT_MS
) -> Engine:
    """Return a pool of connections, safe to use from any thread.

    Parameters
    ----------
    read_only
        Nothing can be written through it, and a record that is being written can be read at the same time.
    foreign_keys
        Off only for migrations: SQLite deletes the children of a table that is rebuilt.
    wait_ms
        How long a writer of the embedded database waits for another one.
    """
    if place.file is None:
        return _connect_server(place, read_only)
    return _connect_file(place.file, read_only, foreign_keys, wait_ms)


def reading(engine: Engine) -> Connection:
    """Return a connection that only reads, without a writer's lock; all its statements see the same moment."""
    connection = engine.connect().execution_options(**{_BEGIN: "BEGIN"})
    if engine.dialect.name == "postgresql":
        connection = connection.execution_options(isolation_level="REPEATABLE READ")
    return connection


def bare(engine: Engine) -> Connection:
    """Return a connection for the statements that SQLite refuses inside a transaction."""
    return engine.connect().execution_options(**{_BEGIN: ""})


def _connect_server(place: Place, read_only: bool) -> Engine:
    try:
        engine = create_engine(
            server_url(place.url),
            pool_pre_ping=True,
            connect_args={"connect_timeout": 10, "options": "-c lock_timeout=5000 -c timezone=utc"},
        )
    except ModuleNotFoundError as error:
        raise BackendMissing(
            "The settings name a PostgreSQL server, and its driver is not installed.",
            'Run: pip install "psycopg[binary]"',
        ) from error
    return engine.execution_options(postgresql_readonly=True) if read_only else engine


def _connect_file(file: Path, read_only: bool, foreign_keys: bool, wait_ms: int) -> Engine:
    def opened() -> sqlite3.Connection:
        return sqlite3.connect(
            f"{file.absolute().as_uri()}{_mode(file, read_only)}",
            uri=True,
            timeout=wait_ms / 1000,
            check_same_thread=False,
            # The driver opens no transaction by itself, and none before DDL; `begin` below does.
            isolation_level=None,
        )

    engine = create_engine("sqlite+pysqlite://", creator=opened, **_pool())
    pragmas = (
        []  # mode=ro refuses every change of the file, and still lets VACUUM INTO write a copy
        if read_only
        else [
            "PRAGMA synchronous=FULL",
            f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}",
        ]
    )

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        if not read_only:
            _use_wal(connection, wait_ms)
        for pragma in (*pragmas, "PRAGMA temp_store=MEMORY", "PRAGMA cache_size=-32768"):
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        # A writer takes its lock at once: it then waits at BEGIN, and never fails half-way for another's sake.
        how = connection.get_execution_options().get(_BEGIN, "BEGIN" if read_only else "BEGIN IMMEDIATE")
        if how:
            connection.exec_driver_sql(how)

    return engine


def _use_wal(connection: sqlite3.Connection, wait_ms: int) -> None:
    """Let readers and a writer work at the same time; the file stays so once it was told."""
    end = time.monotonic() + wait_ms / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            # Of several programs that meet a new file one turns it round, and SQLite does not let the others wait.
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.02)


def _pool() -> dict[str, Any]:
    from sqlalchemy.pool import QueuePool

    return {"poolclass": QueuePool, "pool_size": 2, "max_overflow": 8}


def _mode(file: Path, read_only: bool) -> str:
    if not read_only:
        return "?mode=rwc"
    # Without write access SQLite cannot share a WAL; nobody else writes there either, so the file stands still.
    effective = os.access in os.supports_effective_ids
    alone = not os.access(file.parent, os.W_OK, effective_ids=effective) and not Path(f"{file}-wal").exists()
    return "?mode=ro&immutable=1" if alone else "?mode=ro"
