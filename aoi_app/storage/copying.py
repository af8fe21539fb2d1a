"""Copy a record's rows from one database to another: embedded to server, server to file, and back."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from sqlalchemy import Connection, Table, delete, func, insert, select, text

from aoi_app.storage.schema import Base

_BATCH = 2_000

Progress = Callable[[int, int], None]
"""Called with rows copied and rows to copy."""


def row_counts(connection: Connection) -> dict[str, int]:
    """Return the number of rows of each table."""
    return {
        table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
        for table in Base.metadata.sorted_tables
    }


def copy_rows(source: Connection, target: Connection, progress: Progress | None = None) -> None:
    """Copy all rows into a record that was just prepared and is empty, keys and all.

    Both connections are in a transaction of the caller: what is copied is of one moment, and all of it or nothing.
    """
    total, done = sum(row_counts(source).values()), 0
    for table in Base.metadata.sorted_tables:
        if table.name == "audit_head":  # made by the migration; the source's takes its place
            target.execute(delete(table))
        rows = source.execution_options(yield_per=_BATCH).execute(select(table)).mappings()
        while batch := [dict(row) for row in islice(rows, _BATCH)]:
            target.execute(insert(table), batch)
            done += len(batch)
            if progress is not None:
                progress(done, total)
        _count_on(target, table)


def _count_on(connection: Connection, table: Table) -> None:
    """Let the server give new rows the numbers after those that were copied; SQLite does so by itself."""
    (key,) = table.primary_key.columns
    if connection.dialect.name != "postgresql" or key.autoincrement is False:
        return
    connection.execute(
        text(
            f"SELECT setval(pg_get_serial_sequence('{table.name}', '{key.name}'), "
            f"(SELECT coalesce(max({key.name}), 0) + 1 FROM {table.name}), false)"
        )
    )
