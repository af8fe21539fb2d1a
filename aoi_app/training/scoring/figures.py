"""How good detections are: the figures of an evaluation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.detection import Detections
from aoi_app.inference.boxes import iou_matrix
from aoi_app.inference.metrics import COCO_IOUS, Truth, evaluate

MATCH_IOU = 0.33
"""Overlap at which DeepPCB counts a defect as found."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of one set of pictures; rates from 0 to 1.

    Attributes
    ----------
    map33, map50, map_coco
        Mean average precision at IoU 0.33, at 0.5, and averaged over 0.5:0.95 (101 recall points, as COCO).
    f, precision, recall, threshold
        Best F-score at IoU 0.33 over all confidences, and where it is reached.
    per_class
        Average precision at IoU 0.33 by class; None for a class without a defect.
    defects, missed
        How many there are; how many of them no detection above the threshold overlaps, whatever its class.
    escape_bound
        Upper 95 % bound of the share of defects that escape: with few pictures, none missed proves little.
    false_calls, clean
        Detections above the threshold where no defect is; share of pictures without one.
    """

    pictures: int
    defects: int
    map33: float
    map50: float
    map_coco: float
    f: float
    precision: float
    recall: float
    threshold: float
    per_class: dict[str, float | None]
    missed: int
    escape_bound: float
    false_calls: int
    clean: float

    def as_json(self) -> dict[str, Any]:
        """Return plain values; what is not known is None."""
        return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that a model did wrong: a defect missed, called by another name, or called where none is.

    Attributes
    ----------
    true_class, found_class
        Number of the class, -1 for none.
    confidence
        Of the detection; 0 for a missed defect.
    """

    picture: int
    true_class: int
    found_class: int
    box: tuple[float, float, float, float]
    confidence: float


def measure(
    found: Sequence[Detections], truths: Sequence[Truth], classes: Sequence[str], threshold: float | None = None
) -> Figures:
    """Return the figures of detections.

    Parameters
    ----------
    threshold
        Confidence from which on a detection counts for misses and false calls; None takes the one of the best F.
    """
    loose = evaluate(found, truths, len(classes), MATCH_IOU)
    strict = [evaluate(found, truths, len(classes), iou).mean for iou in COCO_IOUS]
    limit = loose.best_confidence if threshold is None else threshold
    wrong = mistakes(found, truths, limit)
    missed = sum(m.found_class < 0 for m in wrong)
    false = [m for m in wrong if m.true_class < 0]
    defects = sum(len(truth.classes) for truth in truths)
    return Figures(
        len(truths), defects, loose.mean, strict[0], float(np.mean(strict)), loose.best_f, loose.precision,
        loose.recall, limit,
        {name: None if np.isnan(ap) else ap for name, ap in zip(classes, loose.per_class, strict=True)},
        missed, upper_bound(missed, defects), len(false),
        1 - len({m.picture for m in false}) / max(1, len(truths)),
    )  # fmt: skip


def mistakes(found: Sequence[Detections], truths: Sequence[Truth], threshold: float) -> list[Mistake]:
    """Return everything that detections of at least `threshold` do wrong, picture by picture."""
    result = []
    for picture, (detections, truth) in enumerate(zip(found, truths, strict=True)):
        taken = detections.take(detections.scores >= threshold)
        pairs = paired(taken, truth)
        for row, column in pairs:
            if taken.classes[row] != truth.classes[column]:
                result.append(_mistake(picture, truth, column, taken, row))
        free = set(range(len(truth.classes))) - {column for _, column in pairs}
        result += [_mistake(picture, truth, column, taken, None) for column in sorted(free)]
        alone = set(range(len(taken))) - {row for row, _ in pairs}
        result += [_mistake(picture, truth, None, taken, row) for row in sorted(alone)]
    return result


def paired(found: Detections, truth: Truth) -> list[tuple[int, int]]:
    """Pair detections with the defects they overlap: right class before wrong class, then the more confident first."""
    overlaps = iou_matrix(found.boxes, truth.boxes)
    same = found.classes[:, None] == truth.classes[None, :]
    pairs: list[tuple[int, int]] = []
    free_rows, free_columns = set(range(len(found))), set(range(len(truth.classes)))
    for allowed in (same, np.ones_like(same)):
        for row in np.argsort(-found.scores, kind="stable"):
            if int(row) not in free_rows:
                continue
            best = [(overlaps[row, c], c) for c in free_columns if allowed[row, c] and overlaps[row, c] >= MATCH_IOU]
            if best:
                column = max(best)[1]
                pairs.append((int(row), int(column)))
                free_rows.discard(int(row))
                free_columns.discard(column)
    return pairs


def confusion(
    found: Sequence[Detections], truths: Sequence[Truth], classes: int, threshold: float
) -> NDArray[np.int64]:
    """Return (classes + 1, classes + 1) counts: row the true class, column the found one; the last is none."""
    counts = np.zeros((classes + 1, classes + 1), np.int64)
    for truth in truths:
        np.add.at(counts, (truth.classes, truth.classes), 1)
    for wrong in mistakes(found, truths, threshold):
        if wrong.true_class >= 0:
            counts[wrong.true_class, wrong.true_class] -= 1
        counts[wrong.true_class, wrong.found_class] += 1
    return counts


def upper_bound(count: int, n: int, confidence: float = 0.95) -> float:
    """Return the one-sided upper bound of a rate of which `count` of `n` were seen (Clopper and Pearson, 1934)."""
    if n == 0 or count >= n:
        return 1.0
    low, high = count / n, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _at_most(count, n, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(count: int, n: int, rate: float) -> float:
    """Return the chance of at most `count` of `n` at that rate."""
    if rate >= 1.0:
        return 0.0
    logs = [
        math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        + k * math.log(max(rate, 1e-300)) + (n - k) * math.log1p(-rate)
        for k in range(count + 1)
    ]  # fmt: skip
    return sum(math.exp(value) for value in logs)


def _mistake(picture: int, truth: Truth, column: int | None, found: Detections, row: int | None) -> Mistake:
    box = found.boxes[row] if row is not None else truth.boxes[column]
    return Mistake(
        picture,
        -1 if column is None else int(truth.classes[column]),
        -1 if row is None else int(found.classes[row]),
        (float(box[0]), float(box[1]), float(box[2]), float(box[3])),
        0.0 if row is None else float(found.scores[row]),
    )
