"""An assembled board: drawn once, with what is needed to draw any of its parts again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from aoi_app.boards.drawn import Box, Image, Placement
from aoi_app.boards.smt.bodies import draw_body, draw_standing
from aoi_app.boards.smt.joints import Joint, draw_excess, draw_joint
from aoi_app.boards.smt.pen import Pen
from aoi_app.boards.smt.placing import Part, place_parts
from aoi_app.boards.smt.substrate import MASKS, draw_fiducial_marks, draw_silkscreen, paint_substrate

_AROUND_MM = 0.3


@dataclass(frozen=True, slots=True)
class Pose:
    """How a part really sits.

    Attributes
    ----------
    dx, dy
        Offset from its place, millimetres in its own axes.
    turn
        Rotation from its place, degrees.
    standing
        -1 or 1: it stands on that terminal; 0: it lies flat.
    present
        Whether it is there at all.
    joints
        Its joints that are not good, by the index of the pad.
    """

    dx: float = 0.0
    dy: float = 0.0
    turn: float = 0.0
    standing: int = 0
    present: bool = True
    joints: Mapping[int, Joint] = field(default_factory=dict)


AS_DESIGNED = Pose()


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """A part with the empty board around it.

    Attributes
    ----------
    box
        Region of the board that the part may change.
    empty
        That region without part and solder, (h, w, 3).
    """

    part: Part
    box: Box
    empty: Image

    def drawn(self, pose: Pose, px_per_mm: float) -> tuple[Image, Pen]:
        """Return the region with the part in `pose`, (h, w, 3), and the pen at the part's place."""
        picture = self.empty.copy()
        part = self.part
        centre = (part.x - self.box[0], part.y - self.box[1])
        place = Pen(picture, centre, px_per_mm, part.rotation)
        pads = part.package.pads
        for index, pad in enumerate(pads):
            joint = pose.joints.get(index, Joint.GOOD)
            draw_joint(place, pad, Joint.GOOD if joint is Joint.EXCESS else joint)
        if pose.present:
            moved = place.to_pixels([[pose.dx, pose.dy]])[0]
            pen = Pen(picture, (moved[0], moved[1]), px_per_mm, part.rotation + pose.turn)
            if pose.standing:
                draw_standing(pen, part.package, pose.standing)
            else:
                draw_body(pen, part.package, part.value)
        for index, joint in pose.joints.items():
            if joint is Joint.EXCESS:
                draw_excess(place, pads[index])
        return picture, place


@dataclass(frozen=True, slots=True, eq=False)
class Assembly:
    """The golden picture of an assembled board, (lines, width, 3), and its sites."""

    golden: Image
    sites: tuple[Site, ...]
    px_per_mm: float

    @property
    def placements(self) -> tuple[Placement, ...]:
        """The centroid file's rows."""
        return tuple(
            Placement(
                s.part.reference, s.part.package.name, s.part.value, round(s.part.x / self.px_per_mm, 4),
                round(s.part.y / self.px_per_mm, 4), float(s.part.rotation),
            )
            for s in self.sites
        )  # fmt: skip


def draw_assembly(width: int, lines: int, px_per_mm: float, rng: np.random.Generator, whole: bool) -> Assembly:
    """Return an assembled board, drawn as designed."""
    canvas, parts = place_parts(width, lines, px_per_mm, rng, whole)
    mask = MASKS[int(rng.choice(len(MASKS), p=(0.7, 0.2, 0.1)))]
    picture = paint_substrate(canvas.copper, mask, rng)
    if whole:
        draw_fiducial_marks(picture, px_per_mm)
    for part in parts:
        draw_silkscreen(picture, part, px_per_mm)
    sites = []
    for part in parts:
        reach = (np.array(part.courtyard) / 2 + _AROUND_MM) * px_per_mm
        centre = np.array([part.x, part.y])
        low = np.maximum(np.floor(centre - reach), 0).astype(int)
        high = np.minimum(np.ceil(centre + reach), (width, lines)).astype(int)
        box = (int(low[0]), int(low[1]), int(high[0]), int(high[1]))
        region = np.s_[box[1] : box[3], box[0] : box[2]]
        site = Site(part, box, picture[region].copy())
        picture[region] = site.drawn(AS_DESIGNED, px_per_mm)[0]
        sites.append(site)
    return Assembly(picture, tuple(sites), px_per_mm)
