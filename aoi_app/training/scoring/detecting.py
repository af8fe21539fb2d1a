"""Runs a model over a data set, through the very detector that the station uses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aoi_app.core.detection import Detections
from aoi_app.core.protocols import Detector
from aoi_app.core.scan import BoardScan, PixelFormat, read_only
from aoi_app.inference.metrics import Truth
from aoi_app.inference.model import read_model
from aoi_app.inference.nudge import find_nudge, moved
from aoi_app.inference.runtimes.table import open_detector
from aoi_app.training.corpus import DataError
from aoi_app.training.data.dataset import Dataset, Sample

LEAST_CONFIDENCE = 0.001
"""Average precision counts every detection, down to hardly any confidence."""
_OVERLAP = 128  # of tiles, pixels, as the station's default; a quarter of a smaller tile


@dataclass(frozen=True, slots=True, eq=False)
class Inspected:
    """What a model found on a data set, beside what is really there; one of each a sample, in order.

    Attributes
    ----------
    engine
        Model, runtime and precision that ran, in words.
    milliseconds
        Network time a picture, median.
    """

    dataset: Dataset
    found: tuple[Detections, ...]
    truths: tuple[Truth, ...]
    engine: str
    milliseconds: float


def inspect_dataset(
    model: Path,
    dataset: Dataset,
    *,
    runtime: str = "onnxruntime",
    precision: str = "fp32",
    golden: bool = True,
    step: Callable[[], None] = lambda: None,
) -> Inspected:
    """Inspect every sample as one board.

    Parameters
    ----------
    golden
        False leaves the golden images out: how well does the model do without?

    Raises
    ------
    DataError
        The model and the data set have different classes.
    """
    described = read_model(model)
    names = described.class_names
    unknown = sorted(set(dataset.classes) - set(names))
    if unknown and any(label.defect_code in unknown for sample in dataset.samples for label in sample.labels):
        raise DataError(
            f"The data set has defects that {model.name} does not know: {', '.join(unknown)}.",
            f"It knows {', '.join(names)}.",
        )
    overlap = min(_OVERLAP, min(described.size) // 4)
    detector = open_detector(model, runtime, precision, min_confidence=LEAST_CONFIDENCE, overlap=overlap)
    found, truths, times = [], [], []
    try:
        for sample in dataset.samples:
            found.append(_inspect(detector, sample, golden))
            times.append(detector.latency_ms.get("inference", 0.0))
            truths.append(truth_of(sample, names))
            step()
        info = detector.info
    finally:
        detector.close()
    engine = f"{info.model}, {info.runtime} {info.precision}"
    return Inspected(
        Dataset(tuple(names), dataset.samples), tuple(found), tuple(truths), engine, float(np.median(times or [0.0]))
    )


def truth_of(sample: Sample, names: tuple[str, ...]) -> Truth:
    """Return the labels of a sample with the classes' numbers of a model."""
    boxes = np.array([label.box for label in sample.labels], np.float32).reshape(-1, 4)
    return Truth(boxes, np.array([names.index(label.defect_code) for label in sample.labels], np.int32))


def _inspect(detector: Detector, sample: Sample, golden: bool) -> Detections:
    pixels = read_only(sample.pixels())
    kind = PixelFormat.MONO8 if pixels.ndim == 2 else PixelFormat.RGB8
    reference = sample.golden_pixels() if golden else None
    if reference is not None:  # as `aoi inspect` does with boards from files
        reference = moved(reference, *find_nudge(reference, pixels))
    detector.begin(BoardScan(sample.name, sample.name, pixels, kind, 0, 0), reference)
    return detector.finish(len(pixels))
