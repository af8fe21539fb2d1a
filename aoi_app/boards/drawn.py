"""A board that was drawn: picture, golden picture and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from cv2.typing import MatLike

Image = NDArray[np.uint8]
"""(lines, width) grey or (lines, width, 3) RGB, uint8."""

Box = tuple[int, int, int, int]
"""x1, y1, x2, y2 in pixels, the first column and row inside and the last ones outside (half open)."""

BARE_CODES = ("open", "short", "mousebite", "spur", "copper", "pin-hole")
"""Defects of bare copper, in the order and with the names of the DeepPCB data set."""

SMT_CODES = (
    "missing",
    "shifted",
    "rotated",
    "tombstoned",
    "bridged",
    "insufficient-solder",
    "excess-solder",
    "foreign-object",
)
"""Defects of assembled boards."""


@dataclass(frozen=True, slots=True)
class Label:
    """One defect of a board.

    Attributes
    ----------
    defect_code
        Name of its class.
    box
        Where it is, x1 y1 x2 y2 in pixels, half open.
    component
        Reference designator of the part concerned; empty on bare boards.
    """

    defect_code: str
    box: Box
    component: str = ""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where one part sits: a row of the centroid (pick-and-place) file.

    Attributes
    ----------
    reference
        Reference designator, such as R12.
    package
        Package name, such as 0603.
    value
        Value or part number.
    x_mm, y_mm
        Centre, from the picture's upper left corner, x right and y down.
    rotation
        Degrees, anticlockwise as seen in the picture.
    """

    reference: str
    package: str
    value: str
    x_mm: float
    y_mm: float
    rotation: float


@dataclass(frozen=True, slots=True, eq=False)
class DrawnBoard:
    """A board, its defect-free twin and its labels; pictures are read-only.

    Attributes
    ----------
    image, golden
        The scan and the defect-free board, same shape.
    labels
        Every defect that was drawn; none on a good board.
    px_per_mm
        Resolution.
    placements
        Parts of an assembled board; empty on bare ones.
    """

    image: Image
    golden: Image
    labels: tuple[Label, ...]
    px_per_mm: float
    placements: tuple[Placement, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether the board has no defect."""
        return not self.labels


def as_image(picture: MatLike) -> Image:
    """Return what OpenCV made of 8-bit pictures as the 8-bit picture that it is; nothing is copied."""
    return np.asarray(picture, np.uint8)


def frozen(image: Image) -> Image:
    """Return a view of `image` that nobody can write to."""
    view = image[...]
    view.flags.writeable = False
    return view
