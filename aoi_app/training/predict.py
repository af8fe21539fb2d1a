"""What a network in training finds on windows, and how good that is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from aoi_app.core.detection import Detections
from aoi_app.core.errors import AoiError
from aoi_app.inference.metrics import Truth, evaluate
from aoi_app.training.boxes import suppress
from aoi_app.training.corpus import Corpus

LEAST_CONFIDENCE = 0.01


@torch.no_grad()
def predict(
    network: nn.Module,
    corpus: Corpus,
    device: torch.device,
    *,
    missing: float | None = None,
    batch: int = 64,
    dtype: torch.dtype = torch.float32,
) -> list[Detections]:
    """Return the detections of every window of `corpus`, in pixels.

    Parameters
    ----------
    missing
        Value (0..1) that replaces the golden channel; None leaves it.
    dtype
        Arithmetic (autocast) on a GPU.
    """
    found: list[Detections] = []
    network.eval()
    for first in range(0, len(corpus), batch):
        x = torch.from_numpy(corpus.images[first : first + batch]).to(device).float() / 255
        if missing is not None:
            x[:, -1] = missing
        with torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
            raw = network(x)
        if not torch.isfinite(raw).all():
            raise AoiError(
                "The network gave values that are no numbers: the training has come apart.",
                "Train with --precision fp32, or with a lower `rate` through --plan.",
            )
        for rows in suppress(raw, len(corpus.classes), *corpus.size, LEAST_CONFIDENCE):
            values = rows.cpu().numpy()
            found.append(
                Detections(
                    np.ascontiguousarray(values[:, :4], np.float32),
                    np.ascontiguousarray(values[:, 4], np.float32),
                    values[:, 5].astype(np.int32),
                )
            )
    return found


def truths(corpus: Corpus) -> list[Truth]:
    """Return the labelled defects of every window."""
    result = []
    for boxes, labels in zip(corpus.boxes, corpus.labels, strict=True):
        real = labels >= 0
        result.append(Truth(boxes[real], labels[real].astype(np.int32)))
    return result


def figures(found: Sequence[Detections], corpus: Corpus, ious: Sequence[float] = (0.33, 0.5, 0.75)) -> dict[str, float]:
    """Return the figures of detections: mAP at each IoU, best F-score and its confidence at the first IoU."""
    wanted = truths(corpus)
    scores = [evaluate(found, wanted, len(corpus.classes), iou) for iou in ious]
    result = {f"mAP@{iou:g}": score.mean for iou, score in zip(ious, scores, strict=True)}
    result[f"F@{ious[0]:g}"] = scores[0].best_f
    result["threshold"] = scores[0].best_confidence
    return result
