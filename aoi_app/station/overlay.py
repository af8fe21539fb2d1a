"""Pictures of boards with their defects drawn in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from aoi_app.core.errors import StoreError
from aoi_app.core.inspection import Defect
from aoi_app.core.scan import Pixels

_NO_NAME = re.compile(r'[\x00-\x1f<>:"/\\|?*]')

# BGR; told apart in greyscale by the label, not the colour
PALETTE = ((64, 64, 255), (0, 165, 255), (0, 215, 255), (255, 144, 30), (211, 85, 186), (113, 179, 60))


def draw_defects(image: Pixels, defects: Sequence[Defect]) -> Pixels:
    """Return a colour copy (BGR) of a board with a box and a label for each defect."""
    canvas = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR if image.ndim == 2 else cv2.COLOR_RGB2BGR)
    codes = sorted({d.defect_code for d in defects})
    pen = max(1, round(min(image.shape[:2]) / 600))
    for defect in defects:
        colour = PALETTE[codes.index(defect.defect_code) % len(PALETTE)]
        x1, y1, x2, y2 = (round(v) for v in defect.box)
        cv2.rectangle(canvas, (x1, y1), (x2, y2), colour, pen)
        label = f"{defect.defect_code} {defect.confidence:.2f}"
        (w, h), base = cv2.getTextSize(label, cv2.FONT_HERSHEY_SIMPLEX, 0.45 * pen, pen)
        x, y = min(x1, max(0, image.shape[1] - w)), y1 - base if y1 > h + 2 * base else y2 + h + base
        cv2.rectangle(canvas, (x, y - h - base // 2), (x + w, y + base), colour, -1)
        cv2.putText(canvas, label, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.45 * pen, (255, 255, 255), pen, cv2.LINE_AA)
    return np.asarray(canvas, np.uint8)


def write_overlay(folder: Path, name: str, image: Pixels, defects: Sequence[Defect]) -> Path:
    """Write a board with its defects as PNG into `folder`. Raises StoreError.

    A code on a board may hold characters that no file's name can: they become underscores.
    """
    file = folder / f"{_NO_NAME.sub('_', name)}.png"
    ok, data = cv2.imencode(".png", draw_defects(image, defects))
    try:
        if not ok:
            raise OSError("the picture could not be encoded")
        folder.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data.tobytes())
    except OSError as error:
        raise StoreError(
            f"{file} could not be written: {error}.", "Free some space or choose another folder."
        ) from error
    return file
