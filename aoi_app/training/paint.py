"""More defects on real boards: drawn into scans of bare copper wherever no labelled one is.

A real window with drawn strokes keeps the real edges, the real noise and the real layout; only the defect is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aoi_app.boards import BARE_CODES, Label
from aoi_app.boards.bare.defects import CLASS_MIX, add_defects
from aoi_app.training.corpus import Corpus, DataError, padded


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


def painted(corpus: Corpus, seed: int, paint: Paint = Paint()) -> Corpus:
    """Return a copy of `corpus` with other defects.

    Parameters
    ----------
    corpus
        Bare copper, dark on bright laminate, with golden images and the classes of `BARE_CODES`.
    """
    if corpus.planes != 2 or corpus.classes != BARE_CODES:
        raise DataError(
            f"Defects are drawn on bare copper with golden images only; here are {corpus.planes} channels and the "
            f"classes {', '.join(corpus.classes)}.",
            f"Expected are 2 channels and {', '.join(BARE_CODES)}.",
        )
    images = corpus.images.copy()
    boxes, labels = [], []
    for index in range(len(corpus)):
        real = corpus.labels[index] >= 0
        window = images[index]
        kept = _window(window, corpus.boxes[index][real], corpus.labels[index][real], seed, index, paint)
        boxes.append(kept[0])
        labels.append(kept[1])
    return Corpus(images, *padded(boxes, labels), corpus.boards, corpus.stems, corpus.classes)


def _window(
    window: np.ndarray[tuple[int, ...], np.dtype[np.uint8]],
    boxes: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    labels: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
    seed: int,
    index: int,
    paint: Paint,
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.float32]], np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    rng = np.random.default_rng((seed, index))
    scan, golden = window
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
    return np.concatenate([boxes[~healed], new_boxes]), np.concatenate([labels[~healed], new_labels])
