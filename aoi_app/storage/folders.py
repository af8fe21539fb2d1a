"""The record that a command works on."""

from __future__ import annotations

from pathlib import Path

from aoi_app.core.errors import StoreError
from aoi_app.core.folders import data_dir, settings_file
from aoi_app.core.settings import load_settings
from aoi_app.storage.database import Place
from aoi_app.storage.migrate import prepare


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


def station_of(data: Path | None = None) -> str:
    """Return the name of the station whose pictures lie in that folder."""
    return load_settings(settings_file(data)).station
