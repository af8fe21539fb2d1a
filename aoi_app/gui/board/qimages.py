"""From numpy to Qt's pictures."""

from __future__ import annotations

import cv2
import numpy as np
from PySide6.QtGui import QImage

from aoi_app.core.scan import Pixels


def as_qimage(pixels: Pixels) -> QImage:
    """Return a QImage that shares the array's memory; the array must live as long as the image.

    Parameters
    ----------
    pixels
        (rows, columns) or (rows, columns, 3) uint8, contiguous.
    """
    rows, columns = pixels.shape[:2]
    grey = pixels.ndim == 2
    kind = QImage.Format.Format_Grayscale8 if grey else QImage.Format.Format_RGB888
    return QImage(pixels.data, columns, rows, columns * (1 if grey else 3), kind)


def owned_qimage(pixels: Pixels) -> QImage:
    """Return a QImage with memory of its own."""
    return as_qimage(np.ascontiguousarray(pixels)).copy()


def resized(pixels: Pixels, width: int, height: int) -> Pixels:
    """Return a part of a picture at a screen size: smooth when made smaller, plain pixels when made larger.

    Ready-made halvings leave a factor between 1/2 and 1, where linear interpolation is clean; enlarged pixels stay
    squares, so that nobody takes interpolation for structure.
    """
    rows, columns = pixels.shape[:2]
    if (columns, rows) == (width, height):
        return np.ascontiguousarray(pixels)
    how = cv2.INTER_NEAREST if width >= columns else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=how), np.uint8)


def thumbnail(pixels: Pixels, longest: int) -> QImage:
    """Return a small picture with memory of its own."""
    rows, columns = pixels.shape[:2]
    factor = min(1.0, longest / max(rows, columns))
    size = max(1, round(columns * factor)), max(1, round(rows * factor))
    small = pixels if factor == 1 else cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return owned_qimage(np.asarray(small, np.uint8))
