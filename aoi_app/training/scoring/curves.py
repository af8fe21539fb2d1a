"""What a threshold costs and gains: curves of an evaluation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.detection import Detections
from aoi_app.inference.metrics import Truth, class_matches
from aoi_app.training.curves import Panel
from aoi_app.training.scoring.figures import MATCH_IOU

_STEPS = np.linspace(0.0, 1.0, 101)


def panels(found: Sequence[Detections], truths: Sequence[Truth], classes: Sequence[str]) -> list[Panel]:
    """Return precision, recall and F over the confidence, false calls over the confidence, and precision by recall.

    A detection is right when it overlaps a defect of its class by `MATCH_IOU`. Classes without a defect have no curve.
    """
    matches = [class_matches(found, truths, index, MATCH_IOU) for index in range(len(classes))]
    scores = np.concatenate([m[0] for m in matches])
    hits = np.concatenate([m[1] for m in matches])
    defects = sum(m[2] for m in matches)
    taken = scores[None] >= _STEPS[:, None]
    counted = taken.sum(1)
    right = (taken & hits[None]).sum(1)
    # where nothing is called, nothing is called wrongly
    precision = np.where(counted > 0, right / np.maximum(counted, 1), 1.0)
    recall = right / max(defects, 1)
    f = 2 * right / np.maximum(counted + defects, 1)
    calls = (counted - right) / max(len(truths), 1)
    by_recall = {
        name: _precision_by_recall(s, h, n).tolist() for name, (s, h, n) in zip(classes, matches, strict=True) if n
    }
    return [
        (
            f"Precision, recall and F at IoU {MATCH_IOU}",
            {"precision": precision.tolist(), "recall": recall.tolist(), "F": f.tolist()},
            "confidence, 0 to 1",
        ),
        (
            "Wrong calls a picture, from a confidence of 0.1",
            {"wrong calls": calls[10:].tolist()},
            "confidence, 0.1 to 1",
        ),
        ("Precision by recall", by_recall, "recall, 0 to 1"),
    ]


def _precision_by_recall(scores: NDArray[np.float32], hits: NDArray[np.bool_], positives: int) -> NDArray[np.float64]:
    """Return the best precision that is had with at least each recall, (101,); 0 where that is never reached."""
    right = np.cumsum(hits[np.argsort(-scores, kind="stable")])
    precision = right / np.arange(1, len(right) + 1)
    envelope = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    return np.asarray(envelope[np.searchsorted(right / positives, _STEPS, side="left")], np.float64)
