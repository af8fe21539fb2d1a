"""More defects on real boards: drawn into scans of bare copper wherever no labelled one is.

A real window with drawn strokes keeps the real edges, the real noise and the real layout; only the defect is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from aoi_app.boards import BARE_CODES, Label
from aoi_app.boards.bare.defects import CLASS_MIX, add_defects
from aoi_app.training.corpus import Corpus, DataError, padded
from aoi_app.training.crew import in_processes
from aoi_app.training.sharing import empty


@dataclass(frozen=True, slots=True)
class Paint:
    """How scans are painted.

    Attributes
    ----------
    defects
        Least and greatest number of defects that are added to a window.
    heal
        Chance that a labelled defect is healed first, by putting the golden image in its place.
    px_per_mm
        Resolution of the scans.
    """

    defects: tuple[int, int] = (8, 24)
    heal: float = 0.5
    px_per_mm: float = 48.0


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """One window to be painted, with its labelled defects and the seed of those that are drawn."""

    planes: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    seed: tuple[int, int]


def painted(
    corpus: Corpus,
    seeds: Sequence[int],
    paint: Paint = Paint(),
    step: Callable[[], None] = lambda: None,
    images: NDArray[np.uint8] | None = None,
) -> Corpus:
    """Return copies of `corpus` with other defects, one a seed, one behind the other; on all cores.

    Parameters
    ----------
    corpus
        Bare copper, dark on bright laminate, with golden images and the classes of `BARE_CODES`.
    step
        Called after each window.
    images
        Memory for the windows, (seeds x windows, planes, height, width); made when left out.
    """
    if corpus.planes != 2 or corpus.classes != BARE_CODES:
        raise DataError(
            f"Defects are drawn on bare copper with golden images only; here are {corpus.planes} channels and the "
            f"classes {', '.join(corpus.classes)}.",
            f"Expected are 2 channels and {', '.join(BARE_CODES)}.",
        )
    if images is None:
        images = empty((len(seeds) * len(corpus), *corpus.images.shape[1:]))
    real = [kinds >= 0 for kinds in corpus.labels]
    windows = [
        _Window(corpus.images[n], corpus.boxes[n][real[n]], corpus.labels[n][real[n]], (seed, n))
        for seed in seeds
        for n in range(len(corpus))
    ]
    boxes, labels = [], []
    for at, (scan, box, label) in enumerate(in_processes(partial(_paint, paint), windows)):
        images[at, 0], images[at, 1] = scan, windows[at].planes[1]
        boxes.append(box)
        labels.append(label)
        step()
    copies = len(seeds)
    return Corpus(images, *padded(boxes, labels), corpus.boards * copies, corpus.stems * copies, corpus.classes)


def _paint(paint: Paint, window: _Window) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.int64]]:
    """Return another scan of a window, with the boxes and classes of what is on it."""
    rng = np.random.default_rng(window.seed)
    boxes, labels = window.boxes, window.labels
    scan, golden = window.planes[0].copy(), window.planes[1]
    healed = rng.random(len(boxes)) < paint.heal
    for x1, y1, x2, y2 in boxes[healed].astype(int):
        scan[max(0, y1) : y2 + 1, max(0, x1) : x2 + 1] = golden[max(0, y1) : y2 + 1, max(0, x1) : x2 + 1]
    taken = tuple(
        Label(BARE_CODES[label], (int(box[0]) - 8, int(box[1]) - 8, int(box[2]) + 9, int(box[3]) + 9))
        for box, label in zip(boxes[~healed], labels[~healed], strict=True)
    )
    count = int(rng.integers(paint.defects[0], paint.defects[1] + 1))
    codes = tuple(str(code) for code in rng.choice(list(CLASS_MIX), count, p=list(CLASS_MIX.values())))
    copper = np.where(scan < 128, 255, 0).astype(np.uint8)
    before = copper.copy()
    added = add_defects(copper, rng, codes, paint.px_per_mm, taken)
    scan[(copper > 0) & (before == 0)] = 0
    scan[(copper == 0) & (before > 0)] = 255
    # a drawn box ends behind its last pixel, a labelled one on it
    new_boxes = np.array([label.box for label in added], np.float32).reshape(-1, 4) - np.array([0, 0, 1, 1], np.float32)
    new_labels = np.array([BARE_CODES.index(label.defect_code) for label in added], np.int64)
    return scan, np.concatenate([boxes[~healed], new_boxes]), np.concatenate([labels[~healed], new_labels])
