"""One form for every data set: samples with labels, read when they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.image_header import image_size
from aoi_app.training.corpus import DataError
from aoi_app.training.data.pictures import decode_picture, picture_size, read_picture

Picture = NDArray[np.uint8]
"""(lines, width) grey or (lines, width, 3) RGB."""

Source = Path | bytes | Picture | Callable[[], Picture]
"""A picture file, what would stand in a PNG file, pixels, or what makes the pixels when they are needed."""


def pixels_of(source: Source) -> Picture:
    """Return a picture's pixels. Raises DataError where a file cannot be read."""
    if isinstance(source, Path):
        return read_picture(source)
    if isinstance(source, bytes):
        return decode_picture(source, "A picture in memory")
    return source if isinstance(source, np.ndarray) else source()


@dataclass(frozen=True, slots=True)
class Annotation:
    """One labelled defect: its class and its box, x1 y1 x2 y2 in pixels, half open."""

    defect_code: str
    box: tuple[float, float, float, float]


class Fault(str, Enum):
    """What may be wrong with a data set."""

    UNREADABLE_LABEL = "unreadable label"
    UNKNOWN_CLASS = "unknown class"
    OUTSIDE_IMAGE = "outside the image"
    ZERO_AREA = "no area"
    TOO_SMALL = "too small"
    UNREADABLE_IMAGE = "unreadable image"
    MISSING_FILE = "missing file"
    UNSAFE_PATH = "unsafe path"
    SIZE_MISMATCH = "size mismatch"
    NOT_VERIFIED = "not verified"
    DUPLICATE = "duplicate"
    LEAK = "leak between splits"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes
    ----------
    where
        File, with the line where there is one.
    fatal
        False for what a training can live with.
    """

    fault: Fault
    where: str
    what: str
    fatal: bool = True

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One labelled picture.

    Attributes
    ----------
    name
        Unique in its data set; safe as a file name.
    image, golden
        The scan and the defect-free picture. Golden may be absent.
    labels
        Its defects; none on a good board.
    board
        The board (or product) that it was cut from: what splits go by.
    split
        Name of the split that the data set puts it in; empty where it has none.
    """

    name: str
    image: Source
    labels: tuple[Annotation, ...]
    board: str
    golden: Source | None = None
    split: str = ""

    def pixels(self) -> Picture:
        """Return the scan. Raises DataError where the file cannot be read."""
        return pixels_of(self.image)

    def golden_pixels(self) -> Picture | None:
        """Return the defect-free picture, or None where there is none. Raises DataError."""
        return None if self.golden is None else pixels_of(self.golden)

    def size(self) -> tuple[int, int]:
        """Return width and height, pixels, from the head of the file where it is one or would be."""
        if isinstance(self.image, Path):
            return picture_size(self.image)
        size = image_size(self.image) if isinstance(self.image, bytes) else None
        if size is not None:
            return size
        pixels = self.pixels()
        return int(pixels.shape[1]), int(pixels.shape[0])


class Samples(Protocol):
    """What can be written as a data set: a `Dataset`, or samples of which each is seen once and none is kept."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the defect classes, in the order of their numbers."""
        ...

    @property
    def samples(self) -> Iterable[Sample]:
        """The samples, asked for once."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Labelled pictures of one kind.

    Attributes
    ----------
    classes
        Names of the defect classes, in the order of their numbers.
    problems
        What the reader had to leave out, and why.
    """

    classes: tuple[str, ...]
    samples: tuple[Sample, ...]
    problems: tuple[Problem, ...] = ()

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def boards(self) -> tuple[str, ...]:
        """Names of the boards, sorted."""
        return tuple(sorted({s.board for s in self.samples}))

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits, sorted; none where the data set has none."""
        return tuple(sorted({s.split for s in self.samples if s.split}))

    def of_boards(self, boards: Iterable[str]) -> Dataset:
        """Return the samples of these boards."""
        wanted = set(boards)
        unknown = wanted - set(self.boards)
        if unknown:
            raise DataError(f"No board is called {', '.join(sorted(unknown))}.", f"There are {', '.join(self.boards)}.")
        return replace(self, samples=tuple(s for s in self.samples if s.board in wanted))

    def of_split(self, split: str) -> Dataset:
        """Return the samples of one split."""
        if split not in self.splits:
            raise DataError(
                f"The data set has no split {split!r}.", f"It has {', '.join(self.splits) or 'none: make one first'}."
            )
        return replace(self, samples=tuple(s for s in self.samples if s.split == split))

    def require_sound(self) -> Dataset:
        """Return the data set itself; raises DataError where its reader had to leave out anything."""
        fatal = [p for p in self.problems if p.fatal]
        if fatal:
            more = f", and {len(fatal) - 3} more" if len(fatal) > 3 else ""
            raise DataError(
                f"The data set has {len(fatal)} problems: {'; '.join(map(str, fatal[:3]))}{more}.",
                "Run `aoi data check` for all of them, and correct them.",
            )
        return self
