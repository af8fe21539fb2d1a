"""The check finds what spoils a training; splits never divide a board."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi_app.training.corpus import DataError
from aoi_app.training.data.check import check
from aoi_app.training.data.dataset import Annotation, Dataset, Fault, Picture, Problem, Sample
from aoi_app.training.data.split import leave_one_out, split_by_board


def faults(dataset: Dataset, fatal: bool = True) -> list[Fault]:
    return [p.fault for p in check(dataset).problems if p.fatal is fatal]


def with_samples(dataset: Dataset, *more: Sample) -> Dataset:
    return replace(dataset, samples=(*dataset.samples, *more))


def test_drawn_boards_are_sound(drawn: Dataset) -> None:
    report = check(drawn)
    assert report.sound and not report.problems
    assert report.pictures == len(drawn) == report.boards == report.with_golden
    assert sum(f.labels for f in report.classes.values()) == sum(len(s.labels) for s in drawn.samples)
    assert report.as_json()["sound"] is True


def test_boxes_that_no_cell_may_meet_are_told(drawn: Dataset) -> None:
    sample = drawn.samples[0]
    code = drawn.classes[0]
    fine = replace(sample, labels=(Annotation(code, (10, 10, 40, 16)), Annotation(code, (50, 50, 58, 58))))
    (problem,) = check(replace(drawn, samples=(fine,))).problems
    assert problem.fault is Fault.TOO_SMALL and not problem.fatal and problem.what.startswith("1 of 2 boxes")


def test_a_set_without_pictures_is_said(drawn: Dataset) -> None:
    with pytest.raises(DataError, match="no picture"):
        check(replace(drawn, samples=()))
    broken = Problem(Fault.UNREADABLE_IMAGE, "a.png", "it is no picture")
    assert check(replace(drawn, samples=(), problems=(broken,))).problems == (broken,)


def test_the_same_picture_twice_is_found(drawn: Dataset) -> None:
    twin = replace(drawn.samples[0], name="twin", board="another")
    assert faults(with_samples(drawn, twin)) == [Fault.DUPLICATE]


def noisy(pixels: Picture) -> Picture:
    noise = np.random.default_rng(1).integers(-12, 13, pixels.shape)
    return np.asarray(np.clip(cv2.GaussianBlur(pixels, (0, 0), 0.8) * 0.9 + 10 + noise, 0, 255), np.uint8)


def test_nearly_the_same_picture_of_another_board_is_noted(drawn: Dataset) -> None:
    twin = replace(drawn.samples[0], name="twin", board="another", image=noisy(drawn.samples[0].pixels()))
    assert faults(with_samples(drawn, twin), fatal=False) == [Fault.DUPLICATE]


def test_a_picture_in_two_splits_is_a_leak(drawn: Dataset) -> None:
    split = split_by_board(drawn, {"train": 1, "val": 1})
    other = {"train": "val", "val": "train"}[split.samples[0].split]
    exact = replace(split.samples[0], name="twin", board="another", split=other)
    assert faults(with_samples(split, exact)) == [Fault.LEAK]
    near = replace(exact, image=noisy(split.samples[0].pixels()))
    assert faults(with_samples(split, near), fatal=False) == [Fault.LEAK]


def test_a_board_in_two_splits_is_a_leak(drawn: Dataset) -> None:
    one, other = drawn.samples[:2]
    samples = (replace(one, split="train"), replace(other, split="val", board=one.board))
    assert faults(replace(drawn, samples=samples)) == [Fault.LEAK]


def test_a_golden_picture_of_another_size_and_a_label_given_twice_are_found(drawn: Dataset) -> None:
    label = Annotation("open", (1, 1, 9, 9))
    bad = replace(drawn.samples[0], golden=np.zeros((5, 5), np.uint8), labels=(label, label))
    assert sorted(faults(replace(drawn, samples=(bad,)))) == sorted([Fault.SIZE_MISMATCH, Fault.DUPLICATE])


@given(
    windows=st.lists(st.integers(1, 12), min_size=3, max_size=14),
    shares=st.lists(st.floats(0.1, 1.0), min_size=2, max_size=3),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_a_split_divides_no_board_and_leaves_no_part_empty(windows: list[int], shares: list[float], seed: int) -> None:
    empty = np.zeros((8, 8), np.uint8)
    samples = tuple(
        Sample(f"{b}-{w}", empty, (Annotation("open", (0, 0, 4, 4)),), f"board{b}")
        for b, count in enumerate(windows)
        for w in range(count)
    )
    dataset = Dataset(("open",), samples)
    wanted = dict(zip(("train", "val", "test"), shares, strict=False))
    split = split_by_board(dataset, wanted, seed)
    assert set(split.splits) == set(wanted)
    assert len(split) == len(dataset)
    for board in dataset.boards:
        assert len({s.split for s in split.samples if s.board == board}) == 1
    assert [s.split for s in split.samples] == [s.split for s in split_by_board(dataset, wanted, seed).samples]


def test_many_equal_boards_are_shared_as_asked() -> None:
    empty = np.zeros((8, 8), np.uint8)
    dataset = Dataset(("open",), tuple(Sample(str(i), empty, (), str(i)) for i in range(100)))
    split = split_by_board(dataset, {"train": 0.8, "val": 0.2})
    assert len(split.of_split("train")) == 80


def test_impossible_splits_are_refused(drawn: Dataset) -> None:
    one = drawn.of_boards([drawn.boards[0]])
    with pytest.raises(DataError, match="cannot be split"):
        split_by_board(one, {"train": 1, "val": 1})
    with pytest.raises(DataError, match="share"):
        split_by_board(drawn, {"train": 1, "val": 0})
    with pytest.raises(DataError):
        next(leave_one_out(one))
    with pytest.raises(DataError, match="no split"):
        drawn.of_split("val")
    with pytest.raises(DataError, match="No board"):
        drawn.of_boards(["nobody"])


def test_each_board_is_left_out_once(drawn: Dataset) -> None:
    rounds = list(leave_one_out(drawn))
    assert [name for name, _ in rounds] == list(drawn.boards)
    for name, dataset in rounds:
        assert dataset.of_split("val").boards == (name,)
        assert name not in dataset.of_split("train").boards
