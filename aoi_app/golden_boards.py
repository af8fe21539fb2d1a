"""Golden boards: of a recipe's file or, on a line that draws its boards, of the drawn product."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aoi_app.camera.drivers import drawn_source
from aoi_app.camera.images import read_board
from aoi_app.core.recipe import Recipe
from aoi_app.core.scan import BoardScan, Pixels
from aoi_app.core.settings import Settings
from aoi_app.demo import at_source, source_of
from aoi_app.line_recipes import images_folder
from aoi_app.station.golden import GoldenFiles
from aoi_app.storage.folders import record_place


class LineGolden:
    """The golden board of the recipe's file or, on a line that draws its boards, of the drawn product.

    Parameters
    ----------
    recorded
        It is asked for boards of the record, which may be of another demonstration than the one that runs.
    """

    def __init__(self, settings: Callable[[], Settings], path: Path | None, recorded: bool = False) -> None:
        self._settings = settings
        self._path = path
        self._recorded = recorded
        self._files = golden_files(path, lambda: images_folder(settings()))

    def __call__(self, scan: BoardScan, recipe: Recipe) -> Pixels | None:
        """Return the golden board of a scan, or None where there is none."""
        camera, drawn = self._settings().camera, source_of(recipe.name) if self._recorded else ""
        if drawn and drawn != camera.source and not (drawn == "simulated:bare" and camera.source == "simulated"):
            camera = at_source(camera, drawn)
        if self._path is None and not recipe.golden and camera.source.partition(":")[0] == "simulated":
            source = drawn_source(camera.source, camera.options)
            return source.golden if source is not None else None
        return self._files(scan, recipe)


def golden_files(path: Path | None, archive: Callable[[], Path] | None = None) -> GoldenFiles:
    """Return golden boards from image files; None takes each recipe's own, from the settings' archive by default."""
    return GoldenFiles(path, read_board, archive or (lambda: record_place().images))
