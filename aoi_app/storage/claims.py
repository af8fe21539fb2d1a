"""Claims: which reviewer has which board in hand, so that two do not look at the same one.

A claim is a courtesy and not a lock: it runs out by itself, and what keeps decisions apart is the state that each
reviewer saw (`Review.verify`).
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, delete, exists, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from aoi_app.storage.clock import now_us
from aoi_app.storage.schema import ClaimTable as C
from aoi_app.storage.schema import InspectionTable as I

LEASE_S = 60.0
"""A window that is gone or hangs keeps its boards no longer."""
MOST_AHEAD_S = 600.0
"""A claim that ends later was made before the clock was set back, and says nothing; stations' clocks differ by less."""


def take(connection: Connection, key: int, holder: str, reviewer: str) -> str:
    """Claim a board, or hold it on.

    Parameters
    ----------
    key
        Row of the board.
    holder
        Name of the window, different for each one.

    Returns
    -------
    str
        Empty, or the name of the reviewer who has the board in hand: then nothing was changed.
    """
    now = now_us()
    values = {"holder": holder, "reviewer": reviewer, "until_us": now + round(LEASE_S * 1e6)}
    free = or_(C.holder == holder, ~_stands(now))
    if connection.execute(update(C).where(C.inspection_id == key, free).values(values)).rowcount:
        return ""
    try:
        with connection.begin_nested():
            connection.execute(insert(C), {**values, "inspection_id": key})
        return ""
    except IntegrityError:
        found = connection.execute(select(C.reviewer).where(C.inspection_id == key)).scalar()
        return found or "Somebody"


def free_for(holder: str) -> ColumnElement[bool]:
    """Return the condition that a board is not in the hand of another window."""
    return ~exists().where(C.inspection_id == I.id, *_elsewhere(holder))


def count_elsewhere(connection: Connection, holder: str) -> int:
    """Return the number of boards that other windows have in hand."""
    return connection.execute(select(func.count()).select_from(C).where(*_elsewhere(holder))).scalar_one()


def let_go(connection: Connection, holder: str, keys: Collection[int] | None = None) -> None:
    """Give boards back; all of a window's when none are named."""
    named = [] if keys is None else [C.inspection_id.in_(keys)]
    connection.execute(delete(C).where(C.holder == holder, *named))


def forget(connection: Connection, key: int) -> None:
    """Remove the claim on a board of which everything is decided."""
    connection.execute(delete(C).where(C.inspection_id == key))


def _elsewhere(holder: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return C.holder != holder, _stands(now_us())


def _stands(now: int) -> ColumnElement[bool]:
    return C.until_us.between(now, now + round(MOST_AHEAD_S * 1e6))
