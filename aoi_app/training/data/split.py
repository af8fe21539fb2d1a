"""Splits by board, never by window: windows of one board resemble each other, and a split between them flatters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from aoi_app.training.corpus import DataError
from aoi_app.training.data.dataset import Dataset


def split_by_board(dataset: Dataset, shares: Mapping[str, float], seed: int = 0) -> Dataset:
    """Return the data set with every board put into one split.

    The largest boards are given out first, each to the split that most lacks what the board holds: pictures, and
    defects of each class.

    Parameters
    ----------
    shares
        Share of the pictures by name of the split; any positive numbers.

    Raises
    ------
    DataError
        A share is not positive, or there are fewer boards than splits.
    """
    if not shares or any(not share > 0 for share in shares.values()):
        raise DataError(f"The shares {dict(shares)} cannot be met.", "Give each split a share above 0.")
    boards = dataset.boards
    if len(boards) < len(shares):
        raise DataError(
            f"{len(boards)} boards cannot be split into {len(shares)} parts: a board is never divided.",
            "Label more boards, or make fewer splits.",
        )
    held = {board: _holdings(dataset, board) for board in boards}
    whole = sum(held.values(), Counter())
    total = sum(shares.values())
    lacking = {s: {k: v * share / total for k, v in whole.items()} for s, share in shares.items()}
    order = np.random.default_rng(seed).permutation(len(boards))
    queue = sorted((boards[i] for i in order), key=lambda b: -held[b][""])
    home: dict[str, str] = {}
    for at, board in enumerate(queue):
        empty = [s for s in shares if s not in home.values()]
        # the last boards go to splits that would have none
        choice = empty if len(queue) - at <= len(empty) else list(shares)
        best = max(choice, key=lambda s: _need(lacking[s], held[board], whole))
        home[board] = best
        for key, count in held[board].items():
            lacking[best][key] -= count
    return replace(dataset, samples=tuple(replace(s, split=home[s.board]) for s in dataset.samples))


def leave_one_out(dataset: Dataset) -> Iterator[tuple[str, Dataset]]:
    """Return, for each board, the data set with that board as `val` and all others as `train`."""
    if len(dataset.boards) < 2:
        raise DataError("One board cannot be left out of one.", "Label more boards.")
    for board in dataset.boards:
        samples = tuple(replace(s, split="val" if s.board == board else "train") for s in dataset.samples)
        yield board, replace(dataset, samples=samples)


def _holdings(dataset: Dataset, board: str) -> Counter[str]:
    """Count what a board holds: its pictures under the empty name, its defects by class."""
    counts: Counter[str] = Counter()
    for sample in dataset.samples:
        if sample.board == board:
            counts[""] += 1
            counts.update(a.defect_code for a in sample.labels)
    return counts


def _need(lacking: Mapping[str, float], held: Counter[str], whole: Counter[str]) -> float:
    """Tell how much of what a split lacks a board would bring; pictures weigh as much as all classes together."""
    weight = {key: (1.0 if key == "" else 1.0 / max(1, len(whole) - 1)) for key in whole}
    return sum(weight[k] * lacking[k] / whole[k] for k in held if whole[k])
