"""What a network gives for an empty image tells what its shapes leave open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.errors import ModelError
from aoi_app.inference.box_units import agreed_unit, in_pixels, unit_of_cells, unit_of_list
from aoi_app.inference.card import BoxUnit, Family
from aoi_app.inference.layout import BATCH_ROW, MAX_ROWS, ROW, Form, HeadSpec, anchors, anchors_per_cell
from aoi_app.inference.onnx_file import NetworkFile

Values = NDArray[Any]

OFF_GRID = 6.0
"""Strides between a box's centre and its cell, on the average of all cells, beyond which it is not of that cell."""


def settle(
    head: HeadSpec,
    values: Callable[[], Values],
    file: NetworkFile,
    size: tuple[int, int],
    *,
    family_said: bool,
    names_by_hand: bool,
    batch: int = 1,
    unit_said: BoxUnit | None = None,
) -> HeadSpec:
    """Settle what shapes leave open by the values that the network gives for an empty image.

    Parameters
    ----------
    values
        Runs the network, once, and returns the first of the outputs that are read.
    family_said
        The card names the family.
    names_by_hand
        The exporter wrote no names: nothing but a card says how many classes there are.
    batch
        Images of that run.
    unit_said
        What boxes are measured in, as the card says.

    Raises
    ------
    ModelError
        The values are none of a detector's, or not of so many classes.
    """
    name, path = head.outputs[0], file.path.name
    columns = head.classes + {Form.GRID: 5, Form.OBJECTNESS: 5, Form.CLASSES: 4}.get(head.form, 0)
    if columns == ROW and not (head.channels_first or family_said) and are_sorted_rows(values(), head.classes):
        head = HeadSpec(Family.YOLOV10, Form.ROWS, head.outputs, head.classes)
    head = replace(head, unit=agreed_unit(head, _unit(head, values, size), unit_said, path))
    if head.form in (Form.GRID, Form.CLASSES):
        given = in_pixels(values(), head, size) if head.unit is BoxUnit.SHARES else values()
        if head.form is Form.GRID:
            return _grid(head, given, file, size, family_said)
        if are_corners(given, head, size):
            return replace(head, form=Form.CORNERS)
        if names_by_hand:
            _check_classes(head, given, path, size)
    # As many columns as rows of boxes have: only their numbers tell a classifier, and a transformer, from them.
    if head.form is Form.BATCH_ROWS and head.classes == BATCH_ROW and is_classifier(values(), head.classes, batch):
        raise ModelError(
            f"{path} classifies whole images: its output {name} holds one value for each of the {head.classes} "
            "classes, without boxes.",
            "Export a detection model instead.",
        )
    if head.form is Form.ROWS and head.classes + 4 == ROW and not are_rows(values(), head.classes):
        raise ModelError(
            f"{path} does not look at a grid: the last column of its output {name} holds scores, "
            "where the number of the class was expected; it may be a transformer.",
            "Export a YOLO network instead.",
        )
    return head


def _unit(head: HeadSpec, values: Callable[[], Values], size: tuple[int, int]) -> BoxUnit | None:
    """Return what boxes are measured in, as far as the values of an empty image tell."""
    if head.form is Form.AOI:
        return BoxUnit.PIXELS
    if head.form is Form.COUNTED:
        return None  # its suppression is TensorRT's, which no trial here can run
    if head.form is Form.ROWS:
        return unit_of_list(values()[0, :, :4])
    return unit_of_list(values()[:, 1:5]) if head.form is Form.BATCH_ROWS else unit_of_cells(values(), head, size)


def _grid(head: HeadSpec, values: Values, file: NetworkFile, size: tuple[int, int], family_said: bool) -> HeadSpec:
    if not is_decoded(file, values, size):
        return head
    if not _on_grid(values[0] if head.channels_first else values[0].T, head, size):
        # As many anchors as another grid has cells: four for each cell, say.
        if anchors_per_cell(values.shape[2 if head.channels_first else 1], size, head.strides) is None or family_said:
            raise ModelError(
                f"{file.path.name} gives boxes that do not belong to the cells of its output {head.outputs[0]}.",
                "Export it with its usual strides and anchors.",
            )
        return replace(head, form=Form.OBJECTNESS, family=Family.YOLOV5, strides=())
    rgb = not family_said and has_no_objectness(values)
    return replace(head, form=Form.OBJECTNESS, family=Family.YOLOV5 if rgb else head.family)


def _check_classes(head: HeadSpec, output: Values, path: str, size: tuple[int, int]) -> None:
    """Refuse what only looks like boxes and classes because a card names another number of classes."""
    values = (output[0] if head.channels_first else output[0].T).astype(np.float32)
    if values[:4].any(axis=0).mean() < 0.5:
        return
    hint = "Name in the card exactly the classes that the network was trained on, without one for the background."
    if not _on_grid(values, head, size):
        raise ModelError(
            f"{path} gives no boxes that belong to the cells of its output {head.outputs[0]}: it is no network of the "
            f"{head.classes} classes that its card names.",
            hint,
        )
    # Class scores beside an objectness say which class it were if there was anything: they are high everywhere.
    if len(values) > 5 and (values[4] > 0.05).mean() < 0.01 and (values[5:].max(axis=0) > 0.05).mean() > 0.5:
        raise ModelError(
            f"The card of {path} names {head.classes} classes, but its output {head.outputs[0]} looks like that of "
            f"{head.classes - 1} with an objectness before them.",
            hint,
        )


def _on_grid(values: Values, head: HeadSpec, size: tuple[int, int]) -> bool:
    """Tell whether the first two of (channels, anchors) are centres near the cells that they should be of."""
    centres, stride = anchors(size, head.strides)
    if centres.shape[1] != values.shape[1]:
        return True
    away = np.abs(values[:2].astype(np.float32) / stride - centres)
    return bool(away.mean() < OFF_GRID)


def has_no_objectness(output: Values) -> bool:
    """Tell whether the objectness of a decoded output is one everywhere: YOLOv6 writes it for company only."""
    rows = output[0].T if output.shape[1] < output.shape[2] else output[0]
    return bool((rows[:, 4] == 1).all())


def are_rows(output: Values, classes: int) -> bool:
    """Tell whether the last of six columns holds numbers of classes; in a transformer's output it holds scores."""
    return _are_numbers(output[..., 5], classes)


def are_sorted_rows(output: Values, classes: int) -> bool:
    """Tell whether all rows of six hold corners, a score and a class, best score first, as an end-to-end head does."""
    scores, there = output[..., 4], output[..., 4] > 0
    # Suppression inside fills up with zeros, all of the rows where it found nothing.
    few = output.shape[-2] <= MAX_ROWS
    ordered = (output[..., 2:4] > output[..., :2])[there if few else ...]
    boxes = bool(ordered.mean() > 0.99) if ordered.size else few and not output.any()
    return boxes and bool((np.diff(scores, axis=-1) <= 0).all()) and are_rows(output, classes)


def is_classifier(output: Values, classes: int, batch: int) -> bool:
    """Tell whether rows of seven are the scores of each image: as many as images, and none that could be a box."""
    return len(output) == batch and not are_batch_rows(output, classes)


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
