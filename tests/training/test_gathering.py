"""What is trained on, what is watched, and whose number a class has."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from aoi_app.boards import BARE_CODES
from aoi_app.training.corpus import DataError
from aoi_app.training.data.dataset import Dataset
from aoi_app.training.gathering import parted, relabelled, united


def with_splits(dataset: Dataset, *splits: str) -> Dataset:
    samples = [dataclasses.replace(s, split=split, board=f"b{n}") for n, (s, split) in enumerate(
        zip(dataset.samples, splits, strict=True)
    )]  # fmt: skip
    return dataclasses.replace(dataset, samples=tuple(samples))


def names(dataset: Dataset | None) -> list[str]:
    return [] if dataset is None else [s.board for s in dataset.samples]


def test_the_splits_of_a_data_set_are_kept_apart(dataset: Any) -> None:
    parts = parted(with_splits(dataset(4), "train", "val", "test", "train"))
    assert (names(parts.train), names(parts.watch), parts.left) == (["b0", "b3"], ["b1"], 1)
    assert "training on 2 pictures of 2 boards, watching 1" in parts.in_words() and "leaving 1" in parts.in_words()


def test_boards_held_out_are_watched_beside_val(dataset: Any) -> None:
    parts = parted(with_splits(dataset(4), "train", "val", "test", "train"), ["b2", "b3"])
    assert (names(parts.train), names(parts.watch), parts.left) == (["b0"], ["b1", "b2", "b3"], 0)


def test_without_splits_everything_is_trained_on(dataset: Any) -> None:
    parts = parted(dataset(4))
    assert len(parts.train) == 4 and parts.watch is None and "--hold-out" in parts.in_words()


@pytest.mark.parametrize(
    ("splits", "held", "said"),
    [
        (("val", "test"), [], "Nothing is left to train on.*splits: test, val"),
        (("", ""), ["b0", "b1"], "Nothing is left to train on.*held out: b0, b1"),
        (("", ""), ["b7"], "No board is called b7"),
    ],
)
def test_when_nothing_is_left_it_is_said(dataset: Any, splits: tuple[str, ...], held: list[str], said: str) -> None:
    with pytest.raises(DataError, match=said):
        parted(with_splits(dataset(2), *splits), held)


def test_pictures_without_any_label_teach_nothing(dataset: Any) -> None:
    some = dataset(2)
    bare = tuple(dataclasses.replace(s, labels=()) for s in some.samples)
    with pytest.raises(DataError, match="None of the 2 pictures"):
        parted(dataclasses.replace(some, samples=bare))


def test_classes_of_several_data_sets_are_one_list() -> None:
    assert united([("mousebite", "open"), BARE_CODES]) == BARE_CODES
    assert united([("a", "b"), ("b", "c")]) == ("a", "b", "c")


def test_a_class_keeps_its_name_whatever_its_number(corpus: Any) -> None:
    some = corpus(4)
    other = relabelled(some, tuple(reversed(BARE_CODES)))
    was = [BARE_CODES[n] for n in some.labels[some.labels >= 0]]
    assert [other.classes[n] for n in other.labels[other.labels >= 0]] == was
    assert np.array_equal(other.labels < 0, some.labels < 0)
    with pytest.raises(DataError, match="known are open"):
        relabelled(some, ("open",))
