"""From a data set on disk to windows in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from aoi_app.inference.card import Channels, InputSpec
from aoi_app.training.corpus import Corpus, DataError, padded
from aoi_app.training.crew import in_threads
from aoi_app.training.data.dataset import Dataset, Sample
from aoi_app.training.sharing import empty

_INPUT = InputSpec()
_LEAST_LEFT = 0.4  # share of a defect that a window must show to be labelled with it


def channels_of(dataset: Dataset) -> Channels:
    """Return the input that a data set calls for: with a golden image where every sample has one, else as it looks."""
    if not dataset.samples:
        raise DataError("The data set holds no picture.")
    if all(sample.golden is not None for sample in dataset.samples):
        return Channels.GREY_GOLDEN
    return Channels.RGB if dataset.samples[0].pixels().ndim == 3 else Channels.GREY


def input_in_words(dataset: Dataset, channels: Channels) -> str:
    """Return what the network looks at, for people, and what that leaves unused."""
    golden = sum(sample.golden is not None for sample in dataset.samples)
    if golden == 0 or channels is Channels.GREY_GOLDEN:
        return f"input {channels.value}"
    without = len(dataset) - golden
    why = f"{without} of {len(dataset)} pictures have none; " if without else ""
    return f"input {channels.value}, golden images unused: {why}--channels grey+golden uses them"


def windows_in(dataset: Dataset, size: int) -> int:
    """Return how many windows `load_corpus` cuts out of a data set; only the heads of the pictures are read."""
    return sum(len(_corners(sample.size(), size)) for sample in dataset.samples)


def load_corpus(
    dataset: Dataset,
    channels: Channels,
    size: int = 640,
    step: Callable[[], None] = lambda: None,
    images: NDArray[np.uint8] | None = None,
) -> Corpus:
    """Read every sample, on all cores, and cut it into windows of `size` x `size` pixels.

    Larger pictures give several windows that overlap a little; smaller ones are padded at the right and below.

    Parameters
    ----------
    channels
        What the planes of a window hold. A sample without a golden image has an absent one (128).
    step
        Called once a sample.
    images
        Memory for the windows, (`windows_in`, planes, size, size); made when left out.
    """
    if not dataset.samples:
        raise DataError("The data set holds no picture.")
    sizes = [sample.size() for sample in dataset.samples]
    ends = np.cumsum([len(_corners(whole, size)) for whole in sizes])
    if images is None:
        images = empty((int(ends[-1]), channels.planes, size, size))
    places = [
        _Place(sample, whole, part)
        for sample, whole, part in zip(dataset.samples, sizes, np.split(images, ends[:-1]), strict=True)
    ]
    boxes, labels, boards, stems = [], [], [], []
    for place, windows in zip(places, in_threads(partial(_read, dataset.classes, channels), places), strict=True):
        for inside, kinds, stem in windows:
            boxes.append(inside)
            labels.append(kinds)
            boards.append(place.sample.board)
            stems.append(stem)
        step()
    return Corpus(images, *padded(boxes, labels), tuple(boards), tuple(stems), dataset.classes)


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """A sample, its width and height as its file tells, and the memory for its windows."""

    sample: Sample
    size: tuple[int, int]
    images: NDArray[np.uint8]


def _read(
    classes: Sequence[str], channels: Channels, place: _Place
) -> list[tuple[NDArray[np.float32], NDArray[np.int64], str]]:
    """Fill in a sample's windows; return the boxes, the classes and the name of each."""
    sample, (width, height) = place.sample, place.size
    planes = _planes(sample, channels)
    if planes.shape[1:] != (height, width):
        raise DataError(
            f"The picture of {sample.name} says it is {width} x {height} px; it holds {planes.shape[2]} x "
            f"{planes.shape[1]}.",
            "Save it again as PNG.",
        )
    boxes = np.array([a.box for a in sample.labels], np.float32).reshape(-1, 4)
    labels = np.array([classes.index(a.defect_code) for a in sample.labels], np.int64)
    size = place.images.shape[-1]
    windows = []
    for image, (left, top) in zip(place.images, _corners(place.size, size), strict=True):
        window = planes[:, top : top + size, left : left + size]
        image[:, window.shape[1] :] = _INPUT.pad
        image[:, :, window.shape[2] :] = _INPUT.pad
        image[:, : window.shape[1], : window.shape[2]] = window
        inside, kept = _within(boxes - np.array([left, top, left, top], np.float32), size)
        windows.append((inside, labels[kept], f"{sample.name}@{left},{top}"))
    return windows


def _planes(sample: Sample, channels: Channels) -> NDArray[np.uint8]:
    scan = sample.pixels()
    if channels in (Channels.RGB, Channels.BGR):
        colour = scan if scan.ndim == 3 else np.repeat(scan[:, :, None], 3, 2)
        return np.ascontiguousarray(np.moveaxis(colour if channels is Channels.RGB else colour[:, :, ::-1], 2, 0))
    if channels is Channels.GREY:
        return _grey(scan)[None]
    golden = sample.golden_pixels()
    if golden is None:
        golden = np.full(scan.shape[:2], _INPUT.golden_missing, np.uint8)
    if golden.shape[:2] != scan.shape[:2]:
        raise DataError(
            f"The golden picture of {sample.name} is {golden.shape[1]} x {golden.shape[0]} px, its scan "
            f"{scan.shape[1]} x {scan.shape[0]} px.",
            "Both must show the same place at the same size.",
        )
    return np.stack([_grey(scan), _grey(golden)])


def _grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return picture if picture.ndim == 2 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


def _corners(whole: tuple[int, int], size: int) -> list[tuple[int, int]]:
    """Return left and top of the windows of a picture of this width and height, row by row."""
    return [(left, top) for top in _starts(whole[1], size) for left in _starts(whole[0], size)]


def _starts(length: int, size: int) -> list[int]:
    """Return where windows begin: evenly spread, the last one at the end."""
    count = max(1, -(-length // size))
    return [round(v) for v in np.linspace(0, max(0, length - size), count)]


def _within(boxes: NDArray[np.float32], size: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Cut boxes to the window; return those of which enough is left, and which ones that are."""
    cut = np.clip(boxes, 0, size)
    area = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    left = np.prod(np.maximum(cut[:, 2:] - cut[:, :2], 0), axis=1)
    kept = left > _LEAST_LEFT * np.maximum(area, 1e-6)
    return cut[kept], kept
