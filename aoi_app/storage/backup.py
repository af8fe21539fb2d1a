"""Backup and restore: a folder with the database as one file, its pictures, and what both must look like."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from aoi_app.core.errors import StoreError
from aoi_app.storage.audit import Audit
from aoi_app.storage.clock import from_us, now_us
from aoi_app.storage.copying import Progress, copy_rows, row_counts
from aoi_app.storage.database import DATABASE_FILE, IMAGES_FOLDER, Place, bare, connect, reading
from aoi_app.storage.faults import explained
from aoi_app.storage.goldens import copy_goldens
from aoi_app.storage.lock import StationLock
from aoi_app.storage.migrate import prepare, require_known
from aoi_app.storage.schema import HEAD

MANIFEST = "backup.json"
_TELL_EVERY = 50


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds.

    Attributes
    ----------
    revision
        Shape of its database.
    sha256
        Of its database file.
    rows
        Rows by table.
    pictures
        Number of picture files; 0 when they were left out.
    audit_head
        Hash of the last audit entry: proves later that nothing before it was changed.
    """

    made_us: int
    revision: str
    sha256: str
    rows: dict[str, int]
    pictures: int
    audit_head: str


def back_up(place: Place, target: Path, pictures: bool = True, progress: Progress | None = None) -> Manifest:
    """Copy a record while stations write it.

    Parameters
    ----------
    target
        Folder to make; it appears when it is complete.

    Raises
    ------
    StoreError
        It exists already, the disk is full, or the copy is not sound; nothing is left of it then.
    """
    if target.exists():
        raise StoreError(f"{target} exists already.", "Name a folder that does not exist; a backup overwrites nothing.")
    draft = target.with_name(target.name + ".part")
    with explained(str(target), target.parent):
        shutil.rmtree(draft, ignore_errors=True)
        try:
            draft.mkdir(parents=True)
            _copy_database(place, draft, progress)
            # They are parts of recipes, few and small: a backup without pictures has them too.
            copy_goldens(place.images, draft / IMAGES_FOLDER)
            count = _copy_pictures(place.images, draft / IMAGES_FOLDER, progress) if pictures else 0
            manifest = _describe(draft, count)
            (draft / MANIFEST).write_text(json.dumps(asdict(manifest), indent=2) + "\n", encoding="utf-8")
            draft.rename(target)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    return manifest


def restore(place: Place, source: Path, progress: Progress | None = None) -> Manifest:
    """Bring a backup back. No station may be running on the folder.

    The embedded database that is there is kept in the backups folder; pictures that are there stay, those that are
    missing are added. A server's database has to be empty.

    Raises
    ------
    StoreError
        The backup is not what was written or of a newer program, a station is running, or the server's database holds
        boards.
    """
    manifest = read_manifest(source)
    found = _sha256(source / DATABASE_FILE)
    if found != manifest.sha256:
        raise StoreError(
            f"{source / DATABASE_FILE} is not what was backed up: its SHA-256 is {found}, not {manifest.sha256}.",
            "Take another backup.",
        )
    # Before anything is replaced: what cannot be opened afterwards is no restored record.
    require_known(manifest.revision, str(source))
    lock = StationLock(place.folder)
    try:
        with explained(place.name, place.folder):
            _copy_pictures(source / IMAGES_FOLDER, place.images, progress)
            copy_goldens(source / IMAGES_FOLDER, place.images)
            if place.file is None:
                _restore_server(place, source, progress)
            else:
                _restore_file(place, place.file, source)
        prepare(place)
    finally:
        lock.release()
    return manifest


