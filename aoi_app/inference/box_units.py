"""What a network's boxes are measured in: pixels of its input, or shares of its sides, as TensorFlow's exports give."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.errors import EngineError, ModelError
from aoi_app.inference.card import BoxUnit
from aoi_app.inference.layout import Form, HeadSpec, anchors

_log = logging.getLogger(__name__)

Values = NDArray[Any]

SHARES_BELOW = 4.0
"""Half the boxes of a network that gives pixels reach further than this: it is less than a cell of any grid."""
ENOUGH = 4
"""Different boxes that cannot all lie within so few pixels of a corner."""
CORNER = 1.5
"""A share of a side is hardly more than one, and no defect of so few pixels is found."""
ALIKE = 0.9
"""Correlation of centres with the cells that they belong to, beyond which they are no offsets within them."""


def unit_of_cells(output: Values, head: HeadSpec, size: tuple[int, int]) -> BoxUnit | None:
    """Return what the boxes of all cells are measured in; None where too few have one."""
    values = (output[0] if head.channels_first else output[0].T)[:4].astype(np.float32)
    there = values.any(axis=0) & np.isfinite(values).all(axis=0)
    centres = values[:2, there]
    if not there.any():
        return None
    if np.median(np.abs(centres).max(axis=0)) >= SHARES_BELOW:
        return BoxUnit.PIXELS
    if not (np.ptp(centres, axis=1) > 0.5).all():
        return None
    if head.form is Form.GRID:
        cells, stride = anchors(size, head.strides)
        pairs = zip(centres, (cells * stride)[:, there], strict=True)
        return BoxUnit.SHARES if all(np.corrcoef(*pair)[0, 1] > ALIKE for pair in pairs) else BoxUnit.PIXELS
    return BoxUnit.SHARES


def unit_of_list(boxes: Values) -> BoxUnit | None:
    """Return what (n, 4) corners of a list of boxes are measured in; None where there are too few to tell."""
    solid = boxes[(boxes[:, 2:] > boxes[:, :2]).all(axis=1)].astype(np.float32)
    if not len(solid):
        return None
    if np.median(solid.max(axis=1)) >= SHARES_BELOW:
        return BoxUnit.PIXELS
    return BoxUnit.SHARES if len(np.unique(solid, axis=0)) >= ENOUGH else None


def agreed_unit(head: HeadSpec, found: BoxUnit | None, said: BoxUnit | None, path: str) -> BoxUnit | None:
    """Return the unit that the card says or a trial found; None where neither tells. Raises ModelError."""
    if said is not None and found is not None and said is not found:
        raise ModelError(
            f"The card of {path} says that its boxes are in {said.value}, but the network gives {found.value}.",
            f'Write "boxes": "{found.value}" in the card, or leave it out.',
        )
    if said is BoxUnit.SHARES and head.form is Form.COUNTED and "detection_boxes" in head.outputs:
        raise ModelError(
            f"{path} gives its boxes as TensorFlow's detectors do: shares of the sides, y before x.",
            "Export a YOLO network, or one whose boxes are x1 y1 x2 y2 in pixels.",
        )
    if found is BoxUnit.SHARES and said is None:
        _log.info("%s gives boxes as shares of the image's sides; they are turned into pixels.", path)
    return said or found


def in_pixels(output: Values, head: HeadSpec, size: tuple[int, int]) -> Values:
    """Return the output of a head with a value for each cell, its boxes turned from shares into pixels."""
    turned = output.astype(np.float32)
    boxes = turned[:, :4] if head.channels_first else np.moveaxis(turned, -1, 1)[:, :4]
    boxes *= sides(size)[:, None]
    return turned


def sides(size: tuple[int, int]) -> NDArray[np.float32]:
    """Return what turns shares of an input of (height, width) pixels into pixels: (4,) of x1 y1 x2 y2."""
    return np.array([size[1], size[0], size[1], size[0]], np.float32)


def refuse_shares(boxes: Values) -> None:
    """Refuse (n, 4) boxes, in pixels of a tile, that can only be shares: all of them would lie in its corner.

    For a network of which neither its card nor a trial tells. Raises EngineError.
    """
    if len(boxes) and np.median(boxes.max(axis=1)) <= CORNER:
        raise EngineError(
            f"The engine gave boxes that reach no further than {float(boxes.max()):.2f} px: they look like shares of "
            "the image's sides, and were taken for pixels.",
            'Write "boxes": "shares" in the card of the model; or "boxes": "pixels", if they are that small indeed.',
        )
