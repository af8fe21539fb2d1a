"""Average precision of detections against ground truth, at any IoU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.detection import Detections
from aoi_app.inference.boxes import iou_matrix

COCO_IOUS = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
_RECALL_POINTS = np.linspace(0, 1, 101)


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The defects that are really on one image.

    Attributes
    ----------
    boxes
        (n, 4) float32, x1 y1 x2 y2 in pixels.
    classes
        (n,) int32.
    """

    boxes: NDArray[np.float32]
    classes: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Score:
    """How well detections fit the truth at one IoU.

    Attributes
    ----------
    per_class
        Average precision of each class, 0 to 1; nan for a class without a single truth.
    best_f
        Best F1 over all confidences, all classes together.
    best_confidence
        Confidence at which it is reached.
    """

    iou: float
    per_class: tuple[float, ...]
    precision: float
    recall: float
    best_f: float
    best_confidence: float

    @property
    def mean(self) -> float:
        """Mean average precision over the classes that have a truth; nan when none has."""
        known = [value for value in self.per_class if not np.isnan(value)]
        return float(np.mean(known)) if known else float("nan")


def evaluate(
    found: Sequence[Detections], truths: Sequence[Truth], classes: int, iou: float, *, area: bool = False
) -> Score:
    """Score the detections of many images.

    Parameters
    ----------
    found, truths
        One of each per image, in the same order.
    classes
        Number of classes.
    iou
        A detection is right when it overlaps a truth of its class, not yet taken by a better one, by at least this.
    area
        False: precision at 101 recall points, as COCO does. True: exact area under the precision envelope.
    """
    if len(found) != len(truths):
        raise ValueError(f"{len(found)} images with detections, {len(truths)} with truths")
    aps: list[float] = []
    all_scores: list[NDArray[np.float32]] = []
    all_hits: list[NDArray[np.bool_]] = []
    for index in range(classes):
        scores, hits, positives = class_matches(found, truths, index, iou)
        all_scores.append(scores)
        all_hits.append(hits)
        aps.append(_average_precision(scores, hits, positives, area=area))
    total = sum(len(truth.classes) for truth in truths)
    precision, recall, best_f, best_confidence = _best_f(np.concatenate(all_scores), np.concatenate(all_hits), total)
    return Score(iou, tuple(aps), precision, recall, best_f, best_confidence)


def mean_average_precision(
    found: Sequence[Detections], truths: Sequence[Truth], classes: int, ious: Sequence[float] = (0.5,)
) -> float:
    """Return the mean average precision over several IoUs (`COCO_IOUS` for mAP 0.5:0.95), 0 to 1."""
    return float(np.mean([evaluate(found, truths, classes, iou).mean for iou in ious]))


def class_matches(
    found: Sequence[Detections], truths: Sequence[Truth], index: int, iou: float
) -> tuple[NDArray[np.float32], NDArray[np.bool_], int]:
    """Return confidences (n,) of the detections of class `index`, whether each is right (n,), and how many it has."""
    scores: list[NDArray[np.float32]] = [np.zeros(0, np.float32)]
    hits: list[NDArray[np.bool_]] = [np.zeros(0, bool)]
    positives = 0
    for detections, truth in zip(found, truths, strict=True):
        mine = detections.take(detections.classes == index)
        wanted = truth.boxes[truth.classes == index]
        positives += len(wanted)
        order = np.argsort(-mine.scores, kind="stable")
        scores.append(mine.scores[order])
        hits.append(_match_image(iou_matrix(mine.boxes[order], wanted), iou))
    return np.concatenate(scores), np.concatenate(hits), positives


def _match_image(overlaps: NDArray[np.float32], iou: float) -> NDArray[np.bool_]:
    """Give each detection, best first, the free truth that it overlaps most; (n,) whether it got one."""
    hits = np.zeros(len(overlaps), bool)
    if overlaps.shape[1] == 0:
        return hits
    free = overlaps.copy()
    for row in range(len(free)):
        best = int(np.argmax(free[row]))
        if free[row, best] >= iou:
            hits[row] = True
            free[:, best] = -1
    return hits


def _average_precision(scores: NDArray[np.float32], hits: NDArray[np.bool_], positives: int, *, area: bool) -> float:
    if positives == 0:
        return float("nan")
    if len(scores) == 0:
        return 0.0
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(hits[order])
    recall = right / positives
    precision = right / np.arange(1, len(right) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    if area:
        return float(np.sum(np.diff(recall, prepend=0.0) * envelope))
    at = np.searchsorted(recall, _RECALL_POINTS, side="left")
    return float(np.mean(np.where(at < len(envelope), envelope[np.minimum(at, len(envelope) - 1)], 0.0)))


def _best_f(scores: NDArray[np.float32], hits: NDArray[np.bool_], positives: int) -> tuple[float, float, float, float]:
    """Return precision, recall, F1 and confidence where F1 is best."""
    if len(scores) == 0 or positives == 0:
        return 0.0, 0.0, 0.0, 0.0
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(hits[order])
    f = 2 * right / (np.arange(1, len(right) + 1) + positives)
    best = int(np.argmax(f))
    return float(right[best] / (best + 1)), float(right[best] / positives), float(f[best]), float(scores[order][best])
