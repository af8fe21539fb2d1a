"""Windows held in memory: what the trainer draws its batches from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.errors import AoiError


class DataError(AoiError):
    """A data set cannot be trained on or evaluated with."""


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """Labelled windows of one size.

    Attributes
    ----------
    images
        (windows, planes, height, width) uint8; with a golden image, that is the last plane.
    boxes
        (windows, most, 4) float32, x1 y1 x2 y2 in pixels; zeros beyond a window's last defect.
    labels
        (windows, most) int64, class of each box, -1 beyond the last.
    boards
        Board of each window: what splits and figures go by.
    stems
        Name of each window.
    classes
        Names of the classes.
    """

    images: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    boards: tuple[str, ...]
    stems: tuple[str, ...]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)

    @property
    def planes(self) -> int:
        """Channels of a window."""
        return int(self.images.shape[1])

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the windows."""
        return int(self.images.shape[2]), int(self.images.shape[3])

    def take(self, where: Sequence[int] | NDArray[np.intp]) -> Corpus:
        """Return the windows at these positions."""
        at = np.asarray(where, np.intp)
        return Corpus(
            self.images[at],
            self.boxes[at],
            self.labels[at],
            tuple(self.boards[i] for i in at),
            tuple(self.stems[i] for i in at),
            self.classes,
        )

    def of_boards(self, boards: Sequence[str], *, other: bool = False) -> Corpus:
        """Return the windows of these boards, or of all `other` boards."""
        unknown = set(boards) - set(self.boards)
        if unknown:
            raise DataError(
                f"No board is called {', '.join(sorted(unknown))}.", f"There are {', '.join(sorted(set(self.boards)))}."
            )
        return self.take([i for i, board in enumerate(self.boards) if (board in boards) is not other])


def padded(
    boxes: Sequence[NDArray[np.float32]], labels: Sequence[NDArray[np.int64]]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return lists of (n, 4) boxes and (n,) classes as arrays (windows, most, 4) and (windows, most)."""
    most = max(1, max((len(some) for some in labels), default=1))
    all_boxes = np.zeros((len(boxes), most, 4), np.float32)
    all_labels = np.full((len(boxes), most), -1, np.int64)
    for index, (some, kinds) in enumerate(zip(boxes, labels, strict=True)):
        all_boxes[index, : len(some)] = some
        all_labels[index, : len(kinds)] = kinds
    return all_boxes, all_labels


def joined(parts: Sequence[Corpus], images: NDArray[np.uint8] | None = None) -> Corpus:
    """Return several corpora of the same classes, planes and size as one.

    Parameters
    ----------
    images
        Memory in which their images lie already, one behind the other; copied there when left out.
    """
    first = parts[0]
    for part in parts[1:]:
        if part.classes != first.classes or part.images.shape[1:] != first.images.shape[1:]:
            raise DataError(
                f"Two data sets do not fit together: {first.images.shape[1:]} with classes {first.classes}, "
                f"and {part.images.shape[1:]} with classes {part.classes}."
            )
    most = max(part.labels.shape[1] for part in parts)
    widened = [most - part.labels.shape[1] for part in parts]
    return Corpus(
        np.concatenate([part.images for part in parts]) if images is None else images,
        np.concatenate([np.pad(p.boxes, ((0, 0), (0, w), (0, 0))) for p, w in zip(parts, widened, strict=True)]),
        np.concatenate(
            [np.pad(p.labels, ((0, 0), (0, w)), constant_values=-1) for p, w in zip(parts, widened, strict=True)]
        ),
        tuple(board for part in parts for board in part.boards),
        tuple(stem for part in parts for stem in part.stems),
        first.classes,
    )
