"""The station's mean average precision is that of pycocotools."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest

coco = pytest.importorskip("pycocotools.coco")
cocoeval = pytest.importorskip("pycocotools.cocoeval")

from aoi_app.core.detection import Detections  # noqa: E402
from aoi_app.inference.metrics import COCO_IOUS, Truth, mean_average_precision  # noqa: E402


def random_results(seed: int) -> tuple[list[Detections], list[Truth]]:
    rng = np.random.default_rng(seed)
    found, truths = [], []
    for _ in range(12):
        n = int(rng.integers(0, 9))
        low = rng.uniform(0, 400, (n, 2))
        boxes = np.concatenate([low, low + rng.uniform(10, 80, (n, 2))], 1).astype(np.float32)
        truth = Truth(boxes, rng.integers(0, 3, n).astype(np.int32))
        again = rng.random(n) < 0.8
        extra = int(rng.integers(0, 5))
        stray = rng.uniform(0, 400, (extra, 2))
        strays = np.concatenate([stray, stray + rng.uniform(10, 80, (extra, 2))], 1)
        all_boxes = np.concatenate([boxes[again] + rng.normal(0, 4, (int(again.sum()), 4)), strays]).astype(np.float32)
        classes = np.concatenate([truth.classes[again], rng.integers(0, 3, extra)]).astype(np.int32)
        found.append(Detections(all_boxes, rng.random(len(all_boxes)).astype(np.float32), classes))
        truths.append(truth)
    return found, truths


@pytest.mark.parametrize("seed", range(4))
def test_mean_average_precision_is_that_of_pycocotools(seed: int) -> None:
    found, truths = random_results(seed)
    annotations = [
        {
            "id": 0,
            "image_id": i,
            "category_id": int(c),
            "bbox": xywh(b),
            "area": float(np.prod(b[2:] - b[:2])),
            "iscrowd": 0,
        }
        for i, t in enumerate(truths)
        for b, c in zip(t.boxes, t.classes, strict=True)
    ]
    for number, annotation in enumerate(annotations, 1):
        annotation["id"] = number
    results = [
        {"image_id": i, "category_id": int(c), "bbox": xywh(b), "score": float(s)}
        for i, d in enumerate(found)
        for b, c, s in zip(d.boxes, d.classes, d.scores, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco.COCO()
        truth.dataset = {
            "images": [{"id": i} for i in range(len(truths))],
            "annotations": annotations,
            "categories": [{"id": c} for c in range(3)],
        }
        truth.createIndex()
        score = cocoeval.COCOeval(truth, truth.loadRes(results), "bbox")
        score.evaluate()
        score.accumulate()
        score.summarize()
    assert mean_average_precision(found, truths, 3, COCO_IOUS) == pytest.approx(score.stats[0], abs=1e-6)
    assert mean_average_precision(found, truths, 3, (0.5,)) == pytest.approx(score.stats[1], abs=1e-6)


def xywh(box: np.ndarray) -> list[float]:
    return [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])]
