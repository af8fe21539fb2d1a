"""Seals: a board's row carries a hash of all that was recorded of it and of the seal before, a chain a station.

What changes later by right is left out: the outcome of review (the audit tells it), and paths of pictures, which
retention takes away. The pictures' hashes are sealed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from aoi_app.storage.schema import DefectTable as D
from aoi_app.storage.schema import EngineTable as E
from aoi_app.storage.schema import InspectionTable as I
from aoi_app.storage.schema import SealHeadTable as H

BEGINNING = "0" * 64

# These lists are part of every seal that was ever written. A column that comes later gets a list of its own, which is
# sealed only where it is not empty.
_OF_BOARD = (
    "board_id", "serial", "station", "verdict", "reason", "recipe", "recipe_revision", "lines", "width", "pixel_format",
    "missing_lines", "missing_reasons", "input_hash", "started_us", "ts_us", "latency_ms", "defect_count",
    "registration", "pictures",
)  # fmt: skip
_OF_DEFECT = (
    "number", "defect_code", "confidence", "x1", "y1", "x2", "y2", "size_um", "region", "component", "severity",
    "counts", "ts_us", "crop_box", "place_x", "place_y",
)  # fmt: skip


class Facts:
    """What was recorded of one board, as the database gives it back.

    Attributes
    ----------
    key
        Row of the board.
    seal
        The one in its row; None where a board was recorded before there were seals.
    """

    def __init__(self, row: Row[Any], defects: list[list[Any]]) -> None:
        self.key: int = row.id
        self.board_id: str = row.board_id
        self.station: str = row.station
        self.seal: str | None = row.seal
        self._row, self._defects = row, defects

    def sealed_after(self, previous: str) -> str:
        """Return the seal that these facts and the seal before give."""
        board = [getattr(self._row, name) for name in (*_OF_BOARD, "fingerprint")]
        text = json.dumps([previous, board, self._defects], ensure_ascii=True, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def facts(connection: Connection, first: int, last: int) -> Iterator[Facts]:
    """Yield the facts of the boards in the rows `first` to `last`, in order."""
    found: dict[int, list[list[Any]]] = {}
    of_defects = select(D.inspection_id, *(getattr(D, name) for name in _OF_DEFECT))
    within = D.inspection_id.between(first, last)
    for key, *values in connection.execute(of_defects.where(within).order_by(D.inspection_id, D.number)):
        found.setdefault(key, []).append(values)
    board = [getattr(I, name) for name in _OF_BOARD]
    statement = select(I.id, I.seal, *board, E.fingerprint).outerjoin(E, E.id == I.engine_id)
    for row in connection.execute(statement.where(I.id.between(first, last)).order_by(I.id)):
        yield Facts(row, found.get(row.id, []))


def hold(connection: Connection, station: str) -> str:
    """Return the last seal of a station, and hold the chain until the end of the transaction, so that it never forks.

    It is asked for before the board's row is written: rows then have the order of the chain.
    """
    find = select(H.seal).where(H.station == station).with_for_update()
    seal: str | None = connection.execute(find).scalar()
    if seal is not None:
        return seal
    try:
        with connection.begin_nested():
            connection.execute(insert(H), {"station": station, "boards": 0, "seal": BEGINNING})
    except IntegrityError:  # another program under this name was first
        return str(connection.execute(find).scalar_one())
    return BEGINNING


def seal(connection: Connection, key: int, previous: str) -> None:
    """Seal the board in a row that was just written; `previous` is what `hold` gave."""
    # Read back: what is sealed is what a later look will find, to the last digit.
    (board,) = facts(connection, key, key)
    mark = board.sealed_after(previous)
    connection.execute(update(I).where(I.id == key).values(seal=mark))
    connection.execute(update(H).where(H.station == board.station).values(boards=H.boards + 1, seal=mark))


def heads(connection: Connection) -> dict[str, tuple[int, str]]:
    """Return the number of sealed boards and the last seal, by station."""
    rows = connection.execute(select(H.station, H.boards, H.seal).order_by(H.station))
    return {station: (boards, mark) for station, boards, mark in rows}
