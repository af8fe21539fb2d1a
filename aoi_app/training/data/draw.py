"""Data sets of boards that the program draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from aoi_app.boards import BARE_CODES, SMT_CODES, BoardKind, BoardSpec, DrawnBoard, draw_window
from aoi_app.boards.drawn import Box
from aoi_app.training.data.dataset import Annotation, Dataset, Picture, Sample

CODES: dict[BoardKind, tuple[str, ...]] = {BoardKind.BARE: BARE_CODES, BoardKind.ASSEMBLED: SMT_CODES}
"""Classes of each kind of board."""


@dataclass(frozen=True, slots=True)
class BoxStyle:
    """How the boxes of drawn defects are labelled.

    Attributes
    ----------
    tighten
        Pixels taken off each side: optics round small strokes off, so that less of them is seen than was drawn
        (0.75 px at 48 px/mm, measured against DeepPCB, whose boxes leave 10 px around what is seen).
    pixel_boxes
        Name the first and the last pixel, as DeepPCB does, rather than edges.
    """

    tighten: float = 0.0
    pixel_boxes: bool = False

    def box(self, drawn: Box) -> tuple[float, float, float, float]:
        """Return the box to label a defect with."""
        x1, y1, x2, y2 = drawn
        off, end = self.tighten, self.tighten + (1 if self.pixel_boxes else 0)
        return x1 + off, y1 + off, x2 - end, y2 - end


def drawn_dataset(
    spec: BoardSpec, count: int, seed: int, step: Callable[[], None] = lambda: None, boxes: BoxStyle = BoxStyle()
) -> Dataset:
    """Return `count` drawn windows, each of another board; the same seed draws the same ones.

    Only the labels are held in memory. The pixels are drawn again when they are needed, which takes some milliseconds.
    """
    samples = []
    for number in range(count):
        samples.append(_sample(spec, seed, number, boxes))
        step()
    return Dataset(CODES[spec.kind], tuple(samples))


def _sample(spec: BoardSpec, seed: int, number: int, boxes: BoxStyle) -> Sample:
    def image() -> Picture:
        return _drawn(spec, seed, number).image

    def golden() -> Picture:
        return _drawn(spec, seed, number).golden

    name = f"drawn-{seed}-{number:06d}"
    labels = tuple(Annotation(label.defect_code, boxes.box(label.box)) for label in _drawn(spec, seed, number).labels)
    return Sample(name, image, labels, name, golden)


@lru_cache(maxsize=2)  # scan, golden picture and size of one window are asked for one after the other
def _drawn(spec: BoardSpec, seed: int, number: int) -> DrawnBoard:
    return draw_window(spec, (seed, number))
