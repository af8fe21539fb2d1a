"""Figures of TensorRT engines: what a tile costs, beside what the bare engine and the bus alone would take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from aoi_app.boards import BoardSpec, draw_window
from aoi_app.boards.spec import Look
from aoi_app.core.errors import EngineError
from aoi_app.core.protocols import Detector
from aoi_app.core.scan import BoardScan, PixelFormat
from aoi_app.inference.model import Model
from aoi_app.inference.quantise import Progress
from aoi_app.inference.runtimes.base import Options
from aoi_app.inference.runtimes.tensorrt.detector import TensorRtDetector
from aoi_app.inference.runtimes.tensorrt.gpu.memory import DeviceBuffer, memory_info, pinned_allocator
from aoi_app.inference.runtimes.tensorrt.gpu.stream import Event, Stream
from aoi_app.inference.runtimes.tensorrt.lane import STAGES, Lane
from aoi_app.inference.runtimes.tensorrt.loader import TensorRt, TensorRtRtx

_DRAWN_PX = 2048
_MIB = 1024 * 1024
_WARM_UP = 10
_NAMED = 0.1
"""Share of a launch from which transfer or gaps are called the bottleneck."""
_RUNTIMES = {"tensorrt": TensorRt, "tensorrt_rtx": TensorRtRtx}
_boards = count()


@dataclass(frozen=True, slots=True)
class BatchFigures:
    """One runtime, precision and batch.

    Attributes
    ----------
    p50_ms, p95_ms, p99_ms
        One batch, from pixels in host memory to boxes in host memory.
    tiles_per_second
        Of boards that come as fast as they are taken, everything included.
    floor_ms, floor_tiles_per_second
        CUDA graph of the bare engine: device time of one launch, and its tiles per second back to back.
    transfer_ms
        The batch's pixels over the bus, at the measured rate.
    preprocess_ms, postprocess_ms
        Device time of the kernels before and after the network.
    vram_mib
        Device memory that the detector took.
    bottleneck
        What holds it up beside the network; '' when nothing does.
    map50
        Mean average precision of this engine at IoU 0.5, where labelled images were given.
    """

    runtime: str
    precision: str
    batch: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    tiles_per_second: float
    floor_ms: float
    floor_tiles_per_second: float
    transfer_ms: float
    preprocess_ms: float
    postprocess_ms: float
    vram_mib: float
    bottleneck: str
    layers: str
    map50: float | None = None

    @property
    def ratio(self) -> float:
        """One batch against the bare engine: 1.0 is the floor."""
        return self.p50_ms / self.floor_ms

    @property
    def throughput_ratio(self) -> float:
        """Tiles per second against the bare engine's."""
        return self.tiles_per_second / self.floor_tiles_per_second

    @property
    def transfer_share(self) -> float:
        """Share of the bus in one batch."""
        return self.transfer_ms / self.p50_ms


@dataclass(frozen=True, slots=True)
class StreamFigures:
    """A board fed line by line.

    Attributes
    ----------
    line_rate
        Lines per second; 0 for as fast as they are taken.
    verdict_ms
        From the last line to all detections, one value a board.
    gpu_busy
        Share of the time in which the network itself ran (tiles x its floor).
    """

    width: int
    lines: int
    line_rate: float
    tiles: int
    seconds: float
    verdict_ms: tuple[float, ...]
    gpu_busy: float


def bench_tensorrt(
    model: Model,
    precisions: Sequence[str] = ("fp32", "fp16"),
    *,
    runtime: str = "tensorrt",
    batches: Sequence[int] = (1, 2, 4, 8, 16),
    frames: int = 300,
    tiles: int = 2048,
    options: Options | None = None,
    progress: Progress = lambda share, text: None,
    score: Callable[[Detector], float] | None = None,
) -> Iterator[BatchFigures]:
    """Measure a model on this GPU, row by row; builds engines that are missing.

    Parameters
    ----------
    frames
        Launches measured for each batch.
    tiles
        Of the board that measures throughput.
    score
        Returns the mean average precision of a detector on labelled images.

    Yields
    ------
    BatchFigures
        As soon as a row is measured. A batch that the engine does not take has none.

    Raises
    ------
    BackendMissing, EngineError, ModelError
        As `TensorRt.open`.
    """
    for precision in precisions:
        for batch in batches:
            progress(0.0, f"{precision}, batch {batch}")
            chosen = {**(options or {}), "batch": batch}
            detector = open_for_bench(model, precision, runtime, chosen, progress)
            try:
                row = _measure(detector, precision, frames, tiles, score) if _takes(detector, batch) else None
            finally:
                detector.close()
            if row is not None:
                yield row


