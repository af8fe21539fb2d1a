"""The detector whose every step but merging runs on the GPU."""

from __future__ import annotations

import itertools
import logging
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.detection import Detections
from aoi_app.core.errors import EngineError
from aoi_app.core.inspection import EngineInfo
from aoi_app.core.scan import BoardScan, Pixels
from aoi_app.inference.heads import NMS_IOU
from aoi_app.inference.merging import merge
from aoi_app.inference.model import Model
from aoi_app.inference.runtimes.tensorrt.activation import Activation
from aoi_app.inference.runtimes.tensorrt.feed import LineFeed
from aoi_app.inference.runtimes.tensorrt.gpu.driver import GpuLost, enter, let_go
from aoi_app.inference.runtimes.tensorrt.kernelset import suppression
from aoi_app.inference.runtimes.tensorrt.lane import Lane
from aoi_app.inference.runtimes.tensorrt.layout import BATCH
from aoi_app.inference.runtimes.tensorrt.ranges import stage
from aoi_app.inference.tiling import Tile, TilePlan

_log = logging.getLogger(__name__)

_IN_RING = 3
"""Batches whose lines lie in the ring at a time: two on the GPU and the one that comes next."""
_LEAST, _MOST = 1e-4, 1 - 1e-6  # a score of nothing is no detection: as the heads on the CPU


@dataclass(slots=True)
class _Flight:
    """A batch on its way through the GPU."""

    lane: Lane
    corners: NDArray[np.float32]
    lines: int


