"""Bring a record to the shape that this program knows."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from aoi_app.core.errors import StoreError
from aoi_app.storage.clock import from_us, now_us
from aoi_app.storage.database import Place, bare, connect, reading
from aoi_app.storage.faults import explained
from aoi_app.storage.schema import HEAD

_PG_LOCK = 0x414F49
"""Key of the advisory lock that lets one station migrate a shared server at a time."""


_WAIT_MS = 120_000
"""How long a program waits for another one that brings the record forward: a large one takes its time."""


def revision_of(connection: Connection) -> str | None:
    """Return the migration a record stands at; None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def prepare(place: Place) -> None:
    """Create the record or bring it to the newest shape; costs one query when there is nothing to do.

    The embedded database is copied to the backups folder before it is changed. All steps run in one transaction.

    Raises
    ------
    StoreError
        The record was written by a newer program, or a step failed: then it stands as before.
    """
    with explained(place.name, place.folder):
        place.folder.mkdir(parents=True, exist_ok=True)
        engine = connect(place, wait_ms=_WAIT_MS)
        try:
            with reading(engine) as connection:
                found = revision_of(connection)
        finally:
            engine.dispose()
        if found == HEAD:
            return
        if found is not None:
            require_known(found, place.name)
        if found is not None and place.file is not None:
            backup_file(place, f"before-{HEAD}")
        _upgrade(place)


def backup_file(place: Place, label: str) -> Path:
    """Copy the embedded database, consistent even while it is written, to the backups folder."""
    with explained(str(place.backups), place.backups):
        place.backups.mkdir(parents=True, exist_ok=True)
    target = place.backups / f"aoi-{from_us(now_us()):%Y%m%d-%H%M%S-%f}-{label}.db"
    engine = connect(place, read_only=True)
    try:
        with explained(place.name, place.backups), bare(engine) as connection:
            connection.exec_driver_sql("VACUUM INTO ?", (str(target),))
    finally:
        engine.dispose()
    return target


def require_known(revision: str, name: str) -> None:
    """Raise StoreError when a record, or a backup of one, has a shape that this program does not know."""
    from alembic.script import ScriptDirectory

    if revision not in {step.revision for step in ScriptDirectory(str(_scripts())).walk_revisions()}:
        raise StoreError(
            f"{name} was written by a newer program (its shape is {revision}, this program knows up to {HEAD}).",
            "Install the newer program again, or restore the backup that it made.",
        )


def _scripts() -> Path:
    return Path(__file__).parent / "migrations"


def _upgrade(place: Place) -> None:
    engine = connect(place, foreign_keys=False, wait_ms=_WAIT_MS)
    try:
        with engine.begin() as connection:
            if place.file is None:
                connection.execute(text(f"SET LOCAL lock_timeout = {_WAIT_MS}"))
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _PG_LOCK})
            run_command(connection, "upgrade", "head")
            if place.file is not None:
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
                if broken:
                    raise StoreError(
                        f"Migrating {place.name} would have left {len(broken)} rows without their parents.",
                        "Nothing was changed; report this with the backup file.",
                    )
    finally:
        engine.dispose()


def run_command(connection: Connection, name: str, *arguments: str) -> None:
    """Run an Alembic command (`upgrade`, `downgrade`, `check`) on a connection."""
    # Alembic costs a tenth of a second to import, and most starts need no migration.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_scripts()).replace("%", "%%"))
    config.attributes["connection"] = connection
    getattr(command, name)(config, *arguments)
