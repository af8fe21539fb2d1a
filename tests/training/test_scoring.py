"""Figures of an evaluation, and the answer whether a model may replace another."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi_app.core.detection import Detections
from aoi_app.inference.metrics import Truth
from aoi_app.training.corpus import DataError
from aoi_app.training.data.dataset import Dataset
from aoi_app.training.scoring.comparing import compare_models
from aoi_app.training.scoring.detecting import Inspected, truth_of
from aoi_app.training.scoring.figures import confusion, measure, mistakes, upper_bound
from aoi_app.training.scoring.report import grouped, write_report


def found(*rows: tuple[float, float, float, float, float, int]) -> Detections:
    values = np.array(rows, np.float32).reshape(-1, 6)
    return Detections(values[:, :4].copy(), values[:, 4].copy(), values[:, 5].astype(np.int32))


def truth(*rows: tuple[float, float, float, float, int]) -> Truth:
    values = np.array(rows, np.float32).reshape(-1, 5)
    return Truth(values[:, :4].copy(), values[:, 4].astype(np.int32))


def perfect(of: Dataset) -> Inspected:
    """What a model says that is surest of the first picture's defects."""
    truths = tuple(truth_of(sample, of.classes) for sample in of.samples)
    finds = tuple(
        Detections(t.boxes, np.full(len(t.classes), 0.7 if n else 0.95, np.float32), t.classes)
        for n, t in enumerate(truths)
    )
    return Inspected(of, finds, truths, "a model", 1.0)


def test_each_kind_of_mistake_is_named() -> None:
    there = truth((0, 0, 20, 20, 0), (40, 40, 60, 60, 1), (80, 80, 100, 100, 1))
    seen = found(
        (0, 0, 20, 20, 0.9, 0), (41, 41, 61, 61, 0.8, 0), (200, 200, 220, 220, 0.7, 1), (0, 80, 20, 99, 0.1, 0)
    )
    wrong = mistakes([seen], [there], 0.5)
    assert {(m.true_class, m.found_class) for m in wrong} == {(1, 0), (1, -1), (-1, 1)}
    counts = confusion([seen], [there], 2, 0.5)
    assert counts.tolist() == [[1, 0, 0], [1, 0, 1], [0, 1, 0]]


def test_the_right_class_is_paired_before_a_more_confident_wrong_one() -> None:
    there = truth((0, 0, 20, 20, 0))
    wrong = mistakes([found((0, 0, 20, 20, 0.9, 1), (1, 1, 20, 20, 0.6, 0))], [there], 0.5)
    assert [(m.true_class, m.found_class) for m in wrong] == [(-1, 1)]


def test_figures_of_a_perfect_model(dataset: Any) -> None:
    result = perfect(dataset(6))
    figures = measure(result.found, result.truths, result.dataset.classes)
    assert figures.map33 == figures.map50 == figures.map_coco == figures.f == 1
    assert figures.missed == figures.false_calls == 0 and figures.clean == 1
    assert figures.escape_bound == pytest.approx(1 - 0.05 ** (1 / figures.defects), abs=1e-6)


@given(st.integers(0, 30), st.integers(1, 400))
def test_the_bound_lies_above_the_rate_and_falls_with_more_pictures(count: int, n: int) -> None:
    if count >= n:
        assert upper_bound(count, n) == 1
        return
    bound = upper_bound(count, n)
    assert count / n < bound <= 1
    assert upper_bound(2 * count, 2 * n) < bound


def test_three_thousand_without_a_miss_show_a_tenth_of_a_percent() -> None:
    assert upper_bound(0, 3000) == pytest.approx(0.001, abs=2e-5)


def test_seen_and_unseen_boards_are_apart_and_share_the_threshold(dataset: Any) -> None:
    groups = grouped(perfect(dataset(6)), ["board0"])
    assert list(groups) == ["all pictures", "boards seen in training", "unseen boards", "board board0", "board board1"]
    assert len({f.threshold for f in groups.values()}) == 1
    assert groups["unseen boards"].pictures == 3


def test_a_model_that_loses_a_sure_defect_may_not_replace(dataset: Any) -> None:
    a = perfect(dataset(6))
    same = compare_models(a, a)
    assert same.may_replace and not same.differences
    poorer = dataclasses.replace(a, found=(a.found[0].take(np.arange(1, len(a.found[0]))), *a.found[1:]))
    verdict = compare_models(a, poorer)
    assert not verdict.may_replace
    assert len(verdict.differences) == 1 and verdict.differences[0].confidence_b == 0
    assert not next(rule for rule in verdict.rules if "lost" in rule.text).holds
    assert compare_models(poorer, a).may_replace
    good = dataclasses.replace(a, truths=tuple(Truth(t.boxes[:0], t.classes[:0]) for t in a.truths))
    with pytest.raises(DataError, match="no labelled defect"):
        compare_models(good, good)


def test_a_model_with_more_false_calls_may_not_replace(dataset: Any) -> None:
    a = perfect(dataset(6))
    noisy = Detections.concatenate([a.found[0], found((0, 0, 12, 12, 0.95, 0))])
    verdict = compare_models(a, dataclasses.replace(a, found=(noisy, *a.found[1:])))
    assert [rule.holds for rule in verdict.rules if "false calls" in rule.text] == [False]
    assert not verdict.may_replace


def test_the_report_shows_every_mistake(tmp_path: Any, dataset: Any) -> None:
    a = perfect(dataset(6))
    noisy = Detections.concatenate([a.found[0], found((0, 0, 12, 12, 0.95, 0))])
    path = tmp_path / "report.html"
    write_report(path, "A <model>", dataclasses.replace(a, found=(noisy, *a.found[1:])))
    text = path.read_text(encoding="utf-8")
    assert "A &lt;model&gt;" in text and "false call: open" in text and text.count("<figure>") == 1
