from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from aoi_app.boards import BARE_CODES, BoardSpec, draw_window
from aoi_app.training.corpus import Corpus, padded
from aoi_app.training.data.dataset import Annotation, Dataset, Sample
from aoi_app.training.data.layouts.table import LAYOUTS

MakeCorpus = Callable[..., Corpus]
MakeDataset = Callable[..., Dataset]


def _corpus(count: int, seed: int = 0, size: int = 128) -> Corpus:
    boards = [draw_window(BoardSpec(width=size, lines=size, defects=(1, 4)), (seed, n)) for n in range(count)]
    boxes = [np.array([label.box for label in b.labels], np.float32).reshape(-1, 4) for b in boards]
    labels = [np.array([BARE_CODES.index(label.defect_code) for label in b.labels], np.int64) for b in boards]
    names = tuple(f"board{n}" for n in range(count))
    images = np.stack([np.stack([b.image, b.golden]) for b in boards])
    return Corpus(images, *padded(boxes, labels), names, names, BARE_CODES)


def _dataset(count: int, seed: int = 0, size: int = 128) -> Dataset:
    samples = []
    for n in range(count):
        b = draw_window(BoardSpec(width=size, lines=size, defects=(1, 4)), (seed, n))
        labels = tuple(Annotation(label.defect_code, label.box) for label in b.labels)
        samples.append(Sample(f"s{n}", b.image, labels, f"board{n % 2}", b.golden))
    return Dataset(BARE_CODES, tuple(samples))


@pytest.fixture
def corpus() -> MakeCorpus:
    """Makes windows of small drawn boards, each of a board of its own."""
    return _corpus


@pytest.fixture
def dataset() -> MakeDataset:
    """Makes a data set of two small drawn boards."""
    return _dataset


@pytest.fixture
def deeppcb(tmp_path: Path) -> Path:
    """A folder with eight drawn windows of two boards in DeepPCB's layout."""
    LAYOUTS["deeppcb"].write(_dataset(8), tmp_path / "pcb", lambda: None)
    return tmp_path / "pcb"
