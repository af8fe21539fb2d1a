"""The box of a defect that several tiles saw, and boxes that are fragments of others."""

from __future__ import annotations

import numpy as np

from aoi_app.inference.seams import EDGE_PX
from aoi_app.inference.seen import Index, Mask, Seen, areas, touching

COVERED = 0.7
"""A box cut by a tile's edge is a fragment when this share of it lies in a box that is not cut."""


def united(seen: Seen, cut: Mask, members: Index, roots: Index) -> tuple[Seen, Mask, Mask]:
    """Give each group one box, in the place of its first member.

    It is the best one that no tile edge cut or, for a defect longer than the overlap, what the cut ones span
    together; its score is the best one's of all.

    Parameters
    ----------
    cut
        (n,) bool: boxes that an inner edge of their tile may cut.
    members, roots
        As `grouping.group` returns them.

    Returns
    -------
    seen
        (n,) boxes, those of the groups in their first members' places.
    cut
        (n,) bool: what several cut boxes span together is no fragment any more.
    gone
        (n,) bool: the other members.
    """
    gone = np.zeros(len(seen), bool)
    if not len(members):
        return seen, cut, gone
    begins = np.empty(len(roots), bool)
    begins[0] = True
    np.not_equal(roots[1:], roots[:-1], out=begins[1:])
    starts = np.flatnonzero(begins)
    number = np.cumsum(begins) - 1
    scores, sides = seen.scores.take(members), seen.sides.take(members, axis=1)
    whole = np.where(cut.take(members), -np.inf, scores)
    best = np.maximum.reduceat(whole, starts)
    # Of equal ones the first: assigned last.
    leaders = np.flatnonzero(whole == best.take(number))[::-1]
    leader = np.empty(len(starts), np.intp)
    leader[number.take(leaders)] = leaders
    span = np.minimum.reduceat(sides, starts, axis=1)
    heads = roots.take(starts)
    merged, merged_cut = Seen(seen.columns.copy()), cut.copy()
    merged.sides[:, heads] = np.where(np.isfinite(best), sides.take(leader, axis=1), span)
    merged.scores[heads] = np.maximum.reduceat(scores, starts)
    merged_cut[heads] = False
    gone[members] = True
    gone[heads] = False
    return merged, merged_cut, gone


def covered(fragments: Seen, whole: Seen) -> Mask:
    """Return which of `fragments` lie within a better box of `whole`, or within one of their own class."""
    first, second = touching(fragments.sides, whole.sides)
    boxes = fragments.sides.take(first, axis=1)
    # A sliver of a few pixels is seen no more exactly than this.
    around = whole.sides.take(second, axis=1) - np.float32(EDGE_PX)
    within = areas(np.maximum(boxes, around)) >= COVERED * areas(boxes)
    same_class = fragments.classes.take(first) == whole.classes.take(second)
    better = whole.scores.take(second) >= fragments.scores.take(first)
    mask = np.zeros(len(fragments), bool)
    mask[first[within & (same_class | better)]] = True
    return mask
