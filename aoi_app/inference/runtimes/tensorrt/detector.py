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
from aoi_app.inference.box_units import refuse_shares
from aoi_app.inference.device_calls import gpu_device
from aoi_app.inference.heads import NMS_IOU
from aoi_app.inference.merging import Merger
from aoi_app.inference.model import Model
from aoi_app.inference.runtimes.tensorrt.activation import Activation
from aoi_app.inference.runtimes.tensorrt.feed import LineFeed
from aoi_app.inference.runtimes.tensorrt.gpu.driver import GpuLost, enter, let_go
from aoi_app.inference.runtimes.tensorrt.gpu.stream import Stream
from aoi_app.inference.runtimes.tensorrt.kernelset import suppression
from aoi_app.inference.runtimes.tensorrt.lane import Lane
from aoi_app.inference.runtimes.tensorrt.layout import BATCH
from aoi_app.inference.runtimes.tensorrt.ranges import stage
from aoi_app.inference.tiling import TilePlan

_log = logging.getLogger(__name__)

_IN_RING = 3
"""Batches whose lines lie in the ring at a time: two on the GPU and the one that comes next."""
_LEAST, _MOST = 1e-4, 1 - 1e-6  # a score of nothing is no detection: as the heads on the CPU


@dataclass(slots=True)
class _Flight:
    """A batch on its way through the GPU."""

    lane: Lane
    corners: NDArray[np.int32]


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
    golden_bytes
        Largest golden board that stays on the device from board to board.
    """

    def __init__(
        self,
        model: Model,
        activation: Activation,
        info: EngineInfo,
        *,
        min_confidence: float,
        overlap: int,
        golden_bytes: int = 0,
    ) -> None:
        TilePlan(model.size[1], *model.size, overlap)  # refuses an overlap that does not fit here, not on a board
        self.model, self.activation, self._info, self._overlap = model, activation, info, overlap
        self._threshold = min(max(min_confidence, _LEAST), _MOST)
        self._iou = suppression(model.head.form, NMS_IOU)
        self._gpu = gpu_device(activation.device)
        self._feed = LineFeed(self._gpu, golden_bytes)
        self._flights: deque[_Flight] = deque()
        self._idle: list[Lane] = list(activation.lanes)
        self._shape: tuple[int, ...] = ()
        self._described: tuple[object, ...] = ()
        self._scan: BoardScan | None = None
        self._closed = False
        self._reset()

    def _reset(self) -> None:
        self._scan = None
        self._rows_done = 0
        self._new: list[Detections] = []
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
        """Bytes of device memory: weights (the plan's length), lanes and line rings."""
        lanes = sum(lane.nbytes for lane in self.activation.lanes)
        return self.activation.engine.plan_bytes + lanes + self._feed.nbytes

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
            with self._gpu:
                self._drain()
        self._reset()
        shape = scan.pixels.shape[1:]
        if shape != self._shape:
            self._plan = TilePlan(scan.width, *self.model.size, self._overlap)
            self._rows = [self._row_at(0)]
            rows = _IN_RING * -(-self.activation.batch // len(self._rows[0])) + 1
            self._ring_lines = self.model.size[0] + rows * self._plan.step
            self._shape = shape
        self._merger = Merger(self._plan)
        self._feed.begin(scan.pixels, golden, self._ring_lines)
        described = (shape, self._feed.golden)
        if described != self._described:
            self._describe(scan)
            self._described = described
        self._scan = scan

    def _describe(self, scan: BoardScan) -> None:
        """Tell the lanes what stays the same from board to board."""
        call = np.zeros((), BATCH)
        call["golden"], call["golden_lines"], call["golden_samples"], call["golden_ring"] = self._feed.golden
        call["width"], call["samples"] = scan.width, scan.pixel_format.channels
        call["threshold"], call["iou"] = self._threshold, self._iou
        for lane in self.activation.lanes:
            lane.call[0] = call

    def advance(self, lines: int) -> Detections:
        """Inspect every tile row that `lines` lines complete; return what has come back, in board pixels."""
        with self._gpu:
            self._take_in(lines)
            while self._flights and self._flights[0].lane.stream.idle:
                self._collect()
        new, self._new = self._new, []
        return _joined(new)

    def _take_in(self, lines: int) -> None:
        """Queue every tile row that is complete, and the copy of what belongs to the rows to come."""
        self._board()
        done, step = self._rows_done, self._plan.step
        ready = self._plan.rows_within(lines)
        if ready > done:
            self._send_first(done * step, lines)
            new = [self._row(index) for index in range(done, ready)]
            self._rows_done = ready
            self._inspect(new[0] if len(new) == 1 else np.concatenate(new), lines)
        # What belongs to rows still to come travels now, while the GPU works.
        self._send(lines, ready * step)

    def finish(self, lines: int) -> Detections:
        """Inspect what is left of a board of `lines` lines; return all of its detections, merged across seams."""
        self._board()
        with self._gpu:
            if not self._inspect_in_place(lines):
                self._take_in(lines)
                last = self._plan.last_row(lines)
                if last is not None:
                    self._send_first(last, lines)
                    self._inspect(self._row_at(last), lines)
            while self._flights:
                self._collect()
        self._feed.forget()  # every line belongs to a tile that has come back
        started = time.perf_counter()
        with stage("merge"):
            found = self._merger.finish(lines)
        self._spend("merge", started)
        self._scan = None
        return found

    def _inspect_in_place(self, lines: int) -> bool:
        """Inspect a board of a single tile where its lines lie, in pinned memory; tell whether it is such a board.

        The kernel that cuts the tile reads each of its pixels once, so that it may as well read them over the bus: a
        copy before it is one more call of the driver, and one more wait on the GPU.
        """
        alone = 0 < lines <= self.model.size[0] and len(self._rows[0]) == 1 and not self._rows_done
        if not alone or self._feed.sent:
            return False
        address = self._feed.where_it_lies(lines)
        if not address:
            return False
        clock = time.perf_counter()
        self._feed.send_golden(lines, self._idle[-1].stream)
        self._launch(self._rows[0], lines, (address, lines))
        self._times["tiles"] += 1
        self._spend("preprocess", clock)
        return True

    def _row(self, index: int) -> NDArray[np.int32]:
        """Return x and y of the tiles of a whole row; kept from board to board, for they are the same on each."""
        while index >= len(self._rows):
            self._rows.append(self._row_at(len(self._rows) * self._plan.step))
        return self._rows[index]

    def _row_at(self, y: int) -> NDArray[np.int32]:
        """Return x and y of the tiles of the row that starts at line `y`."""
        return np.array([(x, y) for x in self._plan.columns], np.int32)

    def abort(self) -> None:
        """Forget the board in hand."""
        self._reset()
        if self._closed:
            return
        try:
            with self._gpu:
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
        self.activation.close()
        let_go(self.activation.device, (self._feed.close,))

    def _board(self) -> BoardScan:
        if self._scan is None:
            raise EngineError("No board is in hand.", "Call begin first.")
        return self._scan

    def _drain(self) -> None:
        """Wait for what is on the GPU and drop it: nothing of one board may reach the next."""
        while self._flights:
            self._idle.append(self._flights.popleft().lane)
        for stream in (*(lane.stream for lane in self.activation.lanes), self._feed.stream):
            stream.synchronize()

    def _inspect(self, tiles: NDArray[np.int32], lines: int) -> None:
        """Queue tiles at (n, 2) x and y, in batches."""
        height = self.model.size[0]
        for start, count in _portions(len(tiles), self.activation.batch):
            part = tiles[start : start + count]
            clock = time.perf_counter()
            own = None if self._flights else self._idle[-1].stream  # see `_send_first`
            self._send(min(part.item(-1) + height, lines), part.item(1), own)
            if not self._idle:
                clock = self._spend("preprocess", clock)
                self._collect()
                clock = time.perf_counter()
            self._launch(part, lines, (self._feed.address, self._feed.lines))
            clock = self._spend("preprocess", clock)
            self._merger.settle()  # while the GPU works
            self._spend("merge", clock)
        self._times["tiles"] += len(tiles)

    def _send_first(self, row: int, lines: int) -> None:
        """Copy what the row of tiles at line `row` needs, where nothing is under way.

        It goes before the launch in the launch's own stream, which is the shortest way, and before anything else is
        thought of: that is done while it travels.
        """
        if not self._flights:
            self._send(min(row + self.model.size[0], lines), row, self._idle[-1].stream)

    def _send(self, lines: int, needed_from: int, stream: Stream | None = None) -> None:
        """Copy lines up to `lines`; those from line `needed_from` on, or of a batch in flight, stay in the ring."""
        if self._feed.sent >= lines:
            return
        with stage("upload"):
            while self._feed.sent < lines:
                oldest = min(needed_from, self._flights[0].corners.item(1)) if self._flights else needed_from
                room = oldest + self._feed.lines
                if room <= self._feed.sent:
                    self._collect()
                    continue
                self._feed.send(min(lines, room), stream)

    def _launch(self, part: NDArray[np.int32], lines: int, board: tuple[int, int]) -> None:
        """Queue tiles of a board whose lines are at an address, in a ring of so many."""
        with stage("launch"):
            lane = self._idle.pop()  # the one used last: its memory is still in the GPU's cache
            lane.describe(lines, part, *board)
            self._feed.let_wait(lane.stream)
            lane.launch(len(part))
            self._flights.append(_Flight(lane, part))

    def _collect(self) -> None:
        """Take back the oldest batch, waiting for it."""
        flight = self._flights.popleft()
        try:
            clock = time.perf_counter()
            with stage("wait"):
                flight.lane.wait()
            if self._flights:
                self._gpu.answered()
            clock = self._spend("inference", clock)
            with stage("collect"):
                counts, found = flight.lane.results_of(len(flight.corners))
        finally:
            self._idle.append(flight.lane)
        if any(counts):
            if self.model.head.unit is None:
                refuse_shares(found.boxes - np.tile(np.repeat(flight.corners, counts, axis=0), 2))
            self._new.append(found)
            self._merger.add(found, flight.corners, counts)
        self._spend("postprocess", clock)

    def _spend(self, stage_name: str, since: float) -> float:
        now = time.perf_counter()
        self._times[stage_name] += (now - since) * 1e3
        return now


def _portions(tiles: int, batch: int) -> list[tuple[int, int]]:
    """Return (start, count) of launches for `tiles` tiles, as even as can be: none much emptier than the others."""
    if tiles <= batch:
        return [(0, tiles)] if tiles else []
    launches = -(-tiles // batch)
    edges = [tiles * i // launches for i in range(launches + 1)]
    return [(a, b - a) for a, b in itertools.pairwise(edges)]


def _joined(parts: Sequence[Detections]) -> Detections:
    return parts[0] if len(parts) == 1 else Detections.concatenate(parts)
