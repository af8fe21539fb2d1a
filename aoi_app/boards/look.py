"""From a drawing to what a line-scan camera sees of it: light, sensor, noise, threshold."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from aoi_app.boards.drawn import Image, as_image

COPPER_GREY, LAMINATE_GREY = 58, 196
"""Grey levels of a bare board under line-scan light: copper is dark, as in DeepPCB."""


@dataclass(frozen=True, slots=True)
class EdgeNoise:
    """How ragged the edges of a binarised scan are.

    Between a DeepPCB scan and its golden picture, laid on each other, 0.46 to 1.24 pixels differ per pixel of edge
    (10th and 90th percentile of 160 pairs): that is what these defaults give.

    Attributes
    ----------
    blur_px
        Least and greatest standard deviation of the optics' blur before the threshold, pixels.
    grain
        Amplitude of the noise of single pixels before the threshold, share of the full scale.
    wobble
        Greatest amplitude of the noise that moves an edge over several pixels (stage, etching), share of the full
        scale; a scan has between none and this.
    swelling
        Greatest offset of the threshold, share of the full scale: copper looks thicker or thinner throughout.
    """

    blur_px: tuple[float, float] = (1.0, 1.9)
    grain: float = 0.35
    wobble: float = 0.32
    swelling: float = 0.2


def shifted(image: Image, x: float, y: float, border: int) -> Image:
    """Return `image` moved by (x, y) pixels; `border` (0..255) comes in at the edges."""
    if x == 0 and y == 0:
        return image
    move = np.array([[1, 0, x], [0, 1, y]], np.float32)
    size = (image.shape[1], image.shape[0])
    moved = cv2.warpAffine(
        image, move, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(border,) * 3
    )
    return as_image(moved)


def binarised(ideal: Image, rng: np.random.Generator, edges: EdgeNoise = EdgeNoise()) -> Image:
    """Return a thresholded scan of `ideal` (0 and 255, (lines, width)): the same with ragged edges."""
    lines, width = ideal.shape
    soft = cv2.GaussianBlur(ideal, (0, 0), rng.uniform(*edges.blur_px))
    # both noises are added at quarter amplitude around mid grey, so that nothing saturates
    fine = cv2.blur(rng.integers(0, 256, ideal.shape, np.uint8), (2, 2))
    coarse = rng.integers(0, 256, (lines // 4 + 2, width // 4 + 2), np.uint8)
    slow = cv2.resize(coarse, (width, lines), interpolation=cv2.INTER_LINEAR)
    wobble = edges.wobble * rng.random()
    noise = cv2.addWeighted(fine, edges.grain, slow, wobble, 127.5 * (1 - edges.grain - wobble))
    mixed = cv2.addWeighted(soft, 0.5, noise, 0.5, 0.0)
    level = 127.5 * (1 + rng.uniform(-edges.swelling, edges.swelling) / 2)
    return as_image(cv2.threshold(mixed, level, 255, cv2.THRESH_BINARY)[1])


@dataclass(frozen=True, slots=True)
class LineScanLight:
    """How a line-scan camera sees a board.

    Attributes
    ----------
    falloff
        Loss of light at both ends of the line, share.
    prnu
        Standard deviation of the pixels' gains (EMVA 1288 PRNU), share.
    noise
        Standard deviation of a pixel's noise, grey levels.
    blur_px
        Standard deviation of the optics' blur, pixels.
    jitter
        Standard deviation of the light from line to line, share.
    """

    falloff: float = 0.08
    prnu: float = 0.008
    noise: float = 2.5
    blur_px: float = 0.7
    jitter: float = 0.004


def lit(image: Image, rng: np.random.Generator, light: LineScanLight = LineScanLight()) -> Image:
    """Return `image` ((lines, width[, 3]), any grey levels) as a line-scan camera sees it, same shape."""
    lines, width = image.shape[:2]
    across = np.linspace(-1.0, 1.0, width, dtype=np.float32)
    gains = (1 - light.falloff * across**2) * (1 + light.prnu * rng.standard_normal(width, np.float32))
    rows: NDArray[np.float32] = 1 + light.jitter * rng.standard_normal((lines,), np.float32)
    soft = cv2.GaussianBlur(image, (0, 0), light.blur_px) if light.blur_px > 0.2 else image
    result = np.empty_like(image)
    # in strips: the working memory stays small on a board of 16k x 16k
    for top in range(0, lines, 256):
        strip = np.s_[top : top + 256]
        field = rows[strip, None] * gains
        grain = _noise(rng, soft[strip].shape, light.noise)
        scaled = soft[strip] * (field[..., None] if image.ndim == 3 else field) + grain
        result[strip] = np.clip(scaled, 0, 255)
    return result


def _noise(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> NDArray[np.float32]:
    """Return noise of standard deviation `sigma`: the sum of two uniform bytes (quick)."""
    two = rng.integers(0, 256, (2, *shape), np.uint8)
    total: NDArray[np.float32] = (two[0].astype(np.float32) + two[1] - 255.0) * np.float32(sigma / 104.5)
    return total
