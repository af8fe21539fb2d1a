"""Reads the board that a recipe's regions are drawn on. Called in a worker thread."""

from __future__ import annotations

from collections.abc import Callable

from aoi_app.core.recipe import Recipe
from aoi_app.gui.board.picture import BoardPicture, picture_of_image
from aoi_app.gui.review.loading import read_file
from aoi_app.gui.services import HistoryReader
from aoi_app.station.golden_boards import GoldenBoards
from aoi_app.storage.query import HistoryQuery


def board_picture(
    recipe: Recipe, goldens: GoldenBoards | None, history: Callable[[], HistoryReader | None]
) -> tuple[BoardPicture, float] | None:
    """Return the picture for a recipe, and board pixels to one of the picture; None where there is none yet.

    The golden board, in whose pixels the regions are; where the recipe has none, the newest board.
    """
    golden = goldens.of(recipe) if goldens is not None else None
    if golden is not None:
        return picture_of_image(f"golden {recipe.golden}", golden), 1.0
    reader = history()
    if reader is None:
        return None
    rows = reader.page(HistoryQuery(recipes=(recipe.name,)), None, 1)
    record = reader.board(rows[0].board_id) if rows else None
    image = None if record is None else (read_file(record.board_image), read_file(record.row.preview))
    pixels = next((p for p in image or () if p is not None), None)
    if record is None or pixels is None:
        return None
    return picture_of_image(record.row.board_id, pixels), record.inspection.width / pixels.shape[1]
