"""What merging costs: `python -m tests.inference.bench_merging`. Least of many; the slow reference beside it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.detection import Detections
from aoi_app.inference.merging import Merger
from aoi_app.inference.tiling import TilePlan
from tests.inference.merging_reference import merge as merge_slowly

SIDE, BATCH = 320, 8
ROW_OF_4 = 4 * SIDE - 3 * 64
Batch = tuple[Detections, NDArray[np.int32], list[int]]
CASES = (
    # name, plan, lines, defects
    ("8 tiles, some 40 boxes", TilePlan(ROW_OF_4, SIDE, SIDE, 64), 2 * SIDE - 64, 26),
    ("8 tiles, 3 boxes", TilePlan(ROW_OF_4, SIDE, SIDE, 64), 2 * SIDE - 64, 3),
    ("1 tile, 12 boxes", TilePlan(SIDE, SIDE, SIDE, 64), SIDE, 12),
    ("16,384 x 16,384 px, some 15,000 boxes", TilePlan(16_384, SIDE, SIDE, 24), 16_384, 11_000),
)


def noise(plan: TilePlan, lines: int, defects: int) -> list[Detections]:
    """Return what each tile sees of defects of 6 to 60 px, each a little differently."""
    random = np.random.default_rng(0)
    size = random.uniform(6, 60, (defects, 2))
    corner = random.uniform(0, 1, (defects, 2)) * (np.array([plan.board_width, lines]) - size)
    boxes, kinds = np.concatenate([corner, corner + size], axis=1), random.integers(0, 4, defects).astype(np.int32)
    parts = []
    for tile in plan.tiles(lines):
        near, far = (tile.x, tile.y), (min(tile.x + SIDE, plan.board_width), min(tile.y + SIDE, lines))
        there = ((boxes[:, :2] < far) & (boxes[:, 2:] > near)).all(axis=1)
        cut = np.clip(boxes[there] + random.normal(0, 0.7, (there.sum(), 4)), near * 2, far * 2).astype(np.float32)
        solid = (cut[:, 2:] - cut[:, :2] > 1).all(axis=1)
        scores = random.uniform(0.25, 1, len(cut)).astype(np.float32)
        parts.append(Detections(cut[solid], scores[solid], kinds[there][solid]))
    return parts


def batches(parts: Sequence[Detections], corners: NDArray[np.int32], size: int) -> list[Batch]:
    """Return what the merger is given, `size` tiles at a time."""
    cuts = [slice(start, start + size) for start in range(0, len(parts), size)]
    return [(Detections.concatenate(parts[c]), corners[c], [len(part) for part in parts[c]]) for c in cuts]


def merged(plan: TilePlan, lines: int, given: Sequence[Batch], settle: bool) -> tuple[float, float]:
    """Return microseconds before and after the last line."""
    merger = Merger(plan)
    before = 0.0
    for batch in given:
        merger.add(*batch)
        started = time.perf_counter()
        if settle:
            merger.settle()
        before += time.perf_counter() - started
    started = time.perf_counter()
    merger.finish(lines)
    return before * 1e6, (time.perf_counter() - started) * 1e6


def slowly(plan: TilePlan, lines: int, found: Detections, seen_by: NDArray[np.float32]) -> float:
    """Return microseconds of the reference."""
    started = time.perf_counter()
    merge_slowly(found, seen_by, plan.board_width, lines)
    return (time.perf_counter() - started) * 1e6


def main() -> None:
    """Print a line a case, microseconds."""
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; microseconds, least of many")
    for name, plan, lines, defects in CASES:
        parts = noise(plan, lines, defects)
        places = plan.tiles(lines)
        corners = np.array([(tile.x, tile.y) for tile in places], np.int32)
        rectangles = np.repeat(np.concatenate([corners, corners + SIDE], axis=1), [len(p) for p in parts], axis=0)
        found, seen_by = Detections.concatenate(parts), rectangles.astype(np.float32)
        once, streamed = batches(parts, corners, len(parts)), batches(parts, corners, BATCH)
        times = 500 if len(found) < 100 else 10
        reference = min(slowly(plan, lines, found, seen_by) for _ in range(max(3, times // 5)))
        at_once = min(merged(plan, lines, once, False)[1] for _ in range(times))
        runs = [merged(plan, lines, streamed, True) for _ in range(times)]
        print(
            f"{name}: {len(places)} tiles, {len(found)} boxes: reference {reference:,.0f}, at once {at_once:,.0f}, "
            f"after the last line {min(after for _, after in runs):,.0f}, "
            f"before it in all {min(before for before, _ in runs):,.0f}"
        )


if __name__ == "__main__":
    main()
