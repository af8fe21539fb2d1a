"""Merging as it was first written: all at once and slow, box by box; what merges in steps must give the same bytes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.detection import Detections
from aoi_app.inference.boxes import Boxes, areas, intersection, pair_iou

SAME_IOU = 0.5
"""Two tiles speak of one defect when their boxes, cut to what both tiles see, overlap by this."""
SAME_PX = 2.0
"""Or when they agree this closely on every side: a pixel is half the overlap of a defect of a few pixels."""
COVERED = 0.7
"""A box cut by a tile's edge is a fragment when this share of it lies in a box that is not cut."""
EDGE_PX = 4.0
"""A box that ends this close to an inner edge of its tile may be cut by it."""


def merge(detections: Detections, tiles: NDArray[np.float32], width: int, lines: int) -> Detections:
    """Unite what several tiles saw of one defect.

    Within the strip that two tiles share, both see the same pixels: boxes of one class that agree there are one
    defect. Its box is the best one that no tile edge cut or, for a defect longer than the overlap, what the cut
    ones span together. Cut boxes that lie within a better whole box of a neighbour, whatever its class, are
    fragments and go. Boxes of the same tile are never united: a board of one tile comes back unchanged.

    Parameters
    ----------
    detections
        Of all tiles, in pixels of the board, clipped to the board.
    tiles
        (n, 4) float32: for each detection, the rectangle of the tile that saw it, x1 y1 x2 y2.
    width, lines
        Size of the board in pixels; tile edges on it are the board's own and cut nothing.
    """
    if len(detections) < 2 or (tiles == tiles[0]).all():
        return detections
    boxes = detections.boxes
    inner = tiles != np.array([0, 0, width, lines], np.float32)
    # A tile that reaches beyond a small board ends where the board ends.
    inner[:, 2] &= tiles[:, 2] < width
    inner[:, 3] &= tiles[:, 3] < lines
    cut = (inner & (np.abs(boxes - tiles) <= EDGE_PX)).any(axis=1)
    first, second = _overlapping(boxes)
    apart = (tiles[first] != tiles[second]).any(axis=1)
    first, second = first[apart], second[apart]
    merged, whole = _unite(detections, tiles, cut, first, second)
    return _drop_fragments(merged, whole)


def _overlapping(boxes: Boxes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return index pairs of boxes that touch: a sweep along the axis on which they are spread most."""
    axis = int(np.ptp(boxes[:, 1]) > np.ptp(boxes[:, 0]))
    order = np.argsort(boxes[:, axis], kind="stable")
    starts = boxes[order, axis]
    ends = np.searchsorted(starts, boxes[order, axis + 2], side="right")
    counts = np.maximum(ends - np.arange(len(order)) - 1, 0)
    left = np.repeat(np.arange(len(order)), counts)
    right = np.arange(len(left)) - np.repeat(np.cumsum(counts) - counts, counts) + left + 1
    a, b = order[left], order[right]
    other = 1 - axis
    touch = (boxes[a, other] <= boxes[b, other + 2]) & (boxes[b, other] <= boxes[a, other + 2])
    return a[touch], b[touch]


def _unite(
    detections: Detections,
    tiles: NDArray[np.float32],
    cut: NDArray[np.bool_],
    first: NDArray[np.intp],
    second: NDArray[np.intp],
) -> tuple[Detections, NDArray[np.bool_]]:
    """Return one detection a group, in the order of the groups' first members, and whether it is uncut."""
    boxes = detections.boxes
    shared = intersection(tiles[first], tiles[second])
    one, other = intersection(boxes[first], shared), intersection(boxes[second], shared)
    agree = pair_iou(one, other)
    close = (np.abs(one - other) <= SAME_PX).all(axis=1)
    same = (detections.classes[first] == detections.classes[second]) & (close | (agree >= SAME_IOU))
    first, second, agree = first[same], second[same], agree[same]
    _, tile_ids = np.unique(tiles, axis=0, return_inverse=True)
    group = list(range(len(detections)))
    members: dict[int, list[int]] = {i: [i] for i in group}
    seen_by: dict[int, set[int]] = {i: {int(tile_ids[i])} for i in group}
    for pair in np.argsort(-agree, kind="stable"):
        a, b = group[first[pair]], group[second[pair]]
        if a == b or seen_by[a] & seen_by[b]:
            continue
        a, b = min(a, b), max(a, b)
        for member in members[b]:
            group[member] = a
        members[a] += members.pop(b)
        seen_by[a] |= seen_by.pop(b)
    parts = [_united(detections, cut, np.array(m)) for _, m in sorted(members.items())]
    merged = Detections(
        np.stack([box for box, _, _, _ in parts]),
        np.array([score for _, score, _, _ in parts], np.float32),
        np.array([kind for _, _, kind, _ in parts], np.int32),
    )
    return merged, np.array([whole for _, _, _, whole in parts], bool)


def _united(
    detections: Detections, cut: NDArray[np.bool_], members: NDArray[np.intp]
) -> tuple[Boxes, np.float32, np.int32, bool]:
    kind = detections.classes[members[0]]
    best_score = detections.scores[members].max()
    whole = members[~cut[members]]
    if len(whole):
        best = whole[np.argmax(detections.scores[whole])]
        return detections.boxes[best], best_score, kind, True
    boxes = detections.boxes[members]
    span = np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])
    # What several cut boxes span together is no fragment any more.
    return span, best_score, kind, len(members) > 1


def _drop_fragments(merged: Detections, whole: NDArray[np.bool_]) -> Detections:
    a, b = _overlapping(merged.boxes)
    first, second = np.concatenate([a, b]), np.concatenate([b, a])
    fragment = ~whole[first] & whole[second]
    first, second = first[fragment], second[fragment]
    boxes = merged.boxes
    # A sliver of a few pixels is seen no more exactly than this.
    around = boxes[second] + np.array([-EDGE_PX, -EDGE_PX, EDGE_PX, EDGE_PX], np.float32)
    covered = areas(intersection(boxes[first], around)) >= COVERED * areas(boxes[first])
    same_class = merged.classes[first] == merged.classes[second]
    gone = covered & (same_class | (merged.scores[second] >= merged.scores[first]))
    keep = np.ones(len(merged), bool)
    keep[first[gone]] = False
    return merged.take(keep)
