"""Pictures that go with a board's record: preview, a crop a defect, the whole board. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from aoi_app.core.errors import StoreError
from aoi_app.core.inspection import Defect, Verdict
from aoi_app.core.pages import own_pages
from aoi_app.core.scan import Pixels

Area = tuple[int, int, int, int]
"""x1, y1, x2, y2 in whole pixels of the board; x2 and y2 lie just outside."""


@dataclass(frozen=True, slots=True)
class PicturePolicy:
    """Which pictures are kept, and how large.

    Attributes
    ----------
    preview_px
        Longest side of the board's preview.
    crop_pad
        Context on each side of a defect, as a share of its longer side.
    crop_min_px, crop_max_px
        A crop shows at least so many pixels of the board, and is reduced to at most so many.
    max_crops
        A board with more defects than this (a wrong model, a wrong product) gets crops of the first ones, which are
        the most severe, so that one bad board cannot fill the disk or hold up the line.
    whole_boards
        Verdicts whose full-resolution image is kept, so that the board can be inspected again.
    """

    preview_px: int = 1024
    crop_pad: float = 0.75
    crop_min_px: int = 96
    crop_max_px: int = 1024
    max_crops: int = 200
    whole_boards: frozenset[Verdict] = frozenset()


DEFAULT_POLICY = PicturePolicy()


def preview_of(board: Pixels, longest: int) -> Pixels:
    """Return the board reduced so that its longer side is at most `longest` pixels.

    Exact halvings come first: they are an order of magnitude faster than one step by an odd factor.
    """
    height, width = board.shape[:2]
    scale = min(1.0, longest / max(height, width))
    target = (max(1, round(width * scale)), max(1, round(height * scale)))
    while min(board.shape[:2]) > 1 and max(board.shape[:2]) >= 2 * longest:
        rows, columns = board.shape[0] // 2, board.shape[1] // 2
        board = _resized(board[: 2 * rows, : 2 * columns], (columns, rows))
    return board if (board.shape[1], board.shape[0]) == target else _resized(board, target)


def crop_area(defect: Defect, board: Pixels, policy: PicturePolicy) -> Area | None:
    """Return the part of the board that shows a defect with its surroundings; None where it lies outside."""
    height, width = board.shape[:2]
    x1, y1, x2, y2 = defect.box
    pad = policy.crop_pad * max(x2 - x1, y2 - y1)
    half_w = max((x2 - x1) / 2 + pad, policy.crop_min_px / 2)
    half_h = max((y2 - y1) / 2 + pad, policy.crop_min_px / 2)
    cx, cy = (x1 + x2) / 2, (y1 + y2) / 2
    if not all(math.isfinite(v) for v in (cx, cy, half_w, half_h)):
        return None
    left, top = max(0, math.floor(cx - half_w)), max(0, math.floor(cy - half_h))
    right, bottom = min(width, math.ceil(cx + half_w)), min(height, math.ceil(cy + half_h))
    return (left, top, right, bottom) if left < right and top < bottom else None


def crop_of(board: Pixels, area: Area, longest: int) -> Pixels:
    """Return an area of the board, reduced when it is larger than `longest`."""
    x1, y1, x2, y2 = area
    part = board[y1:y2, x1:x2]
    scale = longest / max(x2 - x1, y2 - y1)
    return part if scale >= 1 else _resized(part, (max(1, round((x2 - x1) * scale)), max(1, round((y2 - y1) * scale))))


def encoded(picture: Pixels, suffix: str) -> bytes:
    """Return a grey or RGB picture as a file's bytes: `.jpg` for looking at, `.png` without loss."""
    # OpenCV writes its own channel order, blue first.
    pixels = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR) if picture.ndim == 3 else np.ascontiguousarray(picture)
    try:
        ok, data = cv2.imencode(suffix, pixels, _OPTIONS[suffix])
    except cv2.error as error:
        raise StoreError(f"A {picture.shape} picture cannot be encoded as {suffix}: {error}.", _REPORT) from error
    if not ok:
        raise StoreError(f"A {picture.shape} picture cannot be encoded as {suffix}.", _REPORT)
    return data.tobytes()


_REPORT = "Report this with the log."
_OPTIONS = {
    ".jpg": [cv2.IMWRITE_JPEG_QUALITY, 90],
    # The fastest level, and run lengths, which suit boards best: smaller and faster than the usual strategy.
    ".png": [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE],
}


def _resized(picture: Pixels, size: tuple[int, int]) -> Pixels:
    result = own_pages((size[1], size[0], *picture.shape[2:]))
    cv2.resize(picture, size, dst=result, interpolation=cv2.INTER_AREA)
    return result
