"""Which of a network's outputs holds its detections, and how: told from shapes, never from the file's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.errors import ModelError
from aoi_app.inference.card import BoxUnit, Family, ModelCard
from aoi_app.inference.metadata import literal


class Form(str, Enum):
    """What the values of one detection mean.

    Boxes are in `HeadSpec.unit`. `nc` is the number of classes.
    """

    OBJECTNESS = "objectness"
    """Centre x, centre y, width, height, objectness, nc class scores: YOLOv5, YOLOv7, decoded YOLOX."""
    CLASSES = "classes"
    """Centre x, centre y, width, height, nc class scores: YOLOv8, v9, v11."""
    CORNERS = "corners"
    """x1, y1, x2, y2, nc class scores: the same families from exporters that give corners."""
    ROWS = "rows"
    """x1, y1, x2, y2, score, class: YOLOv10, v26, exports with suppression inside."""
    BATCH_ROWS = "batch rows"
    """Image of the batch, x1, y1, x2, y2, class, score: YOLOv7 exported end to end."""
    COUNTED = "counted"
    """Four outputs: number of detections, boxes x1 y1 x2 y2, scores, classes (EfficientNMS)."""
    GRID = "grid"
    """Offset x, offset y, log width, log height in strides, objectness, nc class scores: YOLOX as exported."""
    AOI = "aoi"
    """Our own raw head, see `Family.AOI`."""


@dataclass(frozen=True, slots=True)
class HeadSpec:
    """How to read a network's detections.

    Attributes
    ----------
    outputs
        Names of the outputs that are read: one, or four for `Form.COUNTED`.
    channels_first
        The output is (batch, channels, anchors), not (batch, anchors, channels).
    strides
        Of the grid behind the anchors, for the forms that are not decoded; else ().
    objectness_alone
        The objectness is the score: YOLOv5 and v7 do not train the class score of a single class, which stays at
        whatever it began with (0.5 in v7).
    unit
        What boxes are measured in; None where nothing has told it yet.
    """

    family: Family
    form: Form
    outputs: tuple[str, ...]
    classes: int
    channels_first: bool = False
    strides: tuple[int, ...] = ()
    reg_max: int = 0
    objectness_alone: bool = False
    unit: BoxUnit | None = BoxUnit.PIXELS


@dataclass(frozen=True, slots=True)
class Output:
    """An output with its whole shape, unknown dimensions resolved by running the network; None as a last resort."""

    name: str
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        return f"{self.name} ({', '.join('?' if d is None else str(d) for d in self.shape)})"


STRIDES = ((8, 16, 32), (8, 16, 32, 64), (8, 16, 32, 64, 128), (4, 8, 16, 32), (4, 8, 16), (8, 16), (16, 32))
"""Grids of the usual networks: P3 to P5, P6, P7, P2, and small ones."""

ANCHORS_OF_V5 = (3, 2, 4, 5, 6)
"""Boxes that a cell of YOLOv5 and v7 may have; three but for those who changed it."""
MAX_ROWS = 1000
"""Rows of `Form.ROWS` at most; 300 are usual."""
MASK_CHANNELS = 32
ROW = 6
"""Columns of `Form.ROWS`."""
BATCH_ROW = 7
"""Columns of `Form.BATCH_ROWS`."""

_COUNTED_NAMES = (
    ("num_dets", "det_boxes", "det_scores", "det_classes"),
    ("num_detections", "detection_boxes", "detection_scores", "detection_classes"),
    ("num_dets", "bboxes", "scores", "labels"),
)


def cells(size: tuple[int, int], strides: Sequence[int]) -> int:
    """Return the number of grid cells of an input of (height, width) pixels."""
    return sum(-(-size[0] // s) * -(-size[1] // s) for s in strides)


def anchors(size: tuple[int, int], strides: Sequence[int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the cells behind a network's anchors.

    Returns
    -------
    centres
        (2, anchors) float32, x and y of each cell's centre in cells of its stride.
    stride
        (anchors,) float32, pixels.
    """
    centres = [np.zeros((2, 0), np.float32)]
    widths = [np.zeros(0, np.float32)]
    for stride in strides:
        rows, columns = -(-size[0] // stride), -(-size[1] // stride)
        y, x = np.mgrid[:rows, :columns].astype(np.float32)
        centres.append(np.stack([x.ravel(), y.ravel()]) + np.float32(0.5))
        widths.append(np.full(rows * columns, stride, np.float32))
    return np.concatenate(centres, axis=1), np.concatenate(widths)


def identify(
    outputs: Sequence[Output],
    classes: int,
    size: tuple[int, int],
    card: ModelCard,
    metadata: Mapping[str, str],
    batch: int = 1,
) -> HeadSpec:
    """Find the detections among the outputs of a network with `classes` classes and (height, width) = `size`.

    Parameters
    ----------
    batch
        Images of a run that has outputs of these shapes.

    Raises
    ------
    ModelError
        Not a detector, or one of an unknown layout; says what was found and what was expected.
    """
    task = metadata.get("task", "detect").strip().lower()
    if task not in ("detect", "detection", "object-detection", ""):
        raise ModelError(
            f"This network is made for the task '{task}', not for detection.", "Export a detection model instead."
        )
    if card.family is Family.AOI:
        return _own(outputs, classes, size, card)
    by_name = {o.name: o for o in outputs}
    for names in _COUNTED_NAMES:
        if all(name in by_name for name in names):
            return HeadSpec(Family.YOLOV10, Form.COUNTED, names, classes)
    suppressed = _suppressed(metadata)
    found = [spec for o in outputs if (spec := _read(o, classes, size, card.family, suppressed)) is not None]
    if not found and card.family is not None:
        free = identify(outputs, classes, size, card.model_copy(update={"family": None}), metadata, batch)
        raise ModelError(
            f"The card says {card.family.value}, but the output {free.outputs[0]} is laid out as {free.family.value}.",
            "Correct the card, or leave the family out: it is told from the file.",
        )
    if not found:
        raise ModelError(
            _other_task(outputs, classes, size, metadata, batch)
            or f"The outputs do not fit a detector with {classes} classes: {_listed(outputs)}.",
            _expected(outputs, classes, size, batch),
        )
    return max(enumerate(found), key=lambda item: (_rank(item[1]), item[0]))[1]


def _rank(spec: HeadSpec) -> tuple[bool, bool]:
    """Prefer boxes that need no suppression, then the one-to-one branch; of twins the later one is the main head."""
    return spec.form in (Form.ROWS, Form.BATCH_ROWS), "one2one" in spec.outputs[0]


def _suppressed(metadata: Mapping[str, str]) -> bool:
    """Tell whether the exporter says that nothing is left to suppress."""
    arguments = literal(metadata.get("args", ""))
    nms = isinstance(arguments, dict) and arguments.get("nms") is True
    return nms or literal(metadata.get("end2end", "")) is True


def _read(
    output: Output, classes: int, size: tuple[int, int], wanted: Family | None, suppressed: bool
) -> HeadSpec | None:
    """Return how `output` holds detections, or None if it does not."""
    name, shape = (output.name,), output.shape
    if len(shape) == 2 and shape[1] == BATCH_ROW:
        return HeadSpec(Family.YOLOV10, Form.BATCH_ROWS, name, classes)
    if len(shape) != 3:
        return None
    for channels_first, (anchors, channels) in ((False, shape[1:]), (True, shape[:0:-1])):
        per_cell = _per_cell(anchors, size)
        objects = channels == classes + 5
        rows = channels == ROW and not channels_first
        fits = (
            # Before all others: the number of rows may be that of a grid by chance.
            (Family.YOLOV10, Form.ROWS, rows and suppressed),
            (Family.YOLOV8, Form.CLASSES, channels == classes + 4 and per_cell == 1),
            (Family.YOLOV5, Form.OBJECTNESS, objects and per_cell == 3),
            (Family.YOLOV10, Form.ROWS, rows and per_cell not in (None, 1, 3) and (anchors or 0) <= MAX_ROWS),
            (Family.YOLOV5, Form.OBJECTNESS, objects and per_cell not in (None, 1)),
            # Objectness and classes multiplied already.
            (Family.YOLOV5, Form.CLASSES, channels == classes + 4 and per_cell == 3),
            # One anchor a cell, where the card says so: YOLOv6 writes an objectness of one.
            (Family.YOLOV5, Form.OBJECTNESS, objects and per_cell == 1 and wanted is Family.YOLOV5),
            # Until it is known that the graph decodes the boxes itself.
            (Family.YOLOX, Form.GRID, objects and per_cell == 1 and (not channels_first or wanted is Family.YOLOX)),
            # A few rows, whatever grid has as many cells: nothing else has six columns with so many classes.
            (Family.YOLOV10, Form.ROWS, rows and (per_cell is None or (anchors or 0) <= MAX_ROWS)),
        )
        for family, form, fit in fits:
            if fit and wanted in (None, family):
                alone = form is Form.OBJECTNESS and per_cell != 1 and classes == 1
                strides = _strides(anchors, size)
                return HeadSpec(family, form, name, classes, channels_first, strides, objectness_alone=alone)
    return None


def _per_cell(anchors: int | None, size: tuple[int, int]) -> int | None:
    """Return how many anchors a grid cell has, or None when the number fits no grid."""
    # The usual numbers on any grid, before unusual ones.
    if _strides(anchors, size):
        return 1
    return anchors_per_cell(anchors, size)


def anchors_per_cell(anchors: int | None, size: tuple[int, int], besides: tuple[int, ...] = ()) -> int | None:
    """Return how many anchors, more than one, each cell of a grid but that of the strides `besides` has; else None."""
    for per_cell in ANCHORS_OF_V5:
        for strides in STRIDES:
            if strides != besides and anchors == per_cell * cells(size, strides):
                return per_cell
    return None


def _strides(anchors: int | None, size: tuple[int, int]) -> tuple[int, ...]:
    return next((s for s in STRIDES if anchors == cells(size, s)), ())


def _own(outputs: Sequence[Output], classes: int, size: tuple[int, int], card: ModelCard) -> HeadSpec:
    if not card.strides or card.reg_max < 1:
        raise ModelError(
            f"The card gives strides {card.strides} and reg_max {card.reg_max}; a raw head needs both.",
            "Correct the card, or export the model again.",
        )
    channels, anchors = classes + 4 * card.reg_max, cells(size, card.strides)
    for output in outputs:
        if output.shape[1:] == (channels, anchors):
            return HeadSpec(
                Family.AOI, Form.AOI, (output.name,), classes, True, tuple(card.strides), reg_max=card.reg_max
            )
    raise ModelError(
        f"The outputs do not fit the card: {_listed(outputs)}; expected (batch, {channels}, {anchors}) for "
        f"{classes} classes, reg_max {card.reg_max}, strides {card.strides} at {size[1]} x {size[0]} px.",
        "Use the card that was written with this model.",
    )


def _other_task(
    outputs: Sequence[Output], classes: int, size: tuple[int, int], metadata: Mapping[str, str], batch: int
) -> str:
    """Name the task of a network that is recognisably something else, or return ''."""
    masks = [o for o in outputs if len(o.shape) == 4 and o.shape[1] == MASK_CHANNELS]
    if _are_bare_rows(outputs, classes, batch):
        return (
            f"The output {outputs[0]} looks like a list of boxes that does not tell which image of a run they are on, "
            "nor what its columns hold."
        )
    if len(outputs) == 1 and len(outputs[0].shape) == 2:
        return f"This network classifies whole images: its output is {outputs[0]}, without boxes."
    for output in outputs:
        if len(output.shape) != 3:
            continue
        if masks and {classes + 4 + MASK_CHANNELS, classes + 5 + MASK_CHANNELS, 6 + MASK_CHANNELS} & {*output.shape}:
            return f"This is a segmentation network: {output} comes with masks {masks[0]}."
        channels = output.shape[1] if _per_cell(output.shape[2], size) else output.shape[2]
        rotated = channels == 7 and output.shape[1] == 300 and classes != 3
        if channels == classes + 5 or rotated:
            return (
                f"This looks like a network for rotated boxes: {output} has one channel more than boxes and the "
                f"{classes} classes that are named; or one class more than is named."
            )
        if "kpt_shape" in metadata or channels in (classes + 4 + 51, 6 + 51):
            return f"This looks like a pose network: {output} holds key points beside boxes and classes."
        if channels == classes + 4:
            return f"This network does not look at a grid: {output}; it may be a transformer."
    if _are_feature_maps(outputs):
        return f"These are bare feature maps, without the layer that makes boxes of them: {_listed(outputs)}."
    return ""


def _are_feature_maps(outputs: Sequence[Output]) -> bool:
    return bool(outputs) and all(len(o.shape) in (4, 5) for o in outputs)


def _are_bare_rows(outputs: Sequence[Output], classes: int, batch: int) -> bool:
    """Tell whether the only output is rows of six without a batch, not a value of each image for each class."""
    if len(outputs) != 1 or len(outputs[0].shape) != 2 or outputs[0].shape[1] != ROW:
        return False
    return outputs[0].shape[0] != batch or classes != ROW


def _expected(outputs: Sequence[Output], classes: int, size: tuple[int, int], batch: int) -> str:
    if _are_bare_rows(outputs, classes, batch):
        return (
            "Export it with its batch, (batch, n, 6): x1, y1, x2, y2, score, class; or as YOLOv7 does, (n, 7): image, "
            "x1, y1, x2, y2, class, score."
        )
    if _are_feature_maps(outputs):
        return (
            "Export it with that layer: YOLOv7's export.py makes it with --grid, YOLOv5's when it is not told --train."
        )
    grid = cells(size, STRIDES[0])
    return (
        f"Expected for {classes} classes at {size[1]} x {size[0]} px: (batch, {classes + 4}, {grid}), "
        f"(batch, {3 * grid}, {classes + 5}), (batch, {grid}, {classes + 5}) or (batch, n, 6)."
    )


def _listed(outputs: Sequence[Output]) -> str:
    return ", ".join(map(str, outputs))
