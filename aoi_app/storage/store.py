"""The store: one board, one transaction, pictures first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection, func, insert, select
from sqlalchemy.exc import IntegrityError

from aoi_app.core.errors import StoreError
from aoi_app.core.inspection import EngineInfo, Inspection
from aoi_app.core.scan import ScanEnd
from aoi_app.storage.archive import Archive, Kept, board_folder
from aoi_app.storage.clock import DAY_US, utc_day
from aoi_app.storage.database import Place, bare, connect, reading
from aoi_app.storage.faults import explained
from aoi_app.storage.lock import StationLock
from aoi_app.storage.migrate import prepare
from aoi_app.storage.pictures import DEFAULT_POLICY, PicturePolicy
from aoi_app.storage.retention import DiskGuard, Space
from aoi_app.storage.rows import defect_rows, engine_row, fingerprint, inspection_row, plain_text
from aoi_app.storage.schema import DefectTable, EngineTable, InspectionTable
from aoi_app.storage.sealing import hold, seal

MOST_ORPHANS = 16
"""Boards without a row that a start removes; each crash leaves one at most."""


class Store:
    """Keeps every inspected board: a `ResultStore`. `record` is called from one thread only.

    Parameters
    ----------
    folder
        Data folder; made when it is missing. One station at a time records in it.
    url
        A PostgreSQL server instead of the embedded database; pictures stay in the folder.
    station
        Name of this station in a record that several share.
    guard
        Decides when the disk has no room for the pictures of passed boards; the usual limits when not given.

    Raises
    ------
    StoreError
        Another station records there (`DatabaseLocked`), the folder may not be written, the disk is full, the record
        is damaged or from a newer program.
    """

    def __init__(
        self,
        folder: Path,
        url: str = "",
        policy: PicturePolicy = DEFAULT_POLICY,
        station: str = "",
        guard: DiskGuard | None = None,
    ) -> None:
        self._place = Place(folder, url)
        self._policy = policy
        self._station = station
        self._guard = guard or DiskGuard(folder)
        self._archive = Archive(self._place.images)
        self._engines: dict[str, int] = {}
        self._closed = False
        self.newest_us = 0
        self._lock = StationLock(folder)
        try:
            prepare(self._place)
            self._database = connect(self._place)
            try:
                self._check_writable()
                self._file = _identity(self._place.file)
                self.swept = self._sweep()
            except BaseException:
                self._database.dispose()
                raise
        except BaseException:
            self._lock.release()
            raise

    def record(self, inspection: Inspection, end: ScanEnd) -> None:
        """Write one board, its defects and their pictures, all or nothing.

        A board that is already in the record is left as it is, so that a call whose answer was lost can be repeated.

        Raises
        ------
        StoreError
            Nothing of the board is in the record; the same call may be repeated when the cause is gone.
        """
        self._check_same_file()
        try:
            with explained(self._place.name, self._place.folder):
                with reading(self._database) as connection:
                    if self._known(connection, inspection.board_id):
                        return
                kept = self._keep(inspection, end)
                with self._database.begin() as connection:
                    self._insert(connection, inspection, end, kept)
        except StoreError:
            self._engines.clear()
            # A connection that met a full or vanished disk is not used again.
            self._database.dispose()
            self._forget_unless_recorded(inspection)
            raise

    def use(self, policy: PicturePolicy, guard: DiskGuard) -> None:
        """Keep other pictures, and watch the disk otherwise, from the next board on; for the thread that records."""
        self._policy, self._guard = policy, guard

    def close(self) -> None:
        """Fold the write-ahead log into the database and let the next station in; may be called twice."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._place.file is not None:
                with (
                    explained(self._place.name, self._place.folder),
                    bare(self._database) as connection,
                ):
                    connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            self._database.dispose()
            self._lock.release()

    @property
    def space(self) -> Space:
        """How much room is left for pictures; below `ENOUGH` somebody has to be told."""
        return self._guard.space

    def _keep(self, inspection: Inspection, end: ScanEnd) -> Kept:
        if not self._guard.keeps(inspection.verdict):
            return Kept(crops=(None,) * len(inspection.defects))
        # The whole board is a luxury: it goes first when room gets scarce.
        policy = self._policy if self._guard.space is Space.ENOUGH else replace(self._policy, whole_boards=frozenset())
        return self._archive.keep(inspection, end.image, policy)

    def _insert(self, connection: Connection, inspection: Inspection, end: ScanEnd, kept: Kept) -> None:
        before = hold(connection, self._station)
        engine_id = None if inspection.engine is None else self._engine_id(connection, inspection.engine)
        row = inspection_row(inspection, end, kept, engine_id, self._station)
        key = connection.execute(insert(InspectionTable).returning(InspectionTable.id), row).scalar_one()
        if inspection.defects:
            connection.execute(insert(DefectTable), defect_rows(inspection, kept, key))
        seal(connection, key, before)

    def _engine_id(self, connection: Connection, engine: EngineInfo) -> int:
        mark = fingerprint(engine)
        if mark not in self._engines:
            find = select(EngineTable.id).where(EngineTable.fingerprint == mark)
            known = connection.execute(find).scalar()
            if known is None:
                try:
                    with connection.begin_nested():
                        new = insert(EngineTable).returning(EngineTable.id)
                        known = connection.execute(new, engine_row(engine)).scalar_one()
                except IntegrityError:  # another station on the same server was first
                    known = connection.execute(find).scalar_one()
            self._engines[mark] = known
        return self._engines[mark]

    def _known(self, connection: Connection, board_id: str) -> bool:
        return (
            connection.execute(
                select(InspectionTable.id).where(InspectionTable.board_id == plain_text(board_id))
            ).first()
            is not None
        )

    def _forget_unless_recorded(self, inspection: Inspection) -> None:
        """Remove the pictures of a board that has no row; left for the next start where that cannot be told."""
        try:
            with explained(self._place.name), reading(self._database) as connection:
                known = self._known(connection, inspection.board_id)
        except StoreError:
            return
        if not known:
            self._archive.forget(inspection.board_id, inspection.ended_ns // 1000)

    def _check_writable(self) -> None:
        """Write something: SQLite opens a file that it may only read without a word, until the first board."""
        with explained(self._place.name, self._place.folder), self._database.begin() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")

    def _check_same_file(self) -> None:
        """Refuse to go on in a file that is no longer in its place: nobody would ever find the boards in it."""
        if _identity(self._place.file) != self._file:
            raise StoreError(
                f"{self._place.name} was moved, removed or replaced while the station recorded in it.",
                "Put the file back that was there, with those beside it, or start the station again on the new one; "
                "`aoi restore` brings a backup back, with no station running.",
            )

    def _sweep(self) -> int:
        """Remove what a crash left: drafts, and the pictures of the board in flight, which has no row.

        Only days from the one before the newest board on are looked at; earlier ones were at earlier starts. More
        orphans than crashes can leave mean that the database was put back or replaced: those pictures are not touched.
        """
        with explained(self._place.name, self._place.folder):
            self._archive.open()
            with reading(self._database) as connection:
                self.newest_us = connection.execute(select(func.max(InspectionTable.ts_us))).scalar() or 0
                since = max(0, self.newest_us // DAY_US - 1) * DAY_US
                rows = connection.execute(
                    select(InspectionTable.board_id, InspectionTable.ts_us).where(InspectionTable.ts_us >= since)
                )
                recorded = {board_folder(board_id, ts_us) for board_id, ts_us in rows}
            orphans = [folder for folder in self._archive.boards(utc_day(since)) if folder not in recorded]
            if len(orphans) > MOST_ORPHANS:
                return 0
            self._archive.remove(orphans)
            return len(orphans)


def _identity(file: Path | None) -> tuple[int, int] | None:
    """Return what tells a file from another one of the same name; None for a server's database, or no file."""
    try:
        found = None if file is None else file.stat()
    except FileNotFoundError:
        return None
    return None if found is None else (found.st_dev, found.st_ino)
