"""What a network gives for an empty image tells what its shapes leave open."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.errors import ModelError
from aoi_app.inference.layout import HeadSpec, anchors
from aoi_app.inference.onnx_file import NetworkFile

Values = NDArray[Any]


def has_no_objectness(output: Values) -> bool:
    """Tell whether the objectness of a decoded output is one everywhere: YOLOv6 writes it for company only."""
    rows = output[0].T if output.shape[1] < output.shape[2] else output[0]
    return bool((rows[:, 4] == 1).all())


def are_rows(output: Values, classes: int) -> bool:
    """Tell whether the last of six columns holds numbers of classes; in a transformer's output it holds scores."""
    return _are_numbers(output[..., 5], classes)


def are_batch_rows(output: Values, classes: int) -> bool:
    """Tell whether rows of seven hold an image of the batch, a box, a class and a score; a classifier's hold scores."""
    boxes = bool((output[:, 3:5] > output[:, 1:3]).all())
    return boxes and _are_numbers(output[:, 0], max(len(output), 1)) and _are_numbers(output[:, 5], classes)


def _are_numbers(column: Values, below: int) -> bool:
    return bool(((column == np.rint(column)) & (column >= 0) & (column < below)).all())


def is_decoded(file: NetworkFile, output: NDArray[Any], size: tuple[int, int]) -> bool:
    """Tell whether a YOLOX graph gives pixels: then its centres reach over the image, offsets are a few cells."""
    rows = output[0].T if output.shape[1] < output.shape[2] else output[0]
    centres = rows[:, :2].astype(np.float32)
    if not np.isfinite(centres).all():
        raise ModelError(
            f"{file.path.name} gives values that are no numbers, even for an empty image.", "Export it again."
        )
    return bool((np.ptp(centres, axis=0) > np.array([size[1], size[0]]) / 2).all())


def are_corners(output: NDArray[Any], head: HeadSpec, size: tuple[int, int]) -> bool:
    """Tell whether boxes are given by their corners: then their middles lie on the grid, not their first two values.

    Only where most cells have a box: too few tell nothing of the grid, and centres are what exporters give.
    """
    values = (output[0] if head.channels_first else output[0].T)[:4].astype(np.float32)
    if not np.isfinite(values).all():
        return False
    # Widths and heights beyond the centres' own co-ordinates: only corners are like that all over the image.
    ordered = bool(np.mean((values[2:] >= values[:2]).all(axis=0)) > 0.99)
    centres, stride = anchors(size, head.strides)
    if centres.shape[1] != values.shape[1]:
        return ordered
    has_box = values.any(axis=0)
    if has_box.mean() < 0.5:
        return False
    values, grid = values[:, has_box], (centres * stride)[:, has_box]
    as_centres = np.abs(values[:2] - grid).mean()
    as_corners = np.abs((values[:2] + values[2:]) / 2 - grid).mean()
    return ordered and bool(as_corners < as_centres)
