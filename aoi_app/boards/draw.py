"""Drawing boards: the same spec and seed give the same board on every machine."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from aoi_app.boards.bare.defects import CLASS_MIX, add_defects
from aoi_app.boards.bare.layout import draw_copper, draw_whole_copper
from aoi_app.boards.drawn import DrawnBoard, Image, Label, as_image, frozen
from aoi_app.boards.look import COPPER_GREY, LAMINATE_GREY, binarised, lit, shifted
from aoi_app.boards.smt.assembly import draw_assembly
from aoi_app.boards.smt.defects import SMT_MIX, make_defects
from aoi_app.boards.spec import BoardKind, BoardSpec, Look


def draw_window(spec: BoardSpec, seed: int | Sequence[int]) -> DrawnBoard:
    """Return a window cut from a larger board: what a network is trained on.

    Parameters
    ----------
    seed
        One number or several, such as (data set, sample).
    """
    return _DRAW[spec.kind](spec, np.random.default_rng(seed), True)


def draw_board(spec: BoardSpec, seed: int | Sequence[int]) -> DrawnBoard:
    """Return a whole board, with rim and fiducials."""
    return _DRAW[spec.kind](spec, np.random.default_rng(seed), False)


def _assembled(spec: BoardSpec, rng: np.random.Generator, window: bool) -> DrawnBoard:
    board = draw_assembly(spec.width, spec.lines, spec.px_per_mm, rng, whole=not window)
    scan = board.golden.copy()
    count = int(rng.integers(spec.defects[0], spec.defects[1] + 1))
    edits = make_defects(board, rng, [str(c) for c in rng.choice(list(SMT_MIX), count, p=list(SMT_MIX.values()))])
    for edit in edits:
        x1, y1, x2, y2 = edit.label.box
        scan[y1:y2, x1:x2] = edit.pixels
    pictures = []
    for picture, move in ((scan, (0.0, 0.0)), (board.golden, _misregistration(spec, rng))):
        seen = picture if spec.colour else as_image(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
        seen = shifted(seen, *move, border=0)
        pictures.append(frozen(lit(seen, rng) if spec.look is Look.LINE_SCAN else seen))
    labels = tuple(edit.label for edit in edits)
    return DrawnBoard(pictures[0], pictures[1], labels, spec.px_per_mm, board.placements)


def _misregistration(spec: BoardSpec, rng: np.random.Generator) -> tuple[float, float]:
    x, y = rng.uniform(-spec.misregistration_px, spec.misregistration_px, 2)
    return float(x), float(y)


def _bare(spec: BoardSpec, rng: np.random.Generator, window: bool) -> DrawnBoard:
    draw = draw_copper if window else draw_whole_copper
    golden = draw(spec.width, spec.lines, spec.px_per_mm, rng)
    scan = golden.copy()
    codes = rng.choice(
        list(CLASS_MIX), int(rng.integers(spec.defects[0], spec.defects[1] + 1)), p=list(CLASS_MIX.values())
    )
    labels = add_defects(scan, rng, tuple(str(c) for c in codes), spec.px_per_mm)
    return bare_scan(scan, golden, labels, spec, rng)


def bare_scan(
    copper: Image, golden: Image, labels: Sequence[Label], spec: BoardSpec, rng: np.random.Generator
) -> DrawnBoard:
    """Return the pictures that a camera takes of `copper` and of the defect-free `golden` copper (255 is copper)."""
    move = _misregistration(spec, rng)
    pictures = []
    for sheet, x, y in ((copper, 0.0, 0.0), (golden, move[0], move[1])):
        ideal = shifted(as_image(cv2.bitwise_not(sheet)), x, y, 255)
        if spec.look is Look.BINARY:
            ideal = binarised(ideal, rng)
        elif spec.look is Look.LINE_SCAN:
            levels = np.linspace(COPPER_GREY, LAMINATE_GREY, 256).astype(np.uint8)
            ideal = lit(as_image(cv2.LUT(ideal, levels)), rng)
        pictures.append(frozen(ideal))
    return DrawnBoard(pictures[0], pictures[1], tuple(labels), spec.px_per_mm)


_DRAW = {BoardKind.BARE: _bare, BoardKind.ASSEMBLED: _assembled}
