"""`aoi review`: a window for review only on the record of a station."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from aoi_app.core.errors import SettingsError, StoreError
from aoi_app.storage.review import Review
from aoi_app.storage.store import Store
from tests.cli.test_inspect import aoi
from tests.storage.boards import board, defects


def test_it_opens_on_the_record_beside_the_station_and_lets_go_of_it(tmp_path: Path) -> None:
    # The store is the running station's: it holds the lock of the folder meanwhile.
    store = Store(tmp_path)
    store.record(*board(1, *defects(2)))
    picture = tmp_path / "window.png"
    command = ["-m", "aoi_app", "review", "--data", str(tmp_path), "--offscreen", "--quit-after", "3"]
    done = subprocess.run(
        [sys.executable, *command, "--lang", "zh", "--screenshot", str(picture)],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    assert cv2.imread(str(picture)) is not None
    store.record(*board(2))
    store.close()
    review = Review(tmp_path)
    assert review.queue(holder="another") == ("board-000001",), "what it had in hand was given back"
    review.close()


def test_a_folder_without_a_record_is_said_and_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="There is no record"):
        raise aoi("review", "--data", tmp_path, "--offscreen").exception or AssertionError
    assert not (tmp_path / "aoi.db").exists()


def test_settings_that_cannot_be_are_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="language"):
        raise aoi("review", "--data", tmp_path, "--offscreen", "--lang", "xx").exception or AssertionError
    with pytest.raises(SettingsError, match="only PostgreSQL"):
        url = "mysql://host/aoi"
        raise aoi("review", "--data", tmp_path, "--offscreen", "--database", url).exception or AssertionError
