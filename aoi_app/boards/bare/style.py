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
    drilled
        Chance that a via or pad has a drill hole that the scan shows.
    rounded
        Chance that a pad or plane has rounded rather than chamfered corners.
    wide
        Chance that a track is a wide one.
    reach
        Greatest length of a straight piece of track.
    planes, footprints, buses, arcs, vias
        How many of each are tried per 640 x 640 px.
    pours
        Chance that an area is poured with copper.
    """

    track: tuple[float, float]
    wide_track: tuple[float, float]
    gap: tuple[float, float]
    pad: tuple[float, float]
    hole: tuple[float, float]
    drilled: float
    rounded: float
    wide: float
    reach: float
    planes: float
    footprints: float
    buses: float
    arcs: float
    vias: float
    pours: float


def random_style(rng: np.random.Generator) -> CopperStyle:
    """Return the design rules of one board.

    The spans hold what the seven DeepPCB boards show: runs of copper of 6 to 98 px (5th and 90th percentile, median
    10 to 17) and of laminate of 7 to 135 px; copper covers 15 to 67 % of a board.
    """
    fine = float(np.exp(rng.uniform(np.log(4.5), np.log(24))))
    gap = float(np.exp(rng.uniform(np.log(7), np.log(22))))
    pad = rng.uniform(9, 22)
    return CopperStyle(
        track=(fine, fine * rng.uniform(1.1, 2.0)),
        wide_track=(24, rng.uniform(40, 90)),
        gap=(gap, gap * rng.uniform(1.1, 2.4)),
        pad=(pad, pad * rng.uniform(1.3, 2.6)),
        hole=(0.3, rng.uniform(0.4, 0.62)),
        drilled=rng.choice((0.0, 0.3, 0.9)),
        rounded=rng.random(),
        wide=rng.choice((0.0, 0.05, 0.4)),
        reach=rng.uniform(160, 700),
        planes=rng.choice((0.0, 0.5, 2.0, 5.0)),
        footprints=rng.uniform(0.5, 7.0),
        buses=rng.uniform(10, 60),
        arcs=rng.choice((0.0, 0.0, 2.0, 8.0)),
        vias=rng.uniform(0, 14),
        pours=rng.choice((0.0, 0.0, 0.3, 0.8)),
    )


def tidy_style(rng: np.random.Generator) -> CopperStyle:
    """Return the design rules of a board as a careful designer lays it out: fine tracks, parts, some poured areas."""
    fine, gap = rng.uniform(7, 11), rng.uniform(9, 13)
    return CopperStyle(
        track=(fine, fine * 1.3),
        wide_track=(24, 48),
        gap=(gap, gap * 1.4),
        pad=(12, 26),
        hole=(0.35, 0.5),
        drilled=0.9,
        rounded=rng.random(),
        wide=0.06,
        reach=rng.uniform(500, 900),
        planes=0.4,
        footprints=rng.uniform(2.5, 4.0),
        buses=rng.uniform(30, 50),
        arcs=0.0,
        vias=6.0,
        pours=rng.uniform(0.2, 0.6),
    )
