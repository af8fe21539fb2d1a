"""How long pictures are kept, and what happens when the disk runs low. Rows are kept for ever."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, select, tuple_, update

from aoi_app.core.inspection import Verdict
from aoi_app.storage.archive import Archive, board_folder, picture_file
from aoi_app.storage.clock import DAY_US, now_us
from aoi_app.storage.database import IMAGES_FOLDER, Place, connect, reading
from aoi_app.storage.faults import explained
from aoi_app.storage.schema import DefectTable, InspectionTable

GIB = 1 << 30
_BATCH = 200
_PAUSE_S = 0.02
"""Between two batches: a station that waits for the database gets it now, not after the last batch."""
_LOOK_AGAIN_S = 5.0

Days = Annotated[float, Field(gt=0)] | None


class RetentionPolicy(BaseModel):
    """How many days pictures are kept, by the verdict after review; None keeps them for ever."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    passed_days: Days = 14
    failed_days: Days = 365
    error_days: Days = 90

    def days(self, verdict: Verdict) -> float | None:
        """Return the days for a verdict."""
        return {Verdict.PASSED: self.passed_days, Verdict.FAILED: self.failed_days}.get(verdict, self.error_days)


def own_boards(place: Place, station: str) -> tuple[ColumnElement[bool], ...]:
    """Return the condition for boards whose pictures lie in a station's own folder.

    A server keeps the boards of several stations, and each station only its own pictures. All boards of an embedded
    database are the folder's, whatever the station was called when it recorded them.
    """
    return () if place.file is not None else (InspectionTable.station == station,)


def expire(place: Place, policy: RetentionPolicy, now: int | None = None, station: str = "") -> int:
    """Remove the pictures of a station's boards that are old enough; return of how many.

    The rows let go of the pictures first, a batch a transaction, so that the station never waits long and a row never
    refers to a picture that is gone. Boards that wait for review keep theirs.

    Parameters
    ----------
    now
        UTC microseconds; the wall clock when not given.
    station
        Whose boards, where a server keeps those of several: see `own_boards`.
    """
    archive, engine, removed = Archive(place.images), connect(place), 0
    moment = now_us() if now is None else now
    try:
        for verdict in Verdict:
            days = policy.days(verdict)
            if days is None:
                continue
            due = (
                select(InspectionTable.id, InspectionTable.board_id, InspectionTable.ts_us)
                .where(
                    InspectionTable.final_verdict == verdict.value,
                    InspectionTable.ts_us < moment - int(days * DAY_US),
                    InspectionTable.preview.is_not(None),
                    InspectionTable.open_defects == 0,
                    *own_boards(place, station),
                )
                .limit(_BATCH)
            )
            while True:
                # Looked for without the writer's lock: on a large record that takes longer than a board may wait.
                with explained(place.name, place.folder), reading(engine) as looking:
                    found = looking.execute(due).all()
                if not found:
                    break
                with explained(place.name, place.folder), engine.begin() as connection:
                    # A decision that was taken back meanwhile asks for the pictures again.
                    still = InspectionTable.id.in_([key for key, _, _ in found]), InspectionTable.open_defects == 0
                    keys = set(connection.scalars(select(InspectionTable.id).where(*still)))
                    connection.execute(
                        update(InspectionTable)
                        .where(InspectionTable.id.in_(keys))
                        .values(preview=None, board_image=None)
                    )
                    connection.execute(update(DefectTable).where(DefectTable.inspection_id.in_(keys)).values(crop=None))
                archive.remove([board_folder(board_id, ts_us) for key, board_id, ts_us in found if key in keys])
                removed += len(keys)
                if len(found) < _BATCH or not keys:
                    break
                time.sleep(_PAUSE_S)
        archive.remove_empty_days()
    finally:
        engine.dispose()
    return removed


def expire_whole(place: Place, most_bytes: int, station: str = "") -> int:
    """Remove a station's oldest whole images until its others take no more than `most_bytes`; return how many went.

    Previews and crops stay, so that such boards can still be looked at and reviewed, only not inspected again.
    """
    engine, removed, kept, after = connect(place), 0, 0, None
    newest_first = (InspectionTable.ts_us.desc(), InspectionTable.id.desc())
    columns = (InspectionTable.ts_us, InspectionTable.id, InspectionTable.board_image)
    try:
        while True:
            kept_whole = InspectionTable.board_image.is_not(None), *own_boards(place, station)
            wanted = select(*columns).where(*kept_whole).order_by(*newest_first)
            if after is not None:
                wanted = wanted.where(tuple_(InspectionTable.ts_us, InspectionTable.id) < tuple_(*after))
            with explained(place.name, place.folder), reading(engine) as connection:
                boards = connection.execute(wanted.limit(_BATCH)).all()
            too_many: list[tuple[int, Path | None]] = []
            for _, key, name in boards:
                file = picture_file(place.images, str(name))
                kept += _size(file)
                if kept > most_bytes:
                    too_many.append((key, file))
            if too_many:
                # The rows let go first: none ever refers to a picture that is gone.
                with explained(place.name, place.folder), engine.begin() as writing:
                    keys = [key for key, _ in too_many]
                    writing.execute(
                        update(InspectionTable).where(InspectionTable.id.in_(keys)).values(board_image=None)
                    )
                for _, file in too_many:
                    with contextlib.suppress(OSError):
                        if file is not None:
                            file.unlink(missing_ok=True)
                removed += len(too_many)
            if len(boards) < _BATCH:
                return removed
            after = boards[-1].ts_us, boards[-1].id
    finally:
        engine.dispose()


def _size(file: Path | None) -> int:
    try:
        return 0 if file is None else file.stat().st_size
    except OSError:
        return 0


class Space(str, Enum):
    """How much room is left for pictures."""

    ENOUGH = "enough"
    LOW = "low"
    OUT = "out"


class DiskGuard:
    """Watches the free space of the data folder and of its archive: warns, then does without passed boards' pictures.

    Parameters
    ----------
    folder
        Data folder; the archive in it may be another disk, and the fuller of both counts.
    warn_bytes, stop_bytes
        Free space below which it is `LOW`, and `OUT`.
    free
        Tells the free bytes of a folder's disk.
    """

    def __init__(
        self,
        folder: Path,
        warn_bytes: int = 10 * GIB,
        stop_bytes: int = 2 * GIB,
        free: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._folder, self._warn, self._stop, self._free = folder, warn_bytes, stop_bytes, free
        self._looked = -_LOOK_AGAIN_S
        self._space = Space.ENOUGH

    @property
    def space(self) -> Space:
        """How much room is left; looked up every few seconds at most."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_AGAIN_S:
            self._looked = now
            try:
                archive = self._folder / IMAGES_FOLDER
                free = min(self._free(folder) for folder in (self._folder, archive) if folder.exists())
            except (OSError, ValueError):
                # The disk does not answer: writing to it will say why.
                return self._space
            self._space = Space.OUT if free < self._stop else Space.LOW if free < self._warn else Space.ENOUGH
        return self._space

    def keeps(self, verdict: Verdict) -> bool:
        """Tell whether the pictures of a board with this verdict are stored."""
        return verdict is not Verdict.PASSED or self.space is not Space.OUT
