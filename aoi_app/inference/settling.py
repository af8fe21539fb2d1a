"""One step of merging: what no tile to come can change becomes final, the rest waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aoi_app.inference.grouping import group, same
from aoi_app.inference.seams import EDGE_PX, Seams
from aoi_app.inference.seen import NOTHING, Seen, joined
from aoi_app.inference.uniting import covered, united


@dataclass(frozen=True, slots=True)
class Unsettled:
    """What tiles to come may still change.

    Attributes
    ----------
    boxes
        Those that a tile to come may touch, and what hangs together with them; in the order in which they came.
    fragments
        Boxes cut by an edge: a box that is not settled yet may cover them.
    whole
        Final ones that may cover fragments to come.
    """

    boxes: Seen = NOTHING
    fragments: Seen = NOTHING
    whole: Seen = NOTHING


def settle(
    before: Unsettled, seen: Seen, around: Seams, next_line: float, axis: Callable[[], int] | None
) -> tuple[Unsettled, list[Seen]]:
    """Settle what can be settled.

    Parameters
    ----------
    seen
        `before.boxes` and what came since, of rows of tiles of which the next one is known.
    around
        (12, len(seen)): the seams of the tile that saw each.
    next_line
        Tiles to come begin at this line or later; infinite where there are none.
    axis
        See `grouping.group`.

    Returns
    -------
    after
        What is still unsettled.
    final
        Boxes that stay, in no order.
    """
    # What one tile only saw, and saw wholly, is nothing to unite.
    alone = np.asarray((seen.sides > around[:4]).all(axis=0))
    index = np.flatnonzero(~alone)
    if not len(index):
        lone, whole, fragments, still_open = seen, NOTHING, NOTHING, NOTHING
    else:
        lone, shared = seen.where(alone), seen.take(index)
        around = around.take(index, axis=1)
        cut = (np.abs(shared.sides - around[4:8]) <= EDGE_PX).any(axis=0)
        touched = shared.sides[3] <= -next_line
        members, roots, touched = group(shared, cut, same(shared, around[8:]), touched, axis)
        merged, cut, gone = united(shared, cut, members, roots)
        whole, fragments = merged.where(~(gone | touched | cut)), merged.where(cut & ~(gone | touched))
        still_open = shared.where(touched)
    fragments = joined([before.fragments, fragments])
    after, kept = _drop_fragments(Unsettled(still_open, fragments, joined([before.whole, lone, whole])))
    return after, [lone, whole, kept]


def _drop_fragments(now: Unsettled) -> tuple[Unsettled, Seen]:
    """Return what is left to do, and the cut boxes that nothing covers and nothing will."""
    if not len(now.fragments) and not len(now.boxes):
        return Unsettled(), NOTHING
    # No box that is not settled yet begins above this line. Boxes to come begin below all that is settled.
    line = float(now.boxes.sides[1].min(initial=np.inf))
    ready = now.fragments.sides[3] > -line
    fragments, waiting = now.fragments.where(ready), now.fragments.where(~ready)
    kept = fragments.where(~covered(fragments, now.whole)) if len(fragments) else fragments
    needed_from = min(line, float(waiting.sides[1].min(initial=np.inf)))
    return Unsettled(now.boxes, waiting, now.whole.where(now.whole.sides[3] <= -needed_from)), kept
