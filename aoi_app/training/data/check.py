"""Whether a data set can be believed: broken labels, duplicates, leaks, balance, sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from aoi_app.training.corpus import DataError
from aoi_app.training.data.dataset import Dataset, Fault, Problem, Sample
from aoi_app.training.data.fingerprint import Fingerprint, fingerprint, pairs_alike

PERCENTILES = (5, 50, 95)
FINEST_PX = 8
"""Side of the network's smallest cells."""


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """One class in numbers.

    Attributes
    ----------
    pictures, boards
        In how many it occurs.
    width, height
        5th, 50th and 95th percentile of its boxes, pixels.
    """

    labels: int
    pictures: int
    boards: int
    width: tuple[float, ...]
    height: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check found.

    Attributes
    ----------
    good
        Pictures without a defect.
    splits
        Pictures by split; empty where the data set has none.
    """

    pictures: int
    boards: int
    good: int
    with_golden: int
    splits: dict[str, int]
    classes: dict[str, ClassFigures]
    problems: tuple[Problem, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing was found that a training cannot live with."""
        return not any(p.fatal for p in self.problems)

    def as_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "sound": self.sound,
            "pictures": self.pictures,
            "boards": self.boards,
            "good": self.good,
            "with_golden": self.with_golden,
            "splits": self.splits,
            "classes": {
                name: {"labels": f.labels, "pictures": f.pictures, "boards": f.boards,
                       "width_px": f.width, "height_px": f.height}
                for name, f in self.classes.items()
            },
            "problems": [
                {"fault": p.fault.value, "where": p.where, "what": p.what, "fatal": p.fatal} for p in self.problems
            ],
        }  # fmt: skip


def check(dataset: Dataset, step: Callable[[], None] = lambda: None) -> CheckReport:
    """Look at every picture and label of a data set.

    Parameters
    ----------
    step
        Called after each picture.

    Raises
    ------
    DataError
        There is no picture, nor anything wrong that could be the reason.
    """
    if not dataset.samples and not dataset.problems:
        raise DataError(
            "The data set holds no picture.", "Of a station's history, export boards whose defects were reviewed."
        )
    problems = list(dataset.problems)
    prints: list[Fingerprint] = []
    printed: list[Sample] = []
    for sample in dataset.samples:
        mark = _look_at(sample, problems)
        if mark is not None:
            prints.append(mark)
            printed.append(sample)
        step()
    problems += _alike(printed, prints)
    problems += _leaks(dataset)
    problems += [problem for name in dataset.classes for problem in _small(dataset, name)]
    return CheckReport(
        pictures=len(dataset),
        boards=len(dataset.boards),
        good=sum(not s.labels for s in dataset.samples),
        with_golden=sum(s.golden is not None for s in dataset.samples),
        splits={s: sum(x.split == s for x in dataset.samples) for s in dataset.splits},
        classes={name: _figures(dataset, name) for name in dataset.classes},
        problems=tuple(problems),
    )


def _look_at(sample: Sample, problems: list[Problem]) -> Fingerprint | None:
    try:
        pixels = sample.pixels()
        golden = sample.golden_pixels()
    except DataError as error:
        problems.append(Problem(Fault.UNREADABLE_IMAGE, sample.name, error.what))
        return None
    if golden is not None and golden.shape[:2] != pixels.shape[:2]:
        found, expected = golden.shape[1::-1], pixels.shape[1::-1]
        what = f"the golden picture is {found[0]} x {found[1]} px, the scan {expected[0]} x {expected[1]}"
        problems.append(Problem(Fault.SIZE_MISMATCH, sample.name, what))
    boxes = [(a.defect_code, a.box) for a in sample.labels]
    for (code, box), count in Counter(boxes).items():
        if count > 1:
            where = ", ".join(f"{v:g}" for v in box)
            problems.append(Problem(Fault.DUPLICATE, sample.name, f"{code} at {where} is labelled {count} times"))
    return fingerprint(pixels)


def _alike(samples: list[Sample], prints: list[Fingerprint]) -> list[Problem]:
    """Equal pictures, and nearly equal ones; worse where they lie in two splits or carry other labels."""
    problems = []
    for earlier, later, exact in pairs_alike(prints):
        one, other = samples[earlier], samples[later]
        how = "is" if exact else "is nearly"
        if one.split != other.split:
            what = f"it {how} the picture {one.name} of the split {one.split or 'none'}"
            problems.append(Problem(Fault.LEAK, other.name, what, fatal=exact))
        elif exact:
            differs = "" if one.labels == other.labels else ", but labelled otherwise"
            problems.append(Problem(Fault.DUPLICATE, other.name, f"it is the picture {one.name}{differs}"))
        elif one.board != other.board:
            # windows of one board may well resemble each other
            what = f"it is nearly the picture {one.name} of the board {one.board}"
            problems.append(Problem(Fault.DUPLICATE, other.name, what, fatal=False))
    return problems


def _leaks(dataset: Dataset) -> list[Problem]:
    homes: dict[str, set[str]] = {}
    for sample in dataset.samples:
        homes.setdefault(sample.board, set()).add(sample.split)
    return [
        Problem(
            Fault.LEAK, board, f"windows of this board lie in {' and '.join(sorted(s or 'no split' for s in splits))}"
        )
        for board, splits in sorted(homes.items())
        if len(splits) > 1
    ]


def _small(dataset: Dataset, name: str) -> list[Problem]:
    """Boxes in which no cell of the network may have its centre: nothing would learn to find them."""
    boxes = [a.box for s in dataset.samples for a in s.labels if a.defect_code == name]
    small = sum(min(x2 - x1, y2 - y1) < FINEST_PX for x1, y1, x2, y2 in boxes)
    what = f"{small} of {len(boxes)} boxes are less than {FINEST_PX} px wide or high: take sharper pictures"
    return [Problem(Fault.TOO_SMALL, name, what, fatal=False)] if small else []


def _figures(dataset: Dataset, name: str) -> ClassFigures:
    having = [s for s in dataset.samples if any(a.defect_code == name for a in s.labels)]
    boxes = np.array([a.box for s in having for a in s.labels if a.defect_code == name], np.float64).reshape(-1, 4)
    sizes = boxes[:, 2:] - boxes[:, :2]
    spans = np.percentile(sizes, PERCENTILES, axis=0).round(1) if len(boxes) else np.zeros((0, 2))
    return ClassFigures(
        labels=len(boxes),
        pictures=len(having),
        boards=len({s.board for s in having}),
        width=tuple(spans[:, 0].tolist()),
        height=tuple(spans[:, 1].tolist()),
    )