class TensorRtDetector:
    """Inspects every row of tiles as soon as its lines are in. One board at a time, one thread.

    Lines are copied while the row before is inferred; two batches are on the GPU at any time. `advance` does not wait
    for the GPU: it returns what has come back so far, and `finish` the rest.

    Parameters
    ----------
    activation
        The engine with all its memory; the detector owns it from here on.
    overlap
        Pixels that neighbouring tiles share at least.
    """

    def __init__(
        self, model: Model, activation: Activation, info: EngineInfo, *, min_confidence: float, overlap: int
    ) -> None:
        TilePlan(model.size[1], *model.size, overlap)  # refuses an overlap that does not fit here, not on a board
        self.model, self.activation, self._info, self._overlap = model, activation, info, overlap
        self._threshold = min(max(min_confidence, _LEAST), _MOST)
        self._iou = suppression(model.head.form, NMS_IOU)
        self._feed = LineFeed()
        self._flights: deque[_Flight] = deque()
        self._idle: list[Lane] = list(activation.lanes)
        self._call = np.zeros(1, BATCH)
        self._scan: BoardScan | None = None
        self._closed = False
        self._reset()

    def _reset(self) -> None:
        self._scan = None
        self._rows_done = 0
        self._boxes: list[NDArray[np.float32]] = []
        self._tiles: list[NDArray[np.float32]] = []
        self._times = dict.fromkeys(("preprocess", "inference", "postprocess", "merge", "tiles"), 0.0)

    @property
    def info(self) -> EngineInfo:
        """What really runs."""
        return self._info

    @property
    def latency_ms(self) -> Mapping[str, float]:
        """Milliseconds of the board in hand: copying and launching, waiting for the GPU, reading results, merging."""
        return dict(self._times)

    @property
    def device_bytes(self) -> int:
        """Device memory taken beside the engine's own weights."""
        return self._feed.nbytes + sum(lane.nbytes for lane in self.activation.lanes)

    def begin(self, scan: BoardScan, golden: Pixels | None = None) -> None:
        """Start on a board; forgets the one before."""
        if self._closed:
            raise EngineError("This detector is closed.", "Open it again.")
        if golden is not None and golden.shape[1] != scan.width:
            raise EngineError(
                f"The golden board is {golden.shape[1]} px wide, the board {scan.width} px.",
                "Take the golden board with the same camera set-up.",
            )
        enter(self.activation.device)
        if self._scan is not None:
            self._drain()
        self._reset()
        self._plan = TilePlan(scan.width, *self.model.size, self._overlap)
        rows = _IN_RING * -(-self.activation.batch // len(self._plan.columns)) + 1
        self._feed.begin(scan.pixels, golden, self.model.size[0] + rows * self._plan.step)
        address, lines, samples = self._feed.golden
        call = self._call[0]
        call["board"], call["golden"] = self._feed.address, address
        call["width"], call["samples"] = scan.width, scan.pixel_format.channels
        call["ring"], call["golden_lines"], call["golden_samples"] = self._feed.lines, lines, samples
        call["threshold"], call["iou"] = self._threshold, self._iou
        for lane in self.activation.lanes:
            lane.call[:] = self._call
        self._scan = scan

    def advance(self, lines: int) -> Detections:
        """Inspect every tile row that `lines` lines complete; return what has come back, in board pixels."""
        before = len(self._boxes)
        self._take_in(lines)
        while self._flights and self._flights[0].lane.done.done:
            self._collect()
        return _detections(self._boxes[before:])

    def _take_in(self, lines: int) -> None:
        """Queue every tile row that is complete, and the copy of what belongs to the rows to come."""
        self._board()
        tiles: list[Tile] = []
        ready = self._plan.rows_within(lines)
        for row in range(self._rows_done, ready):
            tiles += self._plan.row(row)
        self._rows_done = max(ready, self._rows_done)
        self._inspect(tiles, lines)
        # What belongs to rows still to come travels now, while the GPU works.
        self._send(lines, self._rows_done * self._plan.step)

    def finish(self, lines: int) -> Detections:
        """Inspect what is left of a board of `lines` lines; return all of its detections, merged across seams."""
        scan = self._board()
        self._take_in(lines)
        last = self._plan.last_row(lines)
        if last is not None:
            self._inspect(self._plan.row_at(last), lines)
        while self._flights:
            self._collect()
        self._feed.forget()  # every line belongs to a tile that has come back
        started = time.perf_counter()
        with stage("merge"):
            tiles = np.concatenate(self._tiles) if self._tiles else np.zeros((0, 4), np.float32)
            merged = merge(_detections(self._boxes), tiles, scan.width, lines)
        self._spend("merge", started)
        self._scan = None
        return merged

    def abort(self) -> None:
        """Forget the board in hand."""
        self._reset()
        if self._closed:
            return
        try:
            enter(self.activation.device)
            self._drain()
        except GpuLost as error:  # nothing is on its way any more; the next board will say so again
            _log.warning("%s", error)
            self._idle.extend(flight.lane for flight in self._flights)
            self._flights.clear()

    def close(self) -> None:
        """Free the engine and all its memory. May be called twice."""
        if self._closed:
            return
        self._closed = True
        self._reset()
        self._flights.clear()
        self._idle.clear()
        let_go(self.activation.device, (self.activation.close, self._feed.close))

    def _board(self) -> BoardScan:
        if self._scan is None:
            raise EngineError("No board is in hand.", "Call begin first.")
        return self._scan

    def _drain(self) -> None:
        """Wait for what is on the GPU and drop it: nothing of one board may reach the next."""
        while self._flights:
            lane = self._flights.popleft().lane
            self._idle.append(lane)
            lane.done.synchronize()
        self._feed.stream.synchronize()

    def _inspect(self, tiles: Sequence[Tile], lines: int) -> None:
        height = self.model.size[0]
        for start, count in _portions(len(tiles), self.activation.batch):
            part = tiles[start : start + count]
            clock = time.perf_counter()
            self._send(min(part[-1].y + height, lines), part[0].y)
            if not self._idle:
                clock = self._spend("preprocess", clock)
                self._collect()
                clock = time.perf_counter()
            self._launch(part, lines)
            self._spend("preprocess", clock)
        self._times["tiles"] += len(tiles)

    def _send(self, lines: int, needed_from: int) -> None:
        """Copy lines up to `lines`; those from line `needed_from` on, or of a batch in flight, stay in the ring."""
        with stage("upload"):
            while self._feed.sent < lines:
                oldest = min([needed_from, *(int(f.corners[:, 1].min()) for f in self._flights)])
                room = oldest + self._feed.lines
                if room <= self._feed.sent:
                    self._collect()
                    continue
                self._feed.send(min(lines, room))

    def _launch(self, part: Sequence[Tile], lines: int) -> None:
        with stage("launch"):
            lane = self._idle.pop()  # the one used last: its memory is still in the GPU's cache
            corners = np.array([(t.x, t.y) for t in part], np.int32)
            call = lane.call[0]
            call["lines"], call["tiles"] = lines, len(part)
            call["corners"][: len(part)] = corners
            self._feed.let_wait(lane.stream)
            lane.launch(len(part))
            self._flights.append(_Flight(lane, corners.astype(np.float32), lines))

    def _collect(self) -> None:
        """Take back the oldest batch, waiting for it."""
        flight = self._flights.popleft()
        try:
            clock = time.perf_counter()
            with stage("wait"):
                flight.lane.done.synchronize()
            clock = self._spend("inference", clock)
            with stage("collect"):
                counts, rows = flight.lane.results_of(len(flight.corners))
        finally:
            self._idle.append(flight.lane)
        if len(rows):
            scan = self._board()
            height, width = self.model.size
            corners = np.repeat(flight.corners, counts, axis=0)
            offset = np.concatenate([corners, corners], axis=1)
            limit = np.array([scan.width, flight.lines, scan.width, flight.lines], np.float32)
            rows[:, :4] = np.minimum(rows[:, :4] + offset, limit)
            # What lies wholly beyond the board is padding.
            solid = (rows[:, 2:4] > rows[:, :2]).all(axis=1)
            offset[:, 2:] += np.array([width, height], np.float32)
            self._boxes.append(rows[solid])
            self._tiles.append(offset[solid])
        self._spend("postprocess", clock)

    def _spend(self, stage_name: str, since: float) -> float:
        now = time.perf_counter()
        self._times[stage_name] += (now - since) * 1e3
        return now


def _portions(tiles: int, batch: int) -> list[tuple[int, int]]:
    """Return (start, count) of launches for `tiles` tiles, as even as can be: none much emptier than the others."""
    launches = -(-tiles // batch)
    edges = [tiles * i // launches for i in range(launches + 1)] if launches else [0]
    return [(a, b - a) for a, b in itertools.pairwise(edges)]


def _detections(parts: Sequence[NDArray[np.float32]]) -> Detections:
    if not parts:
        return Detections.empty()
    rows = np.concatenate(parts)
    return Detections(np.ascontiguousarray(rows[:, :4]), rows[:, 4].copy(), rows[:, 5].astype(np.int32))
