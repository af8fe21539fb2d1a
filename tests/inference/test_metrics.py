"""Average precision: known values, and the same as a plain loop over all thresholds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi_app.core.detection import Detections
from aoi_app.inference.metrics import COCO_IOUS, Truth, evaluate, mean_average_precision


def boxes(*corners: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(corners, np.float32).reshape(-1, 4)


def found(rows: list[tuple[float, float, float, float, float, int]]) -> Detections:
    values = np.array(rows, np.float32).reshape(-1, 6)
    return Detections(values[:, :4], values[:, 4], values[:, 5].astype(np.int32))


def test_perfect_and_empty() -> None:
    truth = Truth(boxes((0, 0, 10, 10), (20, 20, 30, 30)), np.array([0, 1], np.int32))
    right = found([(0, 0, 10, 10, 0.9, 0), (20, 20, 30, 30, 0.8, 1)])
    score = evaluate([right], [truth], 3, 0.5)
    assert score.per_class[:2] == (1.0, 1.0) and math.isnan(score.per_class[2])
    assert score.mean == 1.0 and score.best_f == 1.0 and score.best_confidence == pytest.approx(0.8)
    nothing = evaluate([Detections.empty()], [truth], 3, 0.5)
    assert nothing.mean == 0.0 and nothing.best_f == 0.0
    assert math.isnan(evaluate([right], [Truth(boxes(), np.zeros(0, np.int32))], 3, 0.5).mean)


def test_a_second_box_on_a_truth_is_wrong_and_the_better_one_counts() -> None:
    truth = Truth(boxes((0, 0, 10, 10)), np.zeros(1, np.int32))
    twice = found([(0, 0, 10, 9, 0.6, 0), (0, 0, 10, 10, 0.9, 0)])
    assert evaluate([twice], [truth], 1, 0.5).per_class == (1.0,)
    other_way = found([(0, 0, 10, 4, 0.9, 0), (0, 0, 10, 10, 0.6, 0)])
    assert evaluate([other_way], [truth], 1, 0.5, area=True).per_class == (0.5,)


def test_the_iou_decides() -> None:
    truth = Truth(boxes((0, 0, 10, 10)), np.zeros(1, np.int32))
    near = found([(0, 0, 10, 7, 0.9, 0)])  # IoU 0.7
    assert [evaluate([near], [truth], 1, iou).mean for iou in (0.33, 0.69, 0.75)] == [1, 1, 0]
    assert mean_average_precision([near], [truth], 1, COCO_IOUS) == pytest.approx(0.5, abs=0.11)


@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.integers(0, 30))
def test_area_is_the_sum_over_every_threshold(seed: int, truths: int, count: int) -> None:
    random = np.random.default_rng(seed)
    places = np.arange(truths) * 20.0
    truth = Truth(boxes(*[(x, 0, x + 10, 10) for x in places]), np.zeros(truths, np.int32))
    chosen = random.choice(np.concatenate([places, places + 10]), min(count, 2 * truths), replace=False)
    scores = random.permutation(len(chosen)) / 100 + 0.1
    some = found([(x, 0, x + 10, 10, s, 0) for x, s in zip(chosen, scores, strict=True)])
    right = {float(x) for x in places}
    points = []
    for threshold in sorted(scores, reverse=True):
        kept = [x for x, s in zip(chosen, scores, strict=True) if s >= threshold]
        hits = sum(float(x) in right for x in kept)
        points.append((hits / truths, hits / len(kept)))
    area, before = 0.0, 0.0
    for recall, _ in points:
        best = max(p for r, p in points if r >= recall)
        area, before = area + (recall - before) * best, recall
    assert evaluate([some], [truth], 1, 0.5, area=True).mean == pytest.approx(area, abs=1e-6)
    sampled = np.mean([max([p for r, p in points if r >= at - 1e-12], default=0) for at in np.linspace(0, 1, 101)])
    assert evaluate([some], [truth], 1, 0.5).mean == pytest.approx(float(sampled), abs=0.011)
