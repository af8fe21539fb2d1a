"""A trained network as LiteRT files, beside its ONNX file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from aoi_app.inference.calibration import GOLDEN_MARK
from aoi_app.inference.model import read_model
from aoi_app.inference.precision import PRECISIONS
from aoi_app.inference.runtimes.litert_convert import export_tflite
from aoi_app.training.data.dataset import Dataset, Source, pixels_of

PICTURES = 64
"""Pictures of the data that INT8 is calibrated on, spread over all of them."""


def write_tflite(model: Path, dataset: Dataset) -> Iterator[Path]:
    """Write a model in every precision beside itself, and yield each file.

    Raises
    ------
    BackendMissing
        The converter is not installed.
    EngineError
        The data have too few tiles to calibrate INT8 on.
    """
    network = read_model(model)
    with tempfile.TemporaryDirectory() as folder:
        step = max(1, len(dataset.samples) // PICTURES)
        for number, sample in enumerate(dataset.samples[::step][:PICTURES]):
            _write(sample.image, Path(folder) / f"{number}.png")
            if sample.golden is not None:
                _write(sample.golden, Path(folder) / f"{number}{GOLDEN_MARK}.png")
        for precision in PRECISIONS:
            yield export_tflite(network, precision, model.parent, (Path(folder),), lambda share, text: None)


def _write(source: Source, target: Path) -> None:
    pixels = pixels_of(source)
    cv2.imwrite(str(target), pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., ::-1]))
