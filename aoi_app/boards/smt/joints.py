"""Solder: joints as they should be, too thin, too fat, and where they run together."""

from __future__ import annotations

from enum import Enum

import numpy as np

from aoi_app.boards.smt.packages import Pad
from aoi_app.boards.smt.pen import Colour, Pen, tinted

GOLD: Colour = (206, 172, 96)
_SLOPE: Colour = (112, 118, 124)
_TIN: Colour = (176, 182, 188)
_BRIGHT: Colour = (240, 243, 246)


class Joint(Enum):
    """State of one solder joint."""

    GOOD = "good"
    OPEN_LAND = "open land"
    INSUFFICIENT = "insufficient"
    EXCESS = "excess"


def draw_land(pen: Pen, pad: Pad) -> None:
    """Draw a bare gold land."""
    pen.rectangle(pad.x, pad.y, pad.width, pad.height, GOLD, 0.05)


def draw_joint(pen: Pen, pad: Pad, joint: Joint) -> None:
    """Draw what lies on a land below the part: a fillet, a dome where no part stands, or too little."""
    draw_land(pen, pad)
    if joint is Joint.INSUFFICIENT:
        # a thin smear beneath the terminal: most of the land stays gold
        pen.rectangle(
            pad.x - pad.out[0] * pad.width * 0.3, pad.y - pad.out[1] * pad.height * 0.3, pad.width * 0.4,
            pad.height * 0.4, tinted(GOLD, 0.6), 0.1,
        )  # fmt: skip
        return
    w, h = pad.width * 0.98, pad.height * 0.98
    pen.rectangle(pad.x, pad.y, w, h, _TIN, min(w, h) * 0.25)
    if joint is Joint.OPEN_LAND:
        pen.rectangle(pad.x, pad.y, w * 0.7, h * 0.7, (196, 201, 206), min(w, h) * 0.3)
        pen.rectangle(pad.x - w * 0.1, pad.y - h * 0.12, w * 0.3, h * 0.25, _BRIGHT, min(w, h) * 0.1)
        return
    # the fillet: dark where it climbs the terminal, bright where it runs out flat
    x, y = pad.out
    for share, colour in ((0.62, _SLOPE), (0.34, (142, 148, 154))):
        pen.rectangle(
            pad.x - x * w * (1 - share) / 2, pad.y - y * h * (1 - share) / 2, w * (share if x else 0.92),
            h * (share if y else 0.92), colour, min(w, h) * 0.2,
        )  # fmt: skip
    gleam = (0.14, 0.66) if x else (0.66, 0.14)
    pen.rectangle(pad.x + x * w * 0.33, pad.y + y * h * 0.33, w * gleam[0], h * gleam[1], _BRIGHT, min(w, h) * 0.08)


def draw_excess(pen: Pen, pad: Pad) -> tuple[float, float, float, float]:
    """Draw a bulging joint over land and terminal; return what it covers, x1 y1 x2 y2 millimetres."""
    swell = 1.35 if min(pad.width, pad.height) > 0.5 else 1.6
    w, h = max(pad.width * 1.15, pad.height * 0.6), max(pad.height * swell, pad.width * 0.5)
    if pad.out[1]:
        w, h = max(pad.width * swell, pad.height * 0.5), max(pad.height * 1.15, pad.width * 0.6)
    _drop(pen, pad.x, pad.y, w, h)
    return pad.x - w / 2, pad.y - h / 2, pad.x + w / 2, pad.y + h / 2


def draw_bridge(pen: Pen, one: Pad, other: Pad) -> tuple[float, float, float, float]:
    """Draw solder that joins two neighbouring joints; return what it covers, x1 y1 x2 y2 millimetres."""
    x, y = (one.x + other.x) / 2 + one.out[0] * 0.1, (one.y + other.y) / 2 + one.out[1] * 0.1
    apart = np.array([abs(other.x - one.x), abs(other.y - one.y)])
    w = max(float(apart[0]), one.width * 0.55)
    h = max(float(apart[1]), one.height * 0.55)
    w, h = (w, h + min(one.height, 0.5) * 0.7) if one.out[0] else (w + min(one.width, 0.5) * 0.7, h)
    _drop(pen, x, y, w, h)
    return x - w / 2, y - h / 2, x + w / 2, y + h / 2


def _drop(pen: Pen, x: float, y: float, width: float, height: float) -> None:
    """Draw a drop of solder: dark rim, grey dome, a gleam off centre."""
    for share, colour in ((1.0, _SLOPE), (0.86, (150, 156, 162)), (0.66, (190, 196, 202)), (0.45, (214, 218, 223))):
        pen.rectangle(x, y, width * share, height * share, colour, min(width, height) * 0.48)
    pen.rectangle(x - width * 0.1, y - height * 0.14, width * 0.26, height * 0.2, _BRIGHT, min(width, height) * 0.12)
