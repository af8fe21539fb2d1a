"""From a network's raw outputs to detections in pixels of the tile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.detection import Detections
from aoi_app.core.errors import EngineError
from aoi_app.inference.box_units import refuse_shares, sides
from aoi_app.inference.boxes import suppress
from aoi_app.inference.card import BoxUnit
from aoi_app.inference.layout import Form, HeadSpec, anchors

NMS_IOU = 0.5
MAX_CANDIDATES = 1000
"""Best candidates of a tile that go into suppression; more than this is noise."""
MAX_DETECTIONS = 300
SECOND_NAMES_BELOW = 0.05
"""Only where so little confidence is asked for, as in an evaluation, a place gets the names it has less claim to."""
SECOND_NAME_WEIGHT = 0.5
"""What a second name's score counts: it must never stand beside the first one on a line."""

NOT_WHOLE = 1e-3
"""What is further than this from a whole number is no number of a class."""

Raw = NDArray[Any]
_Candidates = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]


class Decoder:
    """Reads the outputs of one network.

    Thresholds come first and only what passes is decoded: a tile costs little more than one look at its scores.

    Parameters
    ----------
    size
        (height, width) of the network's input.
    min_confidence
        Least score, 0 to 1, of a detection.
    """

    def __init__(
        self,
        head: HeadSpec,
        size: tuple[int, int],
        min_confidence: float,
        *,
        nms_iou: float = NMS_IOU,
        max_detections: int = MAX_DETECTIONS,
    ) -> None:
        self._head = head
        self._size = size
        # A score of nothing is no detection; and a logit of -inf would let everything through.
        self._least = min(max(min_confidence, 1e-4), 1 - 1e-6)
        self._iou = nms_iou
        self._max = max_detections
        self._read = _READERS[head.form]
        self._centres, self._stride = anchors(size, head.strides)

    def decode(self, outputs: Sequence[Raw], count: int) -> list[Detections]:
        """Return the detections of the first `count` tiles of a batch, best first, clipped to the tile.

        Parameters
        ----------
        outputs
            In the order of `HeadSpec.outputs`.

        Raises
        ------
        EngineError
            An output is not finite, has another shape than the model promised, or boxes in a unit that nothing told.
        """
        self._check(outputs, count)
        return [self._finish(*self._read(self, outputs, tile)) for tile in range(count)]

    def _check(self, outputs: Sequence[Raw], count: int) -> None:
        if len(outputs) != len(self._head.outputs):
            raise EngineError(f"The engine gave {len(outputs)} outputs, {len(self._head.outputs)} were expected.")
        for name, values in zip(self._head.outputs, outputs, strict=True):
            if values.ndim == 0 or (len(values) < count and self._head.form is not Form.BATCH_ROWS):
                raise EngineError(f"The engine gave an output {name} of shape {values.shape} for {count} tiles.")
            # A sum is the cheapest look at every value: one that is no number makes it no number.
            if values.dtype.kind == "f" and not np.isfinite(np.add.reduce(values, axis=None, dtype=np.float32)):
                raise EngineError(
                    f"The engine gave values that are no numbers in its output {name}.",
                    "Use a higher precision, or another engine for this model.",
                )

    def _finish(
        self, boxes: NDArray[np.float32], scores: NDArray[np.float32], classes: NDArray[np.int32]
    ) -> Detections:
        if self._head.unit is BoxUnit.SHARES:
            boxes *= sides(self._size)
        elif self._head.unit is None:
            refuse_shares(boxes)
        height, width = self._size
        np.clip(boxes[:, 0::2], 0, width, out=boxes[:, 0::2])
        np.clip(boxes[:, 1::2], 0, height, out=boxes[:, 1::2])
        solid = np.all(boxes[:, 2:] > boxes[:, :2], axis=1)
        found = Detections(boxes, scores, classes).take(solid)
        if len(found) > MAX_CANDIDATES:
            found = found.take(np.sort(np.argsort(-found.scores, kind="stable")[:MAX_CANDIDATES]))
        if self._head.form in _SUPPRESSED:
            return found.take(np.argsort(-found.scores, kind="stable")[: self._max])
        kept, boxes = suppress(found.boxes, found.scores, found.classes, self._iou)
        kept = kept[: self._max]
        return Detections(boxes[: self._max], found.scores[kept], found.classes[kept])

    def _channels_first(self, outputs: Sequence[Raw], tile: int) -> Raw:
        values: Raw = outputs[0][tile]
        return values if self._head.channels_first else values.T

    def _classes(self, outputs: Sequence[Raw], tile: int) -> _Candidates:
        values = self._channels_first(outputs, tile)
        where = np.flatnonzero(values[4:].max(axis=0) >= self._least)
        picked = values[:, where].astype(np.float32)
        classes, scores = _best(picked[4:])
        boxes = _corners(picked[:4]) if self._head.form is Form.CLASSES else np.ascontiguousarray(picked[:4].T)
        return boxes, scores, classes

    def _objectness(self, outputs: Sequence[Raw], tile: int) -> _Candidates:
        values = self._channels_first(outputs, tile)
        picked = values[:, values[4] >= self._least].astype(np.float32)
        classes, scores = _best(picked[5:])
        scores = picked[4] if self._head.objectness_alone else scores * picked[4]
        keep = scores >= self._least
        return _corners(picked[:4, keep]), scores[keep], classes[keep]

    def _grid(self, outputs: Sequence[Raw], tile: int) -> _Candidates:
        values = self._channels_first(outputs, tile)
        where = np.flatnonzero(values[4] >= self._least)
        picked = values[:, where].astype(np.float32)
        classes, scores = _best(picked[5:])
        scores = scores * picked[4]
        keep = scores >= self._least
        where, picked = where[keep], picked[:, keep]
        stride = self._stride[where]
        # YOLOX counts from a cell's corner, not from its centre.
        centre = (picked[:2] + self._centres[:, where] - 0.5) * stride
        # Beyond e^20 strides there is no board; without a bound a wild value would overflow.
        sides = np.exp(np.minimum(picked[2:4], 20)) * stride
        return _corners(np.concatenate([centre, sides])), scores[keep], classes[keep]

    def _own(self, outputs: Sequence[Raw], tile: int) -> _Candidates:
        values, nc, bins = outputs[0][tile], self._head.classes, self._head.reg_max
        least = np.log(self._least / (1 - self._least))
        where = np.flatnonzero(values[:nc].max(axis=0) >= least)
        classes, logits = _best(values[:nc, where].astype(np.float32))
        weight = np.ones(len(where), np.float32)
        if self._least < SECOND_NAMES_BELOW:
            others, at = np.nonzero((values[:nc, where] >= least) & (np.arange(nc)[:, None] != classes))
            logits = np.concatenate([logits, values[others, where[at]].astype(np.float32)])
            weight = np.concatenate([weight, np.full(len(at), SECOND_NAME_WEIGHT, np.float32)])
            classes, where = np.concatenate([classes, others.astype(np.int32)]), np.concatenate([where, where[at]])
        picked = values[:, where].astype(np.float32)
        weights = picked[nc:].reshape(4, bins, len(where))
        weights = np.exp(weights - weights.max(axis=1, keepdims=True))
        distance = np.einsum("sbn,b->sn", weights, np.arange(bins, dtype=np.float32)) / weights.sum(axis=1)
        centre = self._centres[:, where]
        boxes = np.concatenate([centre - distance[:2], centre + distance[2:]]) * self._stride[where]
        scores = np.asarray(weight / (1 + np.exp(-logits)), np.float32)
        keep = scores >= self._least
        return np.ascontiguousarray(boxes.T[keep], np.float32), scores[keep], classes[keep]

    def _rows(self, outputs: Sequence[Raw], tile: int) -> _Candidates:
        rows = outputs[0][tile].astype(np.float32)
        classes, keep = self._numbers(rows[:, 5]), rows[:, 4] >= self._least
        return np.ascontiguousarray(rows[keep, :4]), rows[keep, 4], classes[keep]

    def _batch_rows(self, outputs: Sequence[Raw], tile: int) -> _Candidates:
        rows = outputs[0].astype(np.float32)
        rows = rows[rows[:, 0] == tile]
        classes, keep = self._numbers(rows[:, 5]), rows[:, 6] >= self._least
        return np.ascontiguousarray(rows[keep, 1:5]), rows[keep, 6], classes[keep]

    def _counted(self, outputs: Sequence[Raw], tile: int) -> _Candidates:
        number, boxes, scores, classes = (o[tile] for o in outputs)
        given = int(np.asarray(number).reshape(-1)[0])
        numbers, keep = self._numbers(classes[:given]), np.flatnonzero(scores[:given] >= self._least)
        return boxes[keep].astype(np.float32), scores[keep].astype(np.float32), numbers[keep]

    def _numbers(self, column: Raw) -> NDArray[np.int32]:
        """Return numbers of classes, of unlikely rows too. One that has no name must not vanish: its defect would."""
        numbers = np.rint(column)
        odd = (np.abs(numbers - column) > NOT_WHOLE) | (numbers < 0) | (numbers >= self._head.classes)
        if odd.any():
            raise EngineError(
                f"The engine gave class {float(column[odd][0]):g}; the model names {self._head.classes} "
                f"classes, 0 to {self._head.classes - 1}.",
                "Name all of its classes in its card, in their order; or export it again: its columns may be others.",
            )
        return numbers.astype(np.int32)


_READERS: dict[Form, Callable[[Decoder, Sequence[Raw], int], _Candidates]] = {
    Form.CLASSES: Decoder._classes,
    Form.CORNERS: Decoder._classes,
    Form.OBJECTNESS: Decoder._objectness,
    Form.GRID: Decoder._grid,
    Form.AOI: Decoder._own,
    Form.ROWS: Decoder._rows,
    Form.BATCH_ROWS: Decoder._batch_rows,
    Form.COUNTED: Decoder._counted,
}
_SUPPRESSED = (Form.ROWS, Form.BATCH_ROWS, Form.COUNTED)


def _best(scores: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the best class of each column of (classes, n) and its score."""
    return scores.argmax(axis=0).astype(np.int32), scores.max(axis=0)


def _corners(xywh: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn (4, n) centres and sides into (n, 4) corners."""
    half = xywh[2:] / 2
    return np.ascontiguousarray(np.concatenate([xywh[:2] - half, xywh[:2] + half]).T)
