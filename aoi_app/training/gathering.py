"""What a run trains on and what it is watched with, out of data sets on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from aoi_app.training.corpus import Corpus, DataError
from aoi_app.training.data.dataset import Dataset

TRAIN, WATCH = "train", "val"
"""Splits that are trained on and watched; any other, such as `test`, is left alone."""


@dataclass(frozen=True, slots=True)
class Parts:
    """A data set divided for one run; `left` counts the pictures that belong to neither part."""

    train: Dataset
    watch: Dataset | None
    left: int

    def in_words(self) -> str:
        """Return who is trained on and who is watched, for people."""
        words = f"training on {_counted(self.train)}"
        words += f", watching {_counted(self.watch)}" if self.watch else ", watching none: --hold-out BOARD names some"
        return words + (f", leaving {self.left} pictures of other splits alone" if self.left else "")


def parted(dataset: Dataset, hold_out: Sequence[str] = ()) -> Parts:
    """Divide a data set by its own splits, and by the boards that are held out.

    Boards held out are watched, whatever their split; so is the split `val`. Everything else that is in `train`, or
    in no split, is trained on.

    Raises
    ------
    DataError
        A board is not there, or nothing is left to train on.
    """
    held = set(dataset.of_boards(hold_out).boards) if hold_out else set()
    watch = tuple(s for s in dataset.samples if s.board in held or s.split == WATCH)
    train = tuple(s for s in dataset.samples if s.board not in held and s.split in ("", TRAIN))
    if not train:
        splits = ", ".join(dataset.splits) or "none"
        raise DataError(
            f"Nothing is left to train on: {len(dataset)} pictures of {len(dataset.boards)} boards, splits: {splits}, "
            f"held out: {', '.join(sorted(held)) or 'none'}.",
            "Label more boards, hold fewer out, or make a split called train with aoi data split.",
        )
    if not any(sample.labels for sample in train):
        raise DataError(
            f"None of the {len(train)} pictures to train on has a labelled defect.",
            "Label some; for a reviewed history, confirm the true defects first.",
        )
    left = len(dataset) - len(train) - len(watch)
    return Parts(replace(dataset, samples=train), replace(dataset, samples=watch) if watch else None, left)


def united(names: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return the classes of several data sets: in the order of the one that knows most, then what others add."""
    longest = max(names, key=len)
    return tuple(dict.fromkeys([*longest, *(name for some in names for name in some)]))


def relabelled(corpus: Corpus, classes: Sequence[str]) -> Corpus:
    """Return a corpus whose classes are numbered as in `classes`.

    Raises
    ------
    DataError
        A defect is of a class that is not among them.
    """
    if corpus.classes == tuple(classes):
        return corpus
    used = {corpus.classes[number] for number in np.unique(corpus.labels) if number >= 0}
    unknown = sorted(used - set(classes))
    if unknown:
        raise DataError(
            f"There are defects of the classes {', '.join(unknown)}; known are {', '.join(classes)}.",
            "Train from new weights (without --start and --plan), or take those defects out.",
        )
    numbers = np.array([classes.index(name) if name in used else -1 for name in corpus.classes] + [-1], np.int64)
    return replace(corpus, labels=numbers[corpus.labels], classes=tuple(classes))


def _counted(dataset: Dataset) -> str:
    return f"{len(dataset)} pictures of {len(dataset.boards)} boards"
