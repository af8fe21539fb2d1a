"""The detector that works while a board's lines come in."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np

from aoi_app.core.detection import Detections
from aoi_app.core.errors import EngineError
from aoi_app.core.inspection import EngineInfo
from aoi_app.core.scan import BoardScan, Pixels
from aoi_app.inference.heads import Decoder
from aoi_app.inference.merging import Merger
from aoi_app.inference.model import Model
from aoi_app.inference.preprocess import TileCutter
from aoi_app.inference.runtimes.base import Session
from aoi_app.inference.tiling import Tile, TilePlan

_STAGES = ("preprocess", "inference", "postprocess", "merge", "tiles")


class StreamingDetector:
    """Inspects every row of tiles as soon as its lines are in. One board at a time, one thread.

    Parameters
    ----------
    session
        Loaded for this model; the detector owns it from here on.
    overlap
        Pixels that neighbouring tiles share at least.
    """

    def __init__(self, model: Model, session: Session, *, min_confidence: float, overlap: int) -> None:
        self._model = model
        self._session = session
        self._overlap = overlap
        self._decoder = Decoder(model.head, model.size, min_confidence)
        self._cutter = TileCutter(model, session.batch)
        # Refuse an overlap that does not fit here, not on the first board.
        TilePlan(model.size[1], *model.size, overlap)
        self._scan: BoardScan | None = None
        self._closed = False
        self._reset()

    def _reset(self) -> None:
        self._scan = None
        self._golden: Pixels | None = None
        self._rows_done = 0
        self._times = dict.fromkeys(_STAGES, 0.0)

    @property
    def info(self) -> EngineInfo:
        """What really runs."""
        ran = self._session.info
        return EngineInfo(
            runtime=ran.runtime,
            precision=ran.precision,
            model=self._model.path.name,
            sha256=ran.sha256 or self._model.sha256,
            device=ran.device,
            class_names=self._model.class_names,
            detail=ran.detail,
            stand_in=ran.stand_in or ran.fell_back,
        )

    @property
    def session(self) -> Session:
        """The engine, for the gate."""
        return self._session

    @property
    def latency_ms(self) -> Mapping[str, float]:
        """Milliseconds spent on the board in hand by stage, and the number of "tiles"."""
        return dict(self._times)

    def begin(self, scan: BoardScan, golden: Pixels | None = None) -> None:
        """Start on a board; forgets the one before."""
        if self._closed:
            raise EngineError("This detector is closed.", "Open it again.")
        if golden is not None and golden.shape[1] != scan.width:
            raise EngineError(
                f"The golden board is {golden.shape[1]} px wide, the board {scan.width} px.",
                "Take the golden board with the same camera set-up.",
            )
        self._reset()
        self._scan, self._golden = scan, golden
        self._plan = TilePlan(scan.width, *self._model.size, self._overlap)
        self._merger = Merger(self._plan)

    def advance(self, lines: int) -> Detections:
        """Inspect every tile row that `lines` lines complete; return what is new, in board pixels."""
        scan = self._board()
        tiles: list[Tile] = []
        ready = self._plan.rows_within(lines)
        for row in range(self._rows_done, ready):
            tiles += self._plan.row(row)
        self._rows_done = max(ready, self._rows_done)
        return self._inspect(scan, tiles, lines)

    def finish(self, lines: int) -> Detections:
        """Inspect what is left of a board of `lines` lines; return all of its detections, merged across seams."""
        scan = self._board()
        self.advance(lines)
        last = self._plan.last_row(lines)
        if last is not None:
            self._inspect(scan, self._plan.row_at(last), lines)
        started = time.perf_counter()
        merged = self._merger.finish(lines)
        self._spend("merge", started)
        self._scan = None
        return merged

    def abort(self) -> None:
        """Forget the board in hand."""
        self._reset()

    def close(self) -> None:
        """Free the engine. May be called twice."""
        if not self._closed:
            self._closed = True
            self._reset()
            self._session.close()

    def _board(self) -> BoardScan:
        if self._scan is None:
            raise EngineError("No board is in hand.", "Call begin first.")
        return self._scan

    def _inspect(self, scan: BoardScan, tiles: Sequence[Tile], lines: int) -> Detections:
        new: list[Detections] = []
        for start in range(0, len(tiles), self._cutter.capacity):
            part = tiles[start : start + self._cutter.capacity]
            clock = time.perf_counter()
            batch = self._cutter.cut(scan.pixels, lines, part, self._golden)
            if not self._session.fixed_batch:
                batch = batch[: len(part)]
            clock = self._spend("preprocess", clock)
            outputs = self._session.run(batch)
            clock = self._spend("inference", clock)
            parts = [
                on_board(found, tile, scan.width, lines)
                for tile, found in zip(part, self._decoder.decode(outputs, len(part)), strict=True)
            ]
            found = Detections.concatenate(parts)
            clock = self._spend("postprocess", clock)
            corners = np.array([(tile.x, tile.y) for tile in part], np.int32)
            self._merger.add(found, corners, [len(seen) for seen in parts])
            self._merger.settle()
            self._spend("merge", clock)
            new.append(found)
        self._times["tiles"] += len(tiles)
        return Detections.concatenate(new)

    def _spend(self, stage: str, since: float) -> float:
        now = time.perf_counter()
        self._times[stage] += (now - since) * 1e3
        return now


def on_board(found: Detections, tile: Tile, width: int, lines: int) -> Detections:
    """Move detections from tile to board and cut them to it; one that lies wholly beyond the board is padding."""
    if len(found) == 0:
        return found
    moved = found.shifted(tile.x, tile.y)
    boxes = np.minimum(moved.boxes, np.array([width, lines, width, lines], np.float32))
    solid = np.all(boxes[:, 2:] > boxes[:, :2], axis=1)
    return Detections(boxes, moved.scores, moved.classes).take(solid)
