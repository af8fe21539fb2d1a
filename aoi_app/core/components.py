"""Components of a board: where they sit in their file's millimetres, and on the golden board's pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from aoi_app.core.errors import RecipeError
from aoi_app.core.rules import Positive, Strict

Points = NDArray[np.float64]
"""(n, 2): x and y."""

FARTHEST_MM = 100_000.0
Millimetres = Annotated[float, Field(ge=-FARTHEST_MM, le=FARTHEST_MM)]

REACH_MM = 0.5
"""A defect so far from a component's outline still belongs to it: a bridge or a ball of solder lies beside its pads."""


class Component(Strict):
    """A part on the board, as its centroid file places it.

    Attributes
    ----------
    reference
        Reference designator, such as R12.
    x_mm, y_mm
        Centre in the file's own axes, millimetres.
    rotation
        Degrees, anticlockwise.
    w_mm, h_mm
        Outline with its pads at a rotation of 0, millimetres.
    terminations
        Solder joints; None where nobody knows.
    """

    reference: Annotated[str, Field(min_length=1, max_length=80)]
    package: str = ""
    value: str = ""
    x_mm: Millimetres
    y_mm: Millimetres
    rotation: Annotated[float, Field(ge=-36_000, le=36_000)] = 0.0
    w_mm: Annotated[Positive, Field(le=FARTHEST_MM)]
    h_mm: Annotated[Positive, Field(le=FARTHEST_MM)]
    terminations: Annotated[int, Field(ge=0, le=100_000)] | None = None


class BoardFrame(Strict):
    """How a centroid file's axes lie on the golden board.

    Attributes
    ----------
    origin_px
        The file's origin, pixels of the golden board.
    px_per_mm
        Across and along the transport.
    rotation_deg
        The file's axes against the picture's, degrees anticlockwise as seen.
    mirrored
        The file looks through the board from above, the camera sees its bottom: x runs to the left.
    y_down
        The file's y axis runs down the picture; that of most programs runs up.
    """

    origin_px: tuple[float, float] = (0.0, 0.0)
    px_per_mm: tuple[Positive, Positive] = (20.0, 20.0)
    rotation_deg: Annotated[float, Field(ge=-360, le=360)] = 0.0
    mirrored: bool = False
    y_down: bool = False

    def to_pixels(self, mm: Points) -> Points:
        """Move (n, 2) places of the file to the golden board."""
        return np.asarray(mm @ self._linear().T + np.array(self.origin_px), np.float64)

    def to_mm(self, pixels: Points) -> Points:
        """Move (n, 2) places of the golden board to the file."""
        return np.asarray((pixels - np.array(self.origin_px)) @ np.linalg.inv(self._linear()).T, np.float64)

    def _linear(self) -> Points:
        cos, sin = np.cos(np.radians(self.rotation_deg)), np.sin(np.radians(self.rotation_deg))
        axes = np.diag([-1.0 if self.mirrored else 1.0, 1.0 if self.y_down else -1.0])
        return np.asarray(np.diag(self.px_per_mm) @ np.array([[cos, sin], [-sin, cos]]) @ axes, np.float64)


def fit_frame(
    mm: Points, pixels: Points, aspect: float = 1.0, *, mirrored: bool = False, y_down: bool = False
) -> tuple[BoardFrame, float]:
    """Find the frame that lays places of the file onto places of the golden board: shift, rotation and scale.

    Parameters
    ----------
    mm, pixels
        (n, 2) each, the same places in the same order, two or more.
    aspect
        Pixels per millimetre across, divided by those along the transport.

    Returns
    -------
    frame, residual
        The residual is the greatest distance between a place and where the frame puts it, pixels.

    Raises
    ------
    RecipeError
        There are fewer than two places, or they lie on one spot.
    """
    signs = np.array([-1.0 if mirrored else 1.0, 1.0 if y_down else -1.0])
    source = (np.asarray(mm, np.float64).reshape(-1, 2) * signs) @ np.array([1, 1j])
    target = (np.asarray(pixels, np.float64).reshape(-1, 2) / np.array([aspect, 1.0])) @ np.array([1, 1j])
    spread = source - source.mean() if len(source) else source
    power = float(np.sum(np.abs(spread) ** 2))
    turn = complex(np.sum(np.conj(spread) * target)) / power if power > 1e-12 else 0j
    if abs(turn) < 1e-9:
        raise RecipeError(
            f"{len(source)} places do not tell how the components lie on the board.",
            "Give two places or more, far from each other on the file and on the picture.",
        )
    origin = complex(target.mean() - turn * source.mean())
    frame = BoardFrame(
        origin_px=(origin.real * aspect, origin.imag),
        px_per_mm=(abs(turn) * aspect, abs(turn)),
        rotation_deg=float(-np.degrees(np.angle(turn))),
        mirrored=mirrored,
        y_down=y_down,
    )
    return frame, float(np.linalg.norm(frame.to_pixels(mm) - pixels, axis=1).max())


def outline(component: Component, frame: BoardFrame) -> Points:
    """Return the four corners of a component on the golden board, (4, 2) pixels."""
    half = np.array([component.w_mm, component.h_mm]) / 2
    corners = np.array([[-1.0, -1], [1, -1], [1, 1], [-1, 1]]) * half
    turned = corners @ _turns(np.array([component.rotation]), frame.y_down)[0].T
    return frame.to_pixels(turned + np.array([component.x_mm, component.y_mm]))


@dataclass(frozen=True, slots=True, eq=False)
class ComponentFinder:
    """Tells to which component a place belongs. Made once for all places of a board."""

    components: Sequence[Component]
    frame: BoardFrame

    def names(self, pixels: Points) -> list[str]:
        """Return the reference designator at each place; empty where none is near.

        Parameters
        ----------
        pixels
            (n, 2), golden board. A place within several outlines belongs to the smallest, one outside to the nearest
            within `REACH_MM`.
        """
        if not self.components or not len(pixels):
            return [""] * len(pixels)
        table = np.array([(c.x_mm, c.y_mm, c.w_mm / 2, c.h_mm / 2, c.rotation) for c in self.components])
        back = _turns(-table[:, 4], self.frame.y_down)
        area = table[:, 2] * table[:, 3]
        found = []
        for place in self.frame.to_mm(np.asarray(pixels, np.float64)):
            local = np.einsum("nij,nj->ni", back, place - table[:, :2])
            outside = np.maximum(np.abs(local) - table[:, 2:4], 0)
            distance = np.hypot(outside[:, 0], outside[:, 1])
            best = int(np.lexsort((area, distance))[0])
            found.append(self.components[best].reference if distance[best] <= REACH_MM else "")
        return found


def _turns(degrees: NDArray[np.float64], y_down: bool) -> NDArray[np.float64]:
    """Return (n, 2, 2) rotations that are anticlockwise as seen, in axes whose y runs up or down."""
    angle = np.radians(-degrees if y_down else degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], -2)
