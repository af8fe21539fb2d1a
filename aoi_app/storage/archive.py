"""The image archive: a folder a day, in it a folder a board, complete or absent."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from aoi_app.core.inspection import Inspection
from aoi_app.core.scan import Pixels
from aoi_app.storage.clock import utc_day
from aoi_app.storage.faults import explained
from aoi_app.storage.pictures import Area, PicturePolicy, crop_area, crop_of, encoded, preview_of

STAGING = ".staging"
_TRIES = 20
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class Kept:
    """Where a board's pictures lie, relative to the archive.

    Attributes
    ----------
    crops
        One entry a defect: file and the area of the board it shows; None for one without a crop.
    hashes
        SHA-256 of each file, by its name.
    """

    preview: str | None = None
    board: str | None = None
    crops: tuple[tuple[str, Area] | None, ...] = ()
    hashes: Mapping[str, str] = field(default_factory=dict)


def folder_name(board_id: str) -> str:
    """Return a board's name as a folder name that every file system takes, different for different boards."""
    safe = re.sub(r"[^a-z0-9_-]", "_", board_id.lower())[:80]
    # Windows takes capitals for small letters, and keeps some names of up to four letters for itself.
    return (
        safe if safe == board_id and len(safe) > 4 else f"{safe}-{hashlib.sha256(board_id.encode()).hexdigest()[:16]}"
    )


def board_folder(board_id: str, ended_us: int) -> str:
    """Return a board's folder, relative to the archive."""
    return f"{utc_day(ended_us)}/{folder_name(board_id)}"


def picture_file(root: Path, name: str) -> Path | None:
    """Return the file of a picture that a row names, relative to the archive; None for one outside of it.

    A restored backup may have been written by anybody: its rows must not have other files read, or removed.
    """
    relative = Path(name)
    return None if relative.is_absolute() or relative.drive or ".." in relative.parts else root / relative


class Archive:
    """Writes and sweeps pictures; one writer.

    Parameters
    ----------
    root
        Made when it is missing.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def keep(self, inspection: Inspection, board: Pixels, policy: PicturePolicy) -> Kept:
        """Write a board's pictures so that they are all there, on the disk, or none is.

        Parameters
        ----------
        board
            (lines, width[, 3]) uint8; a board of no lines has no pictures.

        Raises
        ------
        StoreError
            Nothing of the board is left then.
        """
        if board.size == 0:
            return Kept(crops=(None,) * len(inspection.defects))
        home = board_folder(inspection.board_id, inspection.ended_ns // 1000)
        crops: list[tuple[str, Area] | None] = []
        files: dict[str, Callable[[], bytes]] = {
            "preview.jpg": lambda: encoded(preview_of(board, policy.preview_px), ".jpg")
        }
        for number, defect in enumerate(inspection.defects):
            area = crop_area(defect, board, policy) if number < policy.max_crops else None
            crops.append(None if area is None else (f"{home}/{number:03d}.png", area))
            if area is not None:
                files[f"{number:03d}.png"] = partial(_crop, board, area, policy.crop_max_px)
        whole = inspection.verdict in policy.whole_boards
        if whole:
            files["board.png"] = lambda: encoded(board, ".png")
        hashes = self._write(home, files)
        return Kept(f"{home}/preview.jpg", f"{home}/board.png" if whole else None, tuple(crops), hashes)

    def _write(self, home: str, files: Mapping[str, Callable[[], bytes]]) -> dict[str, str]:
        """Write files into a staging folder, bring them to the disk, then rename the folder in one step.

        Returns
        -------
        dict
            SHA-256 of each file, by its name.
        """
        hashes: dict[str, str] = {}
        final, draft = self.root / home, self.root / STAGING / Path(home).name
        with explained(str(self.root), self.root):
            try:
                shutil.rmtree(draft, ignore_errors=True)
                draft.mkdir(parents=True)
                for name, picture in files.items():
                    data = picture()
                    hashes[name] = hashlib.sha256(data).hexdigest()
                    with (draft / name).open("wb") as file:
                        file.write(data)
                        file.flush()
                        os.fsync(file.fileno())
                _sync_folder(draft)
                # Left by a board whose row was never written: nothing refers to it.
                shutil.rmtree(final, ignore_errors=True)
                new_day = not final.parent.exists()
                _rename(draft, final)
                _sync_folder(final.parent)
                if new_day:
                    _sync_folder(self.root)
            except OSError:
                shutil.rmtree(draft, ignore_errors=True)
                raise
        return hashes

    def forget(self, board_id: str, ended_us: int) -> None:
        """Remove the pictures of a board that has no row; never raises."""
        shutil.rmtree(self.root / board_folder(board_id, ended_us), ignore_errors=True)

    def boards(self, from_day: str = "") -> Iterator[str]:
        """Yield the folders of all boards of a day and later, relative to the archive."""
        if not self.root.is_dir():
            return
        for day in sorted(entry.name for entry in os.scandir(self.root) if _DAY.fullmatch(entry.name)):
            if day >= from_day:
                yield from (f"{day}/{entry.name}" for entry in os.scandir(self.root / day) if entry.is_dir())

    def open(self) -> None:
        """Make the archive, and remove what a crash left half-written."""
        with explained(str(self.root), self.root):
            if not self.root.is_dir():
                self.root.mkdir(parents=True, exist_ok=True)
                _sync_folder(self.root.parent)
        shutil.rmtree(self.root / STAGING, ignore_errors=True)

    def remove(self, folders: Collection[str]) -> None:
        """Remove boards' folders; never raises."""
        for folder in folders:
            shutil.rmtree(self.root / folder, ignore_errors=True)

    def remove_empty_days(self) -> None:
        """Remove the folders of days of which nothing is left."""
        for day in self.root.glob("[0-9]*-*-*"):
            with contextlib.suppress(OSError):
                day.rmdir()


def _rename(draft: Path, final: Path) -> None:
    """Move a folder to its day, in one step."""
    for attempt in range(_TRIES):
        try:
            final.parent.mkdir(exist_ok=True)
            draft.rename(final)
            return
        except (FileNotFoundError, FileExistsError):
            # Housekeeping removes days of which nothing is left, and this one was still empty: it went between the two
            # steps, or while `mkdir` looked what stands there already.
            if attempt == _TRIES - 1 or not draft.exists():
                raise


def _crop(board: Pixels, area: Area, longest: int) -> bytes:
    return encoded(crop_of(board, area, longest), ".png")


def _sync_folder(folder: Path) -> None:
    """Bring a folder's entries to the disk; Windows does so by itself."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