def _takes(detector: TensorRtDetector, batch: int) -> bool:
    return detector.activation.batch == batch


def open_for_bench(
    model: Model, precision: str, runtime: str, options: Options, progress: Progress, *, overlap: int = 0
) -> TensorRtDetector:
    """Return a detector; without an overlap every pixel is inspected once."""
    if runtime not in _RUNTIMES:
        raise EngineError(f"{runtime!r} is no TensorRT runtime.", f"Choose one of {', '.join(_RUNTIMES)}.")
    return _RUNTIMES[runtime]().open(model, precision, options, progress, min_confidence=0.25, overlap=overlap)


def _measure(
    detector: TensorRtDetector, precision: str, frames: int, tiles: int, score: Callable[[Detector], float] | None
) -> BatchFigures:
    batch, lane = detector.activation.batch, detector.activation.lanes[0]
    height, width = detector.model.size
    frame = pinned_board(height, width * batch)
    times = np.array([_inspect(detector, frame) for _ in range(_WARM_UP + frames)][_WARM_UP:]) * 1e3
    repeats = min(frames, 50)
    rate = bus_rate()
    floor, floor_rate = floor_of(lane, batch, repeats)
    before = device_ms(lane, batch, ("preprocess",), repeats)
    # Together with what clears the counters of the candidates.
    after = max(device_ms(lane, batch, ("preprocess", "postprocess"), repeats) - before, 0.0)
    whole = device_ms(lane, batch, STAGES, repeats)
    p50 = float(np.percentile(times, 50))
    transfer = frame.nbytes / rate * 1e3
    big = pinned_board(height * max(2, tiles // batch), width * batch)
    cut = big.size // (height * width)
    _inspect(detector, big)
    seconds = min(_inspect(detector, big) for _ in range(3))
    return BatchFigures(
        runtime=detector.info.runtime,
        precision=precision,
        batch=batch,
        p50_ms=p50,
        p95_ms=float(np.percentile(times, 95)),
        p99_ms=float(np.percentile(times, 99)),
        tiles_per_second=cut / seconds,
        floor_ms=floor,
        floor_tiles_per_second=floor_rate,
        transfer_ms=transfer,
        preprocess_ms=before,
        postprocess_ms=after,
        vram_mib=detector.device_bytes / _MIB,
        bottleneck=name_bottleneck(p50, transfer, whole - floor - before - after),
        layers=detector.info.precision,
        map50=None if score is None else score(detector),
    )


def name_bottleneck(launch_ms: float, transfer_ms: float, gaps_ms: float) -> str:
    """Return what beside the network takes more than a tenth of a launch: the bus, or gaps between kernels."""
    shares = {"transfer": transfer_ms / launch_ms, "gaps between kernels": gaps_ms / launch_ms}
    return ", ".join(f"{name} ({share:.0%})" for name, share in shares.items() if share > _NAMED)


def bench_stream(
    detector: TensorRtDetector,
    width: int,
    lines: int,
    *,
    line_rate: float = 0.0,
    block: int = 128,
    boards: int = 3,
    progress: Progress = lambda share, text: None,
) -> StreamFigures:
    """Feed boards block by block at a line rate and measure how long the verdict takes after the last line."""
    board = pinned_board(lines, width)
    floor, _ = floor_of(detector.activation.lanes[0], detector.activation.batch)
    waits, seconds, tiles = [], 0.0, 0
    for number in range(-1, boards):  # the first one warms up
        progress(max(number, 0) / boards, f"board of {width} x {lines} px")
        begun = time.perf_counter()
        detector.begin(scan_of(board))
        for done in range(block, lines + block, block):
            done = min(done, lines)
            while line_rate and time.perf_counter() - begun < done / line_rate:
                pass
            detector.advance(done)
        last = time.perf_counter()
        detector.finish(lines)
        ended = time.perf_counter()
        if number >= 0:
            waits.append((ended - last) * 1e3)
            seconds += ended - begun
            tiles += int(detector.latency_ms["tiles"])
    busy = tiles * floor / detector.activation.batch / 1e3 / seconds
    return StreamFigures(width, lines, line_rate, tiles, seconds, tuple(waits), busy)


def floor_of(lane: Lane, batch: int, repeats: int = 50) -> tuple[float, float]:
    """Return milliseconds of the bare engine's graph, and tiles per second of launches back to back."""
    graph = lane.graph(batch, ("inference",))
    begin, end = Event(timing=True), Event(timing=True)
    try:
        singles = []
        for _ in range(_WARM_UP + repeats):
            begin.record(lane.stream)
            graph.launch(lane.stream)
            end.record(lane.stream)
            end.synchronize()
            singles.append(end.milliseconds_since(begin))
        runs = []
        for _ in range(5):
            begin.record(lane.stream)
            for _ in range(repeats):
                graph.launch(lane.stream)
            end.record(lane.stream)
            end.synchronize()
            runs.append(end.milliseconds_since(begin) / repeats)
        return float(np.median(singles[_WARM_UP:])), 1000 * batch / min(runs)
    finally:
        for part in (graph, begin, end):
            part.close()


def device_ms(lane: Lane, batch: int, stages: Sequence[str], repeats: int = 50) -> float:
    """Return the median device time of some stages, milliseconds."""
    graph = lane.graph(batch, stages)
    begin, end = Event(timing=True), Event(timing=True)
    try:
        times = []
        for _ in range(_WARM_UP + repeats):
            begin.record(lane.stream)
            graph.launch(lane.stream)
            end.record(lane.stream)
            end.synchronize()
            times.append(end.milliseconds_since(begin))
        return float(np.median(times[_WARM_UP:]))
    finally:
        for part in (graph, begin, end):
            part.close()


def bus_rate(nbytes: int = 64 * _MIB) -> float:
    """Return the rate of copies from pinned memory to the device, bytes per second."""
    host, device, stream = pinned_allocator(nbytes), DeviceBuffer(nbytes), Stream()
    begin, end = Event(timing=True), Event(timing=True)
    try:
        best = 0.0
        for _ in range(10):
            begin.record(stream)
            stream.upload(device.address, host.ctypes.data, nbytes)
            end.record(stream)
            end.synchronize()
            best = max(best, nbytes / end.milliseconds_since(begin) * 1e3)
        return best
    finally:
        for part in (begin, end, stream):
            part.close()
        device.free()


def pinned_board(lines: int, width: int) -> NDArray[np.uint8]:
    """Return a board of drawn copper in pinned memory, with odd places here and there, as boards have them.

    An even grey would leave nothing to decode, suppress and merge; in noise each network sees what it likes.
    """
    board = pinned_allocator(lines * width).reshape(lines, width)
    drawn = draw_window(BoardSpec(width=_DRAWN_PX, lines=_DRAWN_PX, defects=(8, 8), look=Look.LINE_SCAN), 3).image
    # Each part is the mirror of the one before: copper goes on across their edges.
    across = np.concatenate([drawn, drawn[:, ::-1]], axis=1)
    rows = np.tile(across, (1, -(-width // across.shape[1])))[:, :width]
    for number, start in enumerate(range(0, lines, len(rows))):
        board[start : start + len(rows)] = (rows[::-1] if number % 2 else rows)[: lines - start]
    return board


def scan_of(board: NDArray[np.uint8]) -> BoardScan:
    """Return a whole board as a scan."""
    return BoardScan(f"bench-{next(_boards)}", "bench", board, PixelFormat.MONO8, 0, time.time_ns())


def _inspect(detector: TensorRtDetector, board: NDArray[np.uint8]) -> float:
    """Return the seconds from pixels in host memory to merged boxes."""
    scan = scan_of(board)
    started = time.perf_counter()
    detector.begin(scan)
    detector.finish(len(board))
    return time.perf_counter() - started


def vram_used() -> float:
    """Return the device memory in use, MiB."""
    free, total = memory_info()
    return (total - free) / _MIB
