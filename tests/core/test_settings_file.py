from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from aoi_app.core.errors import SettingsError
from aoi_app.core.settings import Settings, load_settings, save_settings

WITH_PASSWORD = Settings(database_url="postgresql://aoi:secret@server/aoi")


def rights(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


@pytest.mark.skipif(os.name == "nt", reason="rights are the folder's there")
def test_a_password_is_for_the_account_of_the_station_alone(tmp_path: Path) -> None:
    file = tmp_path / "station" / "settings.json"
    save_settings(WITH_PASSWORD, file)
    assert load_settings(file) == WITH_PASSWORD
    assert rights(file) == 0o600


@pytest.mark.skipif(os.name == "nt", reason="rights are the folder's there")
def test_rights_that_somebody_gave_stay(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    save_settings(Settings(), file)
    file.chmod(0o640)
    save_settings(WITH_PASSWORD, file)
    assert rights(file) == 0o640 and list(tmp_path.iterdir()) == [file]


def test_settings_that_cannot_be_written_say_where_and_what_holds(tmp_path: Path) -> None:
    (tmp_path / "no folder").write_text("")
    with pytest.raises(SettingsError, match=r"could not be written to .*no folder.*hold until the program ends"):
        save_settings(Settings(), tmp_path / "no folder" / "settings.json")
