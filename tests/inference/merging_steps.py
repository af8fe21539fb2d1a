"""Merging in steps, merging as it was first written, and whether both are the same to the byte."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from aoi_app.core.detection import Detections
from aoi_app.inference.merging import Merger
from aoi_app.inference.tiling import Tile, TilePlan
from tests.inference.merging_reference import merge as merge_slowly


def merge(
    parts: Sequence[Detections], tiles: Sequence[Tile], plan: TilePlan, lines: int, ends: Sequence[int] = ()
) -> Detections:
    """Merge what each tile found: in batches that end before the tiles `ends`, settled after each, or at once."""
    merger = Merger(plan, portion=1)
    edges = [0, *sorted(ends), len(tiles)]
    for a, b in pairwise(edges):
        corners = np.array([(tile.x, tile.y) for tile in tiles[a:b]], np.int32).reshape(-1, 2)
        merger.add(Detections.concatenate(parts[a:b]), corners, [len(part) for part in parts[a:b]])
        if ends:
            merger.settle()
    return merger.finish(lines)


def slowly(parts: Sequence[Detections], plan: TilePlan, lines: int) -> Detections:
    tiles = [(tile.x, tile.y, tile.x + plan.width, tile.y + plan.height) for tile in plan.tiles(lines)]
    seen_by = np.repeat(np.array(tiles, np.float32), [len(part) for part in parts], axis=0)
    return merge_slowly(Detections.concatenate(parts), seen_by, plan.board_width, lines)


def assert_equal(found: Detections, expected: Detections) -> None:
    assert len(found) == len(expected)
    assert found.boxes.tobytes() == expected.boxes.tobytes()
    assert found.scores.tobytes() == expected.scores.tobytes()
    assert found.classes.tobytes() == expected.classes.tobytes()
