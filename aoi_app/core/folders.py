"""Where settings, record and the plant's images lie when nobody names a place."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from aoi_app.core.settings import Settings, load_settings

DATA_VARIABLE = "AOI_DATA"
IMAGES_VARIABLE = "AOI_PLANT_IMAGES"
_APPLICATION = "aoi-station"
_FROZEN = "frozen"


def data_dir(settings: Settings) -> Path:
    """Return the folder of the record: the settings' own, `AOI_DATA`, or the user's data folder."""
    chosen = settings.data_dir or os.environ.get(DATA_VARIABLE, "")
    return Path(chosen) if chosen else platformdirs.user_data_path(_APPLICATION, appauthor=False)


def settings_file(data: Path | None = None) -> Path:
    """Return where the settings lie: in the data folder that was named, else in the user's configuration folder."""
    chosen = data or (Path(os.environ[DATA_VARIABLE]) if os.environ.get(DATA_VARIABLE) else None)
    folder = chosen or platformdirs.user_config_path(_APPLICATION, appauthor=False)
    return folder / "settings.json"


def plant_images_dir(settings: Settings | None = None) -> Path:
    """Return the folder of the plant's own boards, on which engines are calibrated and compared.

    `AOI_PLANT_IMAGES`, else `frozen` in the data folder of these settings, or of the saved ones.
    """
    chosen = os.environ.get(IMAGES_VARIABLE)
    if chosen:
        return Path(chosen)
    return data_dir(load_settings(settings_file()) if settings is None else settings) / _FROZEN
