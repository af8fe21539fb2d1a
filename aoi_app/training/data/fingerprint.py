"""Equal and nearly equal pictures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import xxhash
from numpy.typing import NDArray

from aoi_app.training.data.dataset import Picture

_SIDE = 16  # frequencies across and down that are looked at
_BANDS = 16
_NEAR = _BANDS - 1  # differing bits of 256: then one of the 16 bands is equal for certain

_EVEN = 3.0  # grey levels; below that standard deviation a picture is noise


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a picture is told by.

    Attributes
    ----------
    exact
        xxh3-128 of shape and pixels.
    near
        256 bits, 32 bytes: which of the lowest 16 x 16 frequencies are stronger than most. Noise, compression and a
        change of light flip some 12 of them (95th percentile); of 334 DeepPCB windows no two are nearer than 56.
    plain
        The picture is too even for `near` to tell anything.
    """

    exact: bytes
    near: bytes
    plain: bool


def fingerprint(pixels: Picture) -> Fingerprint:
    """Return a picture's fingerprint."""
    digest = xxhash.xxh3_128(np.ascontiguousarray(pixels).data)
    digest.update(str(pixels.shape).encode())
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY) if pixels.ndim == 3 else pixels
    small = cv2.resize(grey, (2 * _SIDE, 2 * _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    waves = cv2.dct(small)[:_SIDE, :_SIDE].ravel()
    waves[0] = 0.0  # the mean brightness
    strong = waves > np.median(waves)
    return Fingerprint(digest.digest(), np.packbits(strong).tobytes(), bool(small.std() < _EVEN))


def pairs_alike(prints: Sequence[Fingerprint]) -> Iterator[tuple[int, int, bool]]:
    """Return pairs of equal (True) or nearly equal (False) pictures, each index once as the later one.

    Pictures that share one of sixteen parts of their bits are compared; the rest differ too much anyway.
    """
    first: dict[bytes, int] = {}
    bands: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    codes: NDArray[np.uint8] = np.frombuffer(b"".join(p.near for p in prints), np.uint8).reshape(-1, _SIDE**2 // 8)
    for index, mark in enumerate(prints):
        if mark.exact in first:
            yield first[mark.exact], index, True
            continue
        first[mark.exact] = index
        if mark.plain:
            continue
        keys = [(band, mark.near[2 * band : 2 * band + 2]) for band in range(_BANDS)]
        others = np.unique(np.array([i for key in keys for i in bands[key]], np.intp))
        if others.size:
            bits = np.unpackbits(codes[others] ^ codes[index], axis=1).sum(axis=1)
            best = int(bits.argmin())
            if bits[best] <= _NEAR:
                yield int(others[best]), index, False
        for key in keys:
            bands[key].append(index)
