"""A power cut: what was not brought to the disk is gone. No row may then name a picture that is not there, whole."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from sqlalchemy import event, select, union_all

from aoi_app.core.inspection import Verdict
from aoi_app.storage.database import Place, connect
from aoi_app.storage.pictures import PicturePolicy
from aoi_app.storage.schema import DefectTable, InspectionTable
from aoi_app.storage.store import Store
from tests.storage.boards import board, changed, defects

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc which file a handle is of")


class Disk:
    """What a disk holds that forgets everything it was not told to keep: contents by file, entries by folder."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self._kept: dict[int, bytes | dict[str, int]] = {}
        self._fsync = os.fsync
        monkeypatch.setattr(os, "fsync", self._keep)

    def _keep(self, handle: int) -> None:
        self._fsync(handle)
        path = Path(f"/proc/self/fd/{handle}").resolve()
        if path.is_dir():
            self._kept[path.stat().st_ino] = {entry.name: entry.stat().st_ino for entry in path.iterdir()}
        else:
            self._kept[path.stat().st_ino] = path.read_bytes()

    def after_power_cut(self, relative: str) -> bytes | None:
        """Return what is left of a file; None when it, or a folder that leads to it, is gone."""
        inode = self.root.stat().st_ino
        for part in Path(relative).parts:
            folder = self._kept.get(inode)
            if not isinstance(folder, dict) or part not in folder:
                return None
            inode = folder[part]
        left = self._kept.get(inode)
        return left if isinstance(left, bytes) else None


def test_pictures_are_on_the_disk_before_the_row_that_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    disk = Disk(folder, monkeypatch)
    store = Store(folder, policy=PicturePolicy(whole_boards=frozenset(Verdict)))
    checked: list[str] = []

    def look(connection: object) -> None:
        """Called before each commit: were the power to fail right after it, these rows would be there."""
        rows = list(connection.execute(_PICTURES))  # type: ignore[attr-defined]
        for (name,) in rows:
            file = f"images/{name}"
            assert disk.after_power_cut(file) == (folder / file).read_bytes(), f"{file} is not on the disk yet"
        checked.append(str(len(rows)))

    event.listen(store._database, "commit", look)
    for number in range(4):  # two days: a new day's folder is to be found as well
        one = board(number, *defects(2))
        store.record(*changed(one, ended_ns=one[0].ended_ns + (number // 2) * 86_400 * 10**9))
    store.close()
    assert checked == ["4", "8", "12", "16"]
    assert len(list(connect(Place(folder)).connect().execute(_PICTURES))) == 16


_PICTURES = union_all(select(InspectionTable.preview), select(InspectionTable.board_image), select(DefectTable.crop))
