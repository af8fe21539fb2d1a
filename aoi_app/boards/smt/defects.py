"""Defects of assembled boards: how a part sits wrongly, how solder goes wrong, and what else lies on a board."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from aoi_app.boards.bare.paths import Points
from aoi_app.boards.bare.strokes import wandering
from aoi_app.boards.drawn import SMT_CODES, Box, Image, Label
from aoi_app.boards.smt.assembly import Assembly, Pose, Site
from aoi_app.boards.smt.joints import Joint, draw_bridge
from aoi_app.boards.smt.pen import Pen

SMT_MIX = dict(zip(SMT_CODES, (0.14, 0.16, 0.12, 0.10, 0.12, 0.12, 0.10, 0.14), strict=True))
"""Share of each class among the defects that are drawn."""

_VISIBLE = 24  # grey levels by which a pixel must differ to count as part of the defect
_MARGIN_MM = 0.1
_TRIES = 30


@dataclass(frozen=True, slots=True, eq=False)
class Edit:
    """A defect as it is put on a golden board: its label, and the pixels of the label's box."""

    label: Label
    pixels: Image


def _chip(site: Site) -> bool:
    return site.part.package.is_chip


def _any(site: Site) -> bool:
    return True


def _leaded(site: Site) -> bool:
    return len(_neighbours(site)) > 0


def _neighbours(site: Site) -> list[tuple[int, int]]:
    """Return pairs of pads so close together that solder may bridge them."""
    pads = site.part.package.pads
    return [
        (i, i + 1)
        for i in range(len(pads) - 1)
        if pads[i].out == pads[i + 1].out and abs(pads[i].x - pads[i + 1].x) + abs(pads[i].y - pads[i + 1].y) < 1.5
    ]


def _missing(site: Site, rng: np.random.Generator) -> Pose:
    pads = range(len(site.part.package.pads))
    return Pose(present=False, joints=dict.fromkeys(pads, Joint.OPEN_LAND))


def _shifted(site: Site, rng: np.random.Generator) -> Pose:
    pad = site.part.package.pads[0]
    across = max(0.16, min(pad.width, pad.height) * rng.uniform(0.45, 0.9))
    turn = rng.uniform(0, 2 * np.pi)
    return Pose(dx=float(np.cos(turn) * across), dy=float(np.sin(turn) * across), turn=rng.uniform(-4, 4))


def _rotated(site: Site, rng: np.random.Generator) -> Pose:
    # a large part turned by a few degrees is already off its lands
    most = 45.0 if max(site.part.package.body) < 4 else 14.0
    return Pose(turn=float(rng.choice((-1, 1)) * rng.uniform(most * 0.35, most)))


def _tombstoned(site: Site, rng: np.random.Generator) -> Pose:
    side = int(rng.choice((-1, 1)))
    return Pose(standing=side, joints={0 if side > 0 else 1: Joint.OPEN_LAND})


def _joint(state: Joint) -> Callable[[Site, np.random.Generator], Pose]:
    def pose(site: Site, rng: np.random.Generator) -> Pose:
        pads = len(site.part.package.pads)
        first = int(rng.integers(pads))
        return Pose(joints={first: state})

    return pose


# code -> (which parts can have it, how the part then sits)
_POSES: dict[str, tuple[Callable[[Site], bool], Callable[[Site, np.random.Generator], Pose]]] = {
    "missing": (_any, _missing),
    "shifted": (_any, _shifted),
    "rotated": (_any, _rotated),
    "tombstoned": (_chip, _tombstoned),
    "insufficient-solder": (_any, _joint(Joint.INSUFFICIENT)),
    "excess-solder": (_any, _joint(Joint.EXCESS)),
}


def make_defects(board: Assembly, rng: np.random.Generator, codes: Sequence[str]) -> list[Edit]:
    """Return one defect of each code, no two on the same part; one that finds no place is left out.

    Parameters
    ----------
    codes
        Names out of SMT_CODES.
    """
    edits: list[Edit] = []
    used: set[str] = set()
    for code in codes:
        for _ in range(_TRIES):
            edit = _MAKERS[code](board, rng, code, used)
            if edit is None or any(_overlap(edit.label.box, e.label.box) for e in edits):
                continue
            edits.append(edit)
            used.add(edit.label.component)
            break
    return edits


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _pick(board: Assembly, rng: np.random.Generator, used: set[str], wanted: Callable[[Site], bool]) -> Site | None:
    for _ in range(_TRIES):
        if not board.sites:
            return None
        site = board.sites[int(rng.integers(len(board.sites)))]
        if site.part.reference not in used and wanted(site):
            return site
    return None


