"""Is the record sound? Database, rows and pictures against each other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from sqlalchemy import Connection, case, func, select

from aoi_app.core.inspection import Verdict, Verification
from aoi_app.storage.archive import Archive, board_folder, picture_file
from aoi_app.storage.database import Place, connect, reading
from aoi_app.storage.faults import explained
from aoi_app.storage.retention import own_boards
from aoi_app.storage.review import final_verdict
from aoi_app.storage.schema import DefectTable as D
from aoi_app.storage.schema import InspectionTable as I

_BATCH = 2_000


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that does not fit.

    Attributes
    ----------
    kind
        One of `database`, `rows`, `missing picture`, `changed picture`, `broken picture`, `orphan`.
    where
        Table, board, or path relative to the image archive.
    """

    kind: str
    where: str
    what: str


def check(place: Place, decode: bool = False, station: str = "") -> Iterator[Problem]:
    """Yield everything that does not fit; nothing is changed.

    Parameters
    ----------
    decode
        Also read every picture, and compare it with the hash of the one that was stored; takes minutes on a large
        record.
    station
        Whose pictures are looked for, where a server keeps the boards of several stations.
    """
    engine = connect(place, read_only=True)
    try:
        with explained(place.name, place.folder), reading(engine) as connection:
            if place.file is not None:
                yield from _database(connection)
            yield from _rows(connection)
            yield from _pictures(connection, place, decode, station)
            yield from _orphans(connection, place)
    finally:
        engine.dispose()


def remove_orphans(place: Place, problems: list[Problem]) -> int:
    """Remove the pictures that no row refers to, of those that a check found; return how many boards they were of."""
    orphans = [p.where for p in problems if p.kind == "orphan"]
    Archive(place.images).remove(orphans)
    return len(orphans)


def _database(connection: Connection) -> Iterator[Problem]:
    for (said,) in connection.exec_driver_sql("PRAGMA integrity_check(100)"):
        if said != "ok":
            yield Problem("database", "file", said)
    for table, row, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        yield Problem("database", table, f"row {row} refers to a row of {parent} that is not there")


def _rows(connection: Connection) -> Iterator[Problem]:
    counted = func.sum(case((D.counts, 1), else_=0))
    waiting = func.sum(case((D.counts & (D.verification == Verification.NOT_VERIFIED_YET.value), 1), else_=0))
    bad = func.sum(case((D.counts & (D.verification == Verification.DEFECT_CONFIRMED.value), 1), else_=0))
    columns = (I.board_id, I.verdict, I.final_verdict, I.defect_count, I.open_defects)
    statement = (
        select(*columns, func.count(D.id), counted, waiting, bad)
        .outerjoin(D, D.inspection_id == I.id)
        .group_by(I.id, *columns)
    )
    for row in connection.execution_options(yield_per=_BATCH).execute(statement):
        board, verdict, final, defects, still_open, found, n, waits, confirmed = row
        if defects != found:
            yield Problem("rows", board, f"{found} defects are there, {defects} were recorded")
            continue
        states = [Verification.NOT_VERIFIED_YET] * (waits or 0) + [Verification.DEFECT_CONFIRMED] * (confirmed or 0)
        expected = final_verdict(Verdict(verdict), states or [Verification.DEFECT_REJECTED] * (n or 0))
        if final != expected.value:
            yield Problem("rows", board, f"the final verdict is {final}, its defects say {expected.value}")
        waiting_now = (waits or 0) if verdict == Verdict.FAILED.value else 0  # only failed boards are reviewed
        if still_open != waiting_now:
            yield Problem("rows", board, f"{still_open} defects are said to wait for review, {waiting_now} do")


def _pictures(connection: Connection, place: Place, decode: bool, station: str) -> Iterator[Problem]:
    own = own_boards(place, station)
    statements = (
        select(I.preview, I.pictures).where(I.preview.is_not(None), *own),
        select(I.board_image, I.pictures).where(I.board_image.is_not(None), *own),
        select(D.crop, I.pictures).join(I, I.id == D.inspection_id).where(D.crop.is_not(None), *own),
    )
    for statement in statements:
        for path, hashes in connection.execution_options(yield_per=_BATCH).execute(statement):
            file = picture_file(place.images, str(path))
            if file is None or not file.is_file():
                yield Problem("missing picture", str(path), "a row refers to it")
            elif decode:
                yield from _read_picture(file, str(path), hashes or {})


def _read_picture(file: Path, path: str, hashes: Mapping[str, str]) -> Iterator[Problem]:
    data = file.read_bytes()
    if not data or cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) is None:
        yield Problem("broken picture", path, "it cannot be read")
    # Boards that were recorded before there were hashes have none.
    elif hashes and hashlib.sha256(data).hexdigest() != hashes.get(file.name):
        yield Problem("changed picture", path, "it is not the one that was stored")


def _orphans(connection: Connection, place: Place) -> Iterator[Problem]:
    rows = connection.execution_options(yield_per=_BATCH).execute(
        select(I.board_id, I.ts_us).where(I.preview.is_not(None))
    )
    recorded = {board_folder(board_id, ts_us) for board_id, ts_us in rows}
    for folder in Archive(place.images).boards():
        if folder not in recorded:
            yield Problem("orphan", folder, "no row refers to these pictures")
