"""How a running line comes to its recipes: by people, by serial numbers, by bar codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from aoi_app.boards.codes import read_codes
from aoi_app.core.folders import data_dir
from aoi_app.core.settings import Settings
from aoi_app.station.changeover import ByBarcode, BySerial, Changeover
from aoi_app.storage.database import Place
from aoi_app.storage.recipes import RecipeBook


def images_folder(settings: Settings) -> Path:
    """Return the root of a station's image archive."""
    return Place(data_dir(settings), settings.database_url).images


class LineRecipes:
    """The recipe book as a running line reads it; opened when it is first needed.

    Parameters
    ----------
    settings
        The station's settings of now.
    """

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings
        self._book: tuple[tuple[Path, str], RecipeBook] | None = None

    def changeover(self, settings: Settings) -> Changeover | None:
        """Return how the settings want recipes to be chosen; None where people choose."""
        by = settings.changeover.by
        if by == "person":
            return None
        return BySerial(self._open().newest) if by == "serial" else ByBarcode(self._open().newest, read_codes)

    def note(self, act: str, subject: str, detail: Mapping[str, str]) -> None:
        """Write into the audit what the station did by itself."""
        station = self._settings().station
        self._open().note(f"station {station}".strip(), act, subject, detail)

    def _open(self) -> RecipeBook:
        settings = self._settings()
        place = (data_dir(settings), settings.database_url)
        if self._book is None or self._book[0] != place:
            if self._book is not None:
                self._book[1].close()
            self._book = place, RecipeBook(*place)
        return self._book[1]
