"""What one looks at to set light and focus: line profile, histogram, saturation, sharpness. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.scan import Pixels

SATURATED = 255


@dataclass(frozen=True, slots=True, eq=False)
class LineFigures:
    """Figures of a block of lines.

    Attributes
    ----------
    profile
        (width,) mean of each column, 0 to 255; of a colour picture its green.
    histogram
        (256,) number of samples.
    saturated
        Share of samples at 255, 0 to 1.
    focus
        Mean square of the difference between neighbouring columns over the variance of the picture: it is greatest
        in focus, and does not depend on the light. 0 for an even picture.
    """

    profile: NDArray[np.float32]
    histogram: NDArray[np.int64]
    saturated: float
    focus: float


def line_figures(pixels: Pixels) -> LineFigures:
    """Measure a block, (lines, width[, 3]), of at least one line."""
    grey = pixels if pixels.ndim == 2 else pixels[..., 1]
    histogram = np.bincount(grey.reshape(-1), minlength=256)
    samples = grey.astype(np.float32)
    spread = float(samples.var())
    steps = np.diff(samples, axis=1)
    return LineFigures(
        profile=samples.mean(axis=0),
        histogram=histogram,
        saturated=float(histogram[SATURATED]) / grey.size,
        focus=float((steps * steps).mean()) / spread if spread > 0 and steps.size else 0.0,
    )
