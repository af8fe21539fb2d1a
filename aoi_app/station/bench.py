"""Measures the whole path of a board on this machine, streaming against inspecting the finished board, in one run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from aoi_app.core.inspection import Inspection, Verdict
from aoi_app.core.protocols import Detector
from aoi_app.core.recipe import Recipe
from aoi_app.core.scan import BoardScan, LinesIn, PixelFormat, Pixels, ScanEnd, read_only
from aoi_app.station.acquisition import FETCH_TIMEOUT_S, Line
from aoi_app.station.handover import ScanFeed
from aoi_app.station.inspecting import FixedEngine, Inspector

OpenPacedLine = Callable[[float], Line]
"""Lines per second -> a line that delivers the bench's board again and again at that rate."""

HEADROOM = 0.6
"""Share of its time that inspection is busy at the camera's rate of the streaming run."""

STAGES = ("preprocess", "inference", "postprocess", "merge")


@dataclass(frozen=True, slots=True)
class PathFigures:
    """What one run measured; times in milliseconds.

    Attributes
    ----------
    tile
        Per tile, by stage, on a finished board.
    overhead
        (preprocess + postprocess) / inference.
    tile_row_ms
        One row of tiles, all stages.
    streaming, finished
        From the last line to the verdict, one figure a board: inspected while it came in; inspected when it was whole.
    """

    width: int
    lines: int
    tiles: int
    line_rate: float
    tile: dict[str, float]
    overhead: float
    tile_row_ms: float
    tiles_per_s: float
    streaming: tuple[float, ...]
    finished: tuple[float, ...]

    @property
    def streaming_ms(self) -> float:
        """Median latency of the verdict with streaming."""
        return float(np.median(self.streaming))

    @property
    def finished_ms(self) -> float:
        """Median latency of the verdict without."""
        return float(np.median(self.finished))

    @property
    def ratio(self) -> float:
        """How many times shorter streaming makes the wait for the verdict."""
        return self.finished_ms / self.streaming_ms


def bench_path(
    image: Pixels,
    golden: Pixels | None,
    detector: Detector,
    open_line: OpenPacedLine,
    boards: int,
    told: Callable[[str], None] = lambda text: None,
) -> PathFigures:
    """Measure one board size.

    Parameters
    ----------
    image, golden
        The board, (lines, width[, 3]), and its defect-free twin.
    boards
        Boards of each kind; streaming and finished take turns, so that a machine that drifts favours neither.

    Raises
    ------
    RuntimeError
        A board of the run was not wholly seen or inspected: its figures would mean nothing.
    """
    told("warming up")
    best = _best_of_three(detector, image, golden)
    tiles = int(best["tiles"])
    tile = {stage: best[stage] / tiles for stage in STAGES}
    whole_ms = sum(best[stage] for stage in STAGES)
    line_rate = HEADROOM * image.shape[0] / (whole_ms / 1e3)
    line = open_line(line_rate)
    latencies: dict[bool, list[float]] = {True: [], False: []}
    for inspection, streamed in _take_turns(line, detector, golden, 2 * boards):
        if inspection.verdict is Verdict.ERROR:
            raise RuntimeError(f"a board of the bench could not be inspected: {inspection.reason}")
        latencies[streamed].append(inspection.latency_ms["verdict"])
        told(f"board {sum(map(len, latencies.values()))} of {2 * boards}")
    rows = _tile_rows(detector, image, golden)
    return PathFigures(
        width=image.shape[1],
        lines=image.shape[0],
        tiles=tiles,
        line_rate=line_rate,
        tile=tile,
        overhead=(tile["preprocess"] + tile["postprocess"]) / tile["inference"],
        tile_row_ms=whole_ms / rows,
        tiles_per_s=1e3 * tiles / whole_ms,
        streaming=tuple(latencies[True]),
        finished=tuple(latencies[False]),
    )


def board_ms(detector: Detector, image: Pixels, golden: Pixels | None) -> float:
    """Return the milliseconds that inspecting a finished board takes, the best of three."""
    best = _best_of_three(detector, image, golden)
    return sum(best[stage] for stage in STAGES)


def _best_of_three(detector: Detector, image: Pixels, golden: Pixels | None) -> dict[str, float]:
    runs = (_inspect_whole(detector, image, golden) for _ in range(3))
    return min(runs, key=lambda times: sum(times[stage] for stage in STAGES))


def _scan_of(image: Pixels) -> BoardScan:
    pixel_format = PixelFormat.MONO8 if image.ndim == 2 else PixelFormat.RGB8
    return BoardScan("bench", "bench", read_only(image), pixel_format, 0, 0)


def _inspect_whole(detector: Detector, image: Pixels, golden: Pixels | None) -> dict[str, float]:
    detector.begin(_scan_of(image), golden)
    detector.finish(image.shape[0])
    return dict(detector.latency_ms)


def _tile_rows(detector: Detector, image: Pixels, golden: Pixels | None) -> int:
    """Count how often more lines bring more tiles."""
    detector.begin(_scan_of(image), golden)
    counts = {0}
    for lines in range(0, image.shape[0] + 1, 32):
        detector.advance(lines)
        counts.add(int(detector.latency_ms["tiles"]))
    detector.finish(image.shape[0])
    counts.add(int(detector.latency_ms["tiles"]))
    return len(counts) - 1


def _take_turns(
    line: Line, detector: Detector, golden: Pixels | None, boards: int
) -> Sequence[tuple[Inspection, bool]]:
    """Inspect boards from a line in its own thread: one while it comes in, the next one when it is whole."""
    feed = ScanFeed(64)
    inspector = Inspector(FixedEngine(detector), lambda: Recipe(), lambda scan, recipe: golden)
    stop = threading.Event()

    def acquire() -> None:
        line.camera.start_acquisition()
        while not stop.is_set():
            block = line.camera.fetch(FETCH_TIMEOUT_S)
            for event in () if block is None else line.assembler.feed(block):
                feed.put(event)
        line.camera.stop_acquisition()
        line.camera.close()

    thread = threading.Thread(target=acquire, name="aoi-bench", daemon=True)
    thread.start()
    done: list[tuple[Inspection, bool]] = []
    try:
        while len(done) < boards:
            event = feed.take(1.0)
            streamed = len(done) % 2 == 0
            if event is None or (isinstance(event, LinesIn) and not streamed):
                continue
            inspection = inspector.handle(event)
            if inspection is not None and isinstance(event, ScanEnd):
                done.append((inspection, streamed))
    finally:
        stop.set()
        thread.join(10)
    return done
