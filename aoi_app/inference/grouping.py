"""Which boxes of different tiles are one defect."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aoi_app.inference.seen import Index, Mask, Seen, Sides, areas, touching

SAME_IOU = 0.5
"""Two tiles speak of one defect when their boxes, cut to what both tiles see, overlap by this."""
SAME_PX = 2.0
"""Or when they agree this closely on every side: a pixel is half the overlap of a defect of a few pixels."""
_FEW = 32
"""So few pairs are united one by one sooner than told apart."""
_LEAST = np.finfo(np.float32).tiny
"""Less than any area of a box: to divide by where there is nothing."""

_Groups = dict[int, list[int]]
"""Members of each group in the order in which they were united, by the first of them."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Boxes that are one defect by themselves: `first` came before `second`; (n,) indices, and how well they agree."""

    first: Index
    second: Index
    agree: NDArray[np.float32]

    def take(self, index: Index) -> Pairs:
        """Return the pairs at `index`."""
        return Pairs(self.first.take(index), self.second.take(index), self.agree.take(index))


def same(seen: Seen, tiles: Sides) -> Pairs:
    """Return the pairs of one class that agree where their tiles, (4, n), see the same pixels."""
    first, second = touching(seen.sides, seen.sides)
    # Boxes of one tile are never united.
    apart = seen.tiles.take(first) < seen.tiles.take(second)
    found = np.flatnonzero(apart & (seen.classes.take(first) == seen.classes.take(second)))
    first, second = first.take(found), second.take(found)
    if not len(found):
        return Pairs(first, second, np.zeros(0, np.float32))
    shared = np.maximum(tiles.take(first, axis=1), tiles.take(second, axis=1))
    seen_there = np.empty((3, *shared.shape), np.float32)
    one, other, both = seen_there
    np.maximum(seen.sides.take(first, axis=1), shared, out=one)
    np.maximum(seen.sides.take(second, axis=1), shared, out=other)
    np.maximum(one, other, out=both)
    of_one, of_other, common = areas(seen_there)
    union = of_one + of_other - common
    agree = common / np.maximum(union, _LEAST)
    close = (np.abs(one - other) <= SAME_PX).all(axis=0)
    return Pairs(first, second, agree).take(np.flatnonzero(close | (agree >= SAME_IOU)))


def group(
    seen: Seen, cut: Mask, pairs: Pairs, still_open: Mask, axis: Callable[[], int] | None
) -> tuple[Index, Index, Mask]:
    """Unite pairs, the best first, unless that would unite two boxes of one tile.

    Parameters
    ----------
    cut
        (n,) bool: boxes that an edge of their tile may cut.
    still_open
        (n,) bool: boxes that a tile to come may touch. What hangs together with one of them stays open too.
    axis
        Returns the axis on which the left edges and tops of all the board's boxes are spread most: along it pairs
        are taken that agree equally well. None while that is not known: what depends on it stays open.

    Returns
    -------
    members, roots
        Boxes of every group of two or more, group by group, in the order in which they were united, and the first
        box of the group of each. Groups rise; those of boxes that stay open are not final.
    still_open
        (n,) bool.
    """
    if not len(pairs.first):
        return pairs.first, pairs.first, still_open
    closed = pairs
    if still_open.any():
        still_open = _spread(still_open, pairs)
        closed = pairs.take(np.flatnonzero(~still_open.take(pairs.first)))
    if len(closed.first) <= _FEW:
        couples, tangled = None, closed
    else:
        links = np.bincount(np.concatenate([closed.first, closed.second]), minlength=len(seen))
        simple = links.take(closed.first) + links.take(closed.second) == 2
        couples, tangled = closed.take(np.flatnonzero(simple)), closed.take(np.flatnonzero(~simple))
    groups, unsettled = _untangled(seen, cut, tangled, axis)
    if unsettled:
        # Not what hangs together with them: whichever way they unite, their neighbours have no part in it.
        still_open = still_open.copy()
        still_open[list(unsettled)] = True
    members = np.array([box for found in groups.values() for box in found], np.intp)
    roots = np.array([root for root, found in groups.items() for _ in found], np.intp)
    if couples is not None:
        members = np.concatenate([couples.first, couples.second, members])
        roots = np.concatenate([couples.first, couples.first, roots])
    order = np.argsort(roots, kind="stable")
    return members.take(order), roots.take(order), still_open


def _spread(mask: Mask, pairs: Pairs) -> Mask:
    """Return the mask with all that hangs together with it."""
    mask = mask.copy()
    while True:
        mixed = np.flatnonzero(mask.take(pairs.first) != mask.take(pairs.second))
        if not len(mixed):
            return mask
        mask[pairs.first.take(mixed)] = True
        mask[pairs.second.take(mixed)] = True


def _untangled(seen: Seen, cut: Mask, pairs: Pairs, axis: Callable[[], int] | None) -> tuple[_Groups, set[int]]:
    """Return groups, and the members of those on which the two axes do not agree where `axis` is not known."""
    order = np.argsort(-pairs.agree, kind="stable")
    falling = pairs.agree.take(order)
    if not (falling[1:] == falling[:-1]).any():
        return _united(seen, pairs, order), set()
    if axis is not None:
        return _united(seen, pairs, _along(seen, pairs, axis())), set()
    one, other = (_united(seen, pairs, _along(seen, pairs, way)) for way in (0, 1))
    scores, whole = seen.scores.tolist(), (~cut).tolist()
    unsettled: set[int] = set()
    for a, b in ((one, other), (other, one)):
        for root, found in a.items():
            twin = b.get(root, [])
            if set(found) != set(twin) or _best(found, scores, whole) != _best(twin, scores, whole):
                unsettled.update(found)
    return one, unsettled


def _best(members: Iterable[int], scores: list[float], whole: list[bool]) -> int:
    return max((i for i in members if whole[i]), key=scores.__getitem__, default=-1)


def _along(seen: Seen, pairs: Pairs, axis: int) -> Index:
    """Return the order of pairs, the best first; of equal ones those that begin first along `axis`."""
    begin = seen.sides[axis]
    swap = begin.take(pairs.second) < begin.take(pairs.first)
    left, right = np.where(swap, [pairs.second, pairs.first], [pairs.first, pairs.second])
    return np.lexsort((right, begin.take(right), left, begin.take(left), -pairs.agree))


def _united(seen: Seen, pairs: Pairs, order: Index) -> _Groups:
    """Unite pairs, one after the other."""
    tiles = seen.tiles.tolist()
    least = tiles[0]
    towards = list(range(len(tiles)))
    members: dict[int, list[int]] = {}
    seen_by: dict[int, int] = {}
    for a, b in zip(pairs.first.take(order).tolist(), pairs.second.take(order).tolist(), strict=True):
        while towards[a] != a:
            towards[a] = a = towards[towards[a]]
        while towards[b] != b:
            towards[b] = b = towards[towards[b]]
        if a == b:
            continue
        by_a = seen_by.get(a) or 1 << tiles[a] - least
        by_b = seen_by.get(b) or 1 << tiles[b] - least
        if by_a & by_b:
            continue
        if b < a:
            a, b = b, a
        towards[b] = a
        seen_by[a] = by_a | by_b
        members.setdefault(a, [a]).extend(members.pop(b, [b]))
    return members
