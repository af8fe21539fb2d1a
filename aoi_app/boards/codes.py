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


def _library() -> Any:
    try:
        import zxingcpp
    except ImportError as error:
        raise BackendMissing(
            "Bar codes cannot be read: zxing-cpp is not installed.", f"Install it with: {install_line(EXTRA)}"
        ) from error
    return zxingcpp