def _posed(board: Assembly, rng: np.random.Generator, code: str, used: set[str]) -> Edit | None:
    wanted, pose = _POSES[code]
    site = _pick(board, rng, used, wanted)
    if site is None:
        return None
    picture, _ = site.drawn(pose(site, rng), board.px_per_mm)
    return _edit(board, code, site.part.reference, picture, site.box)


def _bridged(board: Assembly, rng: np.random.Generator, code: str, used: set[str]) -> Edit | None:
    site = _pick(board, rng, used, _leaded)
    if site is None:
        return None
    pairs = _neighbours(site)
    one, other = pairs[int(rng.integers(len(pairs)))]
    pads = site.part.package.pads
    picture, pen = site.drawn(Pose(), board.px_per_mm)
    draw_bridge(pen, pads[one], pads[other])
    return _edit(board, code, site.part.reference, picture, site.box)


def _foreign(board: Assembly, rng: np.random.Generator, code: str, used: set[str]) -> Edit | None:
    """Return a fibre, a ball of solder, a chip of metal or a crumb of resin somewhere on the board."""
    lines, width = board.golden.shape[:2]
    side = min(round(7 * board.px_per_mm), lines, width)
    left, top = int(rng.integers(0, width - side + 1)), int(rng.integers(0, lines - side + 1))
    box = (left, top, left + side, top + side)
    picture = board.golden[top : top + side, left : left + side].copy()
    pen = Pen(picture, (side / 2, side / 2), board.px_per_mm, float(rng.uniform(0, 360)))
    kind = rng.integers(4)
    if kind == 0:
        reach = np.array([rng.uniform(0.7, 2.2), 0.0])
        path = _curved(wandering(rng, -reach, reach, 0.25))
        pen.line(path + np.array([0.05, 0.06]), 0.1, (20, 22, 22))
        pen.line(path, 0.09, ((214, 210, 196), (190, 60, 60), (70, 100, 180))[int(rng.integers(3))])
    elif kind == 1:
        radius = rng.uniform(0.16, 0.4)
        pen.disc(radius * 0.3, radius * 0.35, radius * 1.05, (16, 20, 18))
        for share, grey in ((1.0, 104), (0.85, 150), (0.65, 188)):
            pen.disc(0, 0, radius * share, (grey, grey + 4, grey + 8))
        pen.disc(-radius * 0.25, -radius * 0.3, radius * 0.28, (245, 247, 248))
    else:
        corners = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(4, 8))))
        reach_mm = rng.uniform(0.25, 0.8) * rng.uniform(0.5, 1.0, len(corners))
        outline = np.stack([np.cos(corners), 0.7 * np.sin(corners)], 1) * reach_mm[:, None]
        colour = (204, 206, 202) if kind == 2 else (112, 76, 44)
        pen.polygon(outline + np.array([0.06, 0.08]), (14, 18, 16))
        pen.polygon(outline, colour)
        pen.polygon(outline * 0.6, (min(255, colour[0] + 24), min(255, colour[1] + 24), min(255, colour[2] + 24)))
    return _edit(board, code, "", picture, box)


def _curved(path: Points) -> Points:
    """Return `path` with its corners rounded (four rounds of Chaikin's corner cutting)."""
    for _ in range(4):
        near, far = 0.75 * path[:-1] + 0.25 * path[1:], 0.25 * path[:-1] + 0.75 * path[1:]
        path = np.concatenate([path[:1], np.stack([near, far], axis=1).reshape(-1, 2), path[-1:]])
    return path


_MAKERS: dict[str, Callable[[Assembly, np.random.Generator, str, set[str]], Edit | None]] = {
    **dict.fromkeys(_POSES, _posed),
    "bridged": _bridged,
    "foreign-object": _foreign,
}
assert set(_MAKERS) == set(SMT_CODES)


def _edit(board: Assembly, code: str, reference: str, picture: Image, box: Box) -> Edit | None:
    """Return the defect cut to what can be seen of it; None where nothing can."""
    golden = board.golden[box[1] : box[3], box[0] : box[2]]
    seen = (cv2.absdiff(picture, golden).max(axis=2) >= _VISIBLE).astype(np.uint8)
    x, y, w, h = cv2.boundingRect(seen)
    if w < 3 or h < 3 or cv2.countNonZero(seen) < 12:
        return None
    margin = round(_MARGIN_MM * board.px_per_mm)
    x1, y1 = max(0, x - margin), max(0, y - margin)
    x2, y2 = min(picture.shape[1], x + w + margin), min(picture.shape[0], y + h + margin)
    label = Label(code, (box[0] + x1, box[1] + y1, box[0] + x2, box[1] + y2), reference)
    return Edit(label, picture[y1:y2, x1:x2].copy())
