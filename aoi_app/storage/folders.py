"""Where settings and record lie when nobody names a place."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from aoi_app.core.errors import StoreError
from aoi_app.core.settings import Settings, load_settings
from aoi_app.storage.database import Place
from aoi_app.storage.migrate import prepare

DATA_VARIABLE = "AOI_DATA"
_APPLICATION = "aoi-station"


def data_dir(settings: Settings) -> Path:
    """Return the folder of the record: the settings' own, `AOI_DATA`, or the user's data folder."""
    chosen = settings.data_dir or os.environ.get(DATA_VARIABLE, "")
    return Path(chosen) if chosen else platformdirs.user_data_path(_APPLICATION, appauthor=False)


def settings_file(data: Path | None = None) -> Path:
    """Return where the settings lie: in the data folder that was named, else in the user's configuration folder."""
    chosen = data or (Path(os.environ[DATA_VARIABLE]) if os.environ.get(DATA_VARIABLE) else None)
    folder = chosen or platformdirs.user_config_path(_APPLICATION, appauthor=False)
    return folder / "settings.json"


def existing_record(data: Path | None = None) -> Place:
    """Return the record that a command works on, brought to today's shape. Raises StoreError without one."""
    place = record_place(data)
    if place.file is not None and not place.file.exists():
        raise StoreError(f"There is no record in {place.folder}.", "Give the data folder of a station with --data.")
    prepare(place)
    return place


def record_place(data: Path | None = None) -> Place:
    """Return the record that a command works on: a folder that was named, or what the settings say."""
    settings = load_settings(settings_file(data))
    return Place(data or data_dir(settings), settings.database_url)
