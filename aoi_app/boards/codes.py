"""Bar codes on boards: read from a picture, and drawn on simulated boards. The one home of zxing-cpp."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.errors import BackendMissing, ImageError
from aoi_app.core.install import install_line

EXTRA = "barcode"
QUIET_MODULES = 2
"""Light modules around a drawn code."""
LABEL_MM, LABEL_TOP_MM = 8.0, 1.2
"""Side of the label on drawn boards, and its distance from their leading edge."""
LABEL_GREY = 235


def read_codes(image: NDArray[np.uint8], formats: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the texts of the bar codes in a picture, each once, from top to bottom.

    Parameters
    ----------
    image
        (lines, width[, 3]) uint8, grey or RGB.
    formats
        Kinds of codes that count, as in `core.changeover.CodeFormat`; empty for all that can be read.

    Raises
    ------
    BackendMissing
        The library is not installed.
    """
    library = _library()
    grey = np.ascontiguousarray(image if image.ndim == 2 else image[..., 1])
    kinds = [getattr(library.BarcodeFormat, name) for name in formats]
    wanted = {"formats": library.BarcodeFormats(kinds)} if kinds else {}
    found = library.read_barcodes(grey, **wanted)
    found.sort(key=lambda code: (code.position.top_left.y, code.position.top_left.x))
    return tuple(dict.fromkeys(str(code.text) for code in found if code.text))


def draw_code(text: str, code_format: str = "DataMatrix", module_px: int = 6) -> NDArray[np.uint8]:
    """Return a bar code, dark on light with its quiet zone, (h, w) uint8.

    Raises
    ------
    ImageError
        The text cannot be written in this kind of code.
    """
    library = _library()
    try:
        code = library.create_barcode(text, getattr(library.BarcodeFormat, code_format))
    except (AttributeError, ValueError, RuntimeError) as error:
        raise ImageError(
            f"{text!r} cannot be drawn as {code_format}: {error}.", "Choose another text or kind of code."
        ) from error
    modules = np.array(code.to_image(scale=1, add_quiet_zones=False), np.uint8)
    framed = np.pad(modules, QUIET_MODULES, constant_values=255)
    return np.asarray(np.kron(framed, np.ones((module_px, module_px), np.uint8)), np.uint8)


def label_box(width: int, px_per_mm: float) -> tuple[int, int, int, int]:
    """Return where the label is on a drawn board: x1, y1, x2, y2, in the middle of the leading edge."""
    side, top = round(LABEL_MM * px_per_mm), round(LABEL_TOP_MM * px_per_mm)
    left = (width - side) // 2
    return left, top, left + side, top + side


def labelled(board: NDArray[np.uint8], px_per_mm: float, text: str, code_format: str) -> NDArray[np.uint8]:
    """Return a board with a label on it: a bar code, or nothing on it where the text is empty.

    Raises
    ------
    ImageError
        The text does not fit on the label, or the label on the board.
    """
    x1, y1, x2, y2 = label_box(board.shape[1], px_per_mm)
    if x1 < 0 or y2 > board.shape[0]:
        raise ImageError(
            f"A board of {board.shape[1]} x {board.shape[0]} px has no room for a label of {x2 - x1} px.",
            "Draw larger boards, or give them no code.",
        )
    shown: NDArray[np.uint8] = board.copy()
    shown[y1:y2, x1:x2] = LABEL_GREY
    if text:
        modules = draw_code(text, code_format, 1)
        module_px = (x2 - x1) // max(modules.shape)
        if module_px < 2:
            raise ImageError(f"{text!r} is too long for a label of {x2 - x1} px.", "Give a shorter code_text.")
        code = np.kron(modules, np.ones((module_px, module_px), np.uint8))
        top, left = y1 + (y2 - y1 - code.shape[0]) // 2, x1 + (x2 - x1 - code.shape[1]) // 2
        place = shown[top : top + code.shape[0], left : left + code.shape[1]]
        place[:] = (code if board.ndim == 2 else code[..., None]) * (LABEL_GREY / 255)
    return shown


def _library() -> Any:
    try:
        import zxingcpp
    except ImportError as error:
        raise BackendMissing(
            "Bar codes cannot be read: zxing-cpp is not installed.", f"Install it with: {install_line(EXTRA)}"
        ) from error
    return zxingcpp
