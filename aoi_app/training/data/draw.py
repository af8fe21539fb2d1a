"""Data sets of boards that the program draws."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from aoi_app.boards import BARE_CODES, SMT_CODES, BoardKind, BoardSpec, draw_window
from aoi_app.boards.drawn import Box
from aoi_app.training.crew import in_processes
from aoi_app.training.data.dataset import Annotation, Sample
from aoi_app.training.data.pictures import png_of

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


@dataclass(frozen=True, slots=True)
class DrawnSamples:
    """Drawn windows, each of another board; the same seed draws the same ones.

    They are drawn on all cores while they are asked for, anew each time, and none is kept.
    """

    spec: BoardSpec
    count: int
    seed: int
    boxes: BoxStyle = BoxStyle()

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes of the defects that are drawn."""
        return CODES[self.spec.kind]

    @property
    def samples(self) -> Iterator[Sample]:
        """The windows in their order."""
        return in_processes(partial(_sample, self.spec, self.seed, self.boxes), range(self.count))


def _sample(spec: BoardSpec, seed: int, boxes: BoxStyle, number: int) -> Sample:
    board = draw_window(spec, (seed, number))
    name = f"drawn-{seed}-{number:06d}"
    labels = tuple(Annotation(label.defect_code, boxes.box(label.box)) for label in board.labels)
    return Sample(name, png_of(board.image), labels, name, png_of(board.golden))
