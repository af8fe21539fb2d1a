"""Circuit boards drawn by the program: layout, defects, light and noise, with exact labels."""

from aoi_app.boards.draw import draw_board, draw_window
from aoi_app.boards.drawn import BARE_CODES, SMT_CODES, DrawnBoard, Label, Placement
from aoi_app.boards.product import BoardProduct
from aoi_app.boards.spec import BoardKind, BoardSpec, Look

__all__ = [
    "BARE_CODES",
    "SMT_CODES",
    "BoardKind",
    "BoardProduct",
    "BoardSpec",
    "DrawnBoard",
    "Label",
    "Look",
    "Placement",
    "draw_board",
    "draw_window",
]
