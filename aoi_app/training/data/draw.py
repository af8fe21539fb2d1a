"""Data sets of boards that the program draws."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from aoi_app.boards import BARE_CODES, SMT_CODES, BoardKind, BoardSpec, DrawnBoard, draw_window
from aoi_app.training.data.dataset import Annotation, Dataset, Picture, Sample

CODES: dict[BoardKind, tuple[str, ...]] = {BoardKind.BARE: BARE_CODES, BoardKind.ASSEMBLED: SMT_CODES}
"""Classes of each kind of board."""


def drawn_dataset(spec: BoardSpec, count: int, seed: int, step: Callable[[], None] = lambda: None) -> Dataset:
    """Return `count` drawn windows, each of another board; the same seed draws the same ones.

    Only the labels are held in memory. The pixels are drawn again when they are needed, which takes some milliseconds.
    """
    samples = []
    for number in range(count):
        samples.append(_sample(spec, seed, number))
        step()
    return Dataset(CODES[spec.kind], tuple(samples))


def _sample(spec: BoardSpec, seed: int, number: int) -> Sample:
    def image() -> Picture:
        return _drawn(spec, seed, number).image

    def golden() -> Picture:
        return _drawn(spec, seed, number).golden

    name = f"drawn-{seed}-{number:06d}"
    labels = tuple(Annotation(label.defect_code, label.box) for label in _drawn(spec, seed, number).labels)
    return Sample(name, image, labels, name, golden)


@lru_cache(maxsize=2)  # scan, golden picture and size of one window are asked for one after the other
def _drawn(spec: BoardSpec, seed: int, number: int) -> DrawnBoard:
    return draw_window(spec, (seed, number))