def read_manifest(source: Path) -> Manifest:
    """Return what a backup says of itself. Raises StoreError."""
    try:
        return Manifest(**json.loads((source / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise StoreError(
            f"{source} is no backup of this program: {MANIFEST} cannot be read ({error}).",
            "Name the folder that `aoi backup` made.",
        ) from error


def default_target(place: Place) -> Path:
    """Return a new folder for a backup, named after the time."""
    return place.backups / f"aoi-{from_us(now_us()).astimezone():%Y%m%d-%H%M%S}"


def _copy_database(place: Place, draft: Path, progress: Progress | None) -> None:
    copy = Place(draft)
    if place.file is not None:
        if not place.file.exists():
            raise StoreError(f"There is no record in {place.folder}.", "Give the data folder of a station.")
        with _open(place, read_only=True) as engine, bare(engine) as connection:
            connection.exec_driver_sql("VACUUM INTO ?", (str(copy.file),))
        return
    prepare(copy)
    with _open(place, read_only=True) as theirs, _open(copy) as ours:
        with reading(theirs) as source, ours.begin() as target:
            copy_rows(source, target, progress)
        with bare(ours) as connection:
            # One plain file, no log beside it.
            connection.exec_driver_sql("PRAGMA journal_mode=DELETE")


def _describe(draft: Path, pictures: int) -> Manifest:
    """Look at the copy, not at the source: that is what a restore will read."""
    copy = Place(draft)
    with _open(copy, read_only=True) as engine, reading(engine) as connection:
        (sound,) = connection.exec_driver_sql("PRAGMA integrity_check(1)").one()
        if sound != "ok":
            raise StoreError(f"The copy of the database is damaged: {sound}.", "Check the disk that it was written to.")
        revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
        rows = row_counts(connection) if revision == HEAD else {}
    head = ""
    if revision == HEAD:
        audit = Audit(copy)
        head = audit.verify().head
        audit.close()
    for leftover in ("-wal", "-shm"):
        Path(f"{copy.file}{leftover}").unlink(missing_ok=True)
    return Manifest(now_us(), revision, _sha256(draft / DATABASE_FILE), rows, pictures, head)


def _restore_file(place: Place, file: Path, source: Path) -> None:
    draft = file.with_name(file.name + ".restored")
    shutil.copyfile(source / DATABASE_FILE, draft)
    with draft.open("rb+") as written:
        os.fsync(written.fileno())
    # The log of a station that was killed goes into its database first: should the power fail between the moves below,
    # neither is the database without its last boards, nor the restored one beside a log that is not its own.
    with suppress(SQLAlchemyError), _open(Place(place.folder)) as engine, bare(engine) as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    if file.exists():
        place.backups.mkdir(parents=True, exist_ok=True)
        aside = place.backups / f"aoi-{from_us(now_us()):%Y%m%d-%H%M%S-%f}-before-restore.db"
        # A log that could not be folded in, of a database that is damaged, goes with it.
        for suffix in ("-wal", "-shm"):
            if Path(f"{file}{suffix}").exists():
                Path(f"{file}{suffix}").replace(f"{aside}{suffix}")
        file.replace(aside)
    draft.replace(file)


def _restore_server(place: Place, source: Path, progress: Progress | None) -> None:
    prepare(place)
    with tempfile.TemporaryDirectory() as scratch:
        # The backup itself is not touched; one of an older program is brought to today's shape first.
        copy = Place(Path(scratch))
        shutil.copyfile(source / DATABASE_FILE, Path(scratch) / DATABASE_FILE)
        prepare(copy)
        with _open(copy) as theirs, _open(place) as ours, reading(theirs) as backup, ours.begin() as target:
            taken = {name: n for name, n in row_counts(target).items() if n and name != "audit_head"}
            if taken:
                raise StoreError(
                    f"{place.name} is not empty ({', '.join(f'{n} rows in {name}' for name, n in taken.items())}).",
                    "Create an empty database, name it in the settings, and restore into that.",
                )
            copy_rows(backup, target, progress)


def _copy_pictures(source: Path, target: Path, progress: Progress | None) -> int:
    """Copy the boards' folders that are not there yet; a picture never changes, so a link is as good as a copy."""
    count, done = 0, 0
    days = sorted(day for day in source.glob("[0-9]*-*-*") if not day.is_symlink())
    total = sum(len(list(day.iterdir())) for day in days)
    for day in days:
        for board in day.iterdir():
            done += 1
            if progress is not None and (done % _TELL_EVERY == 0 or done == total):
                progress(done, total)
            if board.is_symlink() or not board.is_dir():  # no board of this program: what it points to stays outside
                continue
            home = target / day.name / board.name
            if not home.exists():
                home.parent.mkdir(parents=True, exist_ok=True)
                draft = home.with_name(f".{home.name}.part")
                shutil.rmtree(draft, ignore_errors=True)
                try:
                    _copy_board(board, draft)
                except FileNotFoundError:
                    shutil.rmtree(draft, ignore_errors=True)
                    if board.exists():
                        raise
                    continue  # retention removed the board meanwhile
                draft.rename(home)
            count += sum(1 for _ in home.iterdir())
    return count


def _copy_board(board: Path, draft: Path) -> None:
    """Copy the pictures of a board: plain files, one beside the other. `copytree` would hide why it failed."""
    draft.mkdir()
    with os.scandir(board) as pictures:
        for picture in pictures:
            if picture.is_file(follow_symlinks=False):
                _link_or_copy(picture.path, str(draft / picture.name))


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def bring_to_disk() -> None:
    """Wait until everything that was copied is on the disk: what is said to be there outlives the next power cut."""
    if sys.platform != "win32":
        os.sync()


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with explained(str(file), file.parent), file.open("rb") as data:
        while piece := data.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


@contextmanager
def _open(place: Place, read_only: bool = False) -> Iterator[Engine]:
    engine = connect(place, read_only=read_only)
    try:
        yield engine
    finally:
        engine.dispose()
