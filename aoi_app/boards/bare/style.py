"""How one bare board is designed: widths, gaps, density. Lengths in pixels at 48 px/mm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DESIGN_PX_PER_MM = 48.0
"""Resolution at which every length of the design is written down: that of the DeepPCB boards."""


@dataclass(frozen=True, slots=True)
class CopperStyle:
    """Design rules of a board.

    Attributes
    ----------
    track
        Least and greatest width of a signal track.
    wide_track
        Least and greatest width of a supply track.
    gap
        Space between parallel tracks, and around pours.
    pad
        Least and greatest half size of a pad.
    hole
        Share of a round pad's radius that is drilled.
    rounded
        Chance that a pad or plane has rounded rather than chamfered corners.
    wide
        Chance that a track is a wide one.
    planes, footprints, buses, vias
        How many of each are tried per 640 x 640 px.
    pours
        Chance that an area is poured with copper.
    """

    track: tuple[float, float]
    wide_track: tuple[float, float]
    gap: tuple[float, float]
    pad: tuple[float, float]
    hole: tuple[float, float]
    rounded: float
    wide: float
    planes: float
    footprints: float
    buses: float
    vias: float
    pours: float


def random_style(rng: np.random.Generator) -> CopperStyle:
    """Return the design rules of one board, drawn from the span that the seven DeepPCB boards show."""
    fine = rng.uniform(5, 26)
    gap = rng.uniform(8, 28)
    return CopperStyle(
        track=(fine, fine * rng.uniform(1.1, 2.0)),
        wide_track=(24, rng.uniform(40, 110)),
        gap=(gap, gap * rng.uniform(1.1, 2.2)),
        pad=(rng.uniform(12, 24), rng.uniform(26, 60)),
        hole=(0.3, rng.uniform(0.4, 0.62)),
        rounded=rng.random(),
        wide=rng.uniform(0.0, 0.6),
        planes=rng.choice((0.0, 0.4, 1.0, 2.5)),
        footprints=rng.uniform(0.3, 3.0),
        buses=rng.uniform(4, 22),
        vias=rng.uniform(0, 10),
        pours=rng.choice((0.0, 0.0, 0.35, 0.9)),
    )
