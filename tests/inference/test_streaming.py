"""The detector inspects while the lines come in, and what it finds does not depend on how they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from aoi_app.core.errors import EngineError
from aoi_app.core.scan import BoardScan, PixelFormat, Pixels, read_only
from aoi_app.inference.card import Channels, Family, InputSpec, ModelCard
from aoi_app.inference.layout import Form, HeadSpec
from aoi_app.inference.model import Model
from aoi_app.inference.runtimes.base import SessionInfo
from aoi_app.inference.streaming import StreamingDetector

SIDE = 128


def model(channels: Channels = Channels.GREY, batch: int | None = None) -> Model:
    card = ModelCard(name="blobs", classes=("blob",), input=InputSpec(channels=channels, scale=1.0, pad=0))
    head = HeadSpec(Family.YOLOV10, Form.ROWS, ("rows",), 1)
    return Model(Path("blobs.onnx"), "0" * 64, card, "images", batch, (SIDE, SIDE), False, np.dtype(np.float32), head)


@dataclass
class BlobSession:
    """A perfect detector: every bright blob of a tile is a box."""

    batch: int = 3
    fixed_batch: bool = False
    batches: list[tuple[int, ...]] = field(default_factory=list)
    last: NDArray[Any] | None = None
    closed: int = 0
    info: SessionInfo = field(default_factory=lambda: SessionInfo("blobs", "fp32", "nowhere"))

    def run(self, batch: NDArray[Any]) -> Sequence[NDArray[Any]]:
        self.batches.append(batch.shape)
        self.last = batch.copy()
        rows = np.zeros((len(batch), 60, 6), np.float32)
        for tile, found in zip(batch, rows, strict=True):
            _, _, stats, _ = cv2.connectedComponentsWithStats((tile[0] > 200).astype(np.uint8))
            for row, (x, y, w, h, _) in zip(found, stats[1:], strict=False):
                row[:] = (x, y, x + w, y + h, 0.9, 0)
        return [rows]

    def close(self) -> None:
        self.closed += 1


def scan_of(board: Pixels, capacity: int | None = None) -> BoardScan:
    lines = capacity or len(board)
    buffer = np.full((lines, *board.shape[1:]), 255, np.uint8)  # what is not valid must not be looked at
    buffer[: len(board)] = board
    pixel_format = PixelFormat.MONO8 if board.ndim == 2 else PixelFormat.RGB8
    return BoardScan("id", "serial", read_only(buffer), pixel_format, 0, 0)


def board_with(boxes: Sequence[tuple[int, int, int, int]], width: int, lines: int) -> Pixels:
    board = np.full((lines, width), 60, np.uint8)
    for x1, y1, x2, y2 in boxes:
        board[y1:y2, x1:x2] = 250
    return board


BOXES = [(5, 5, 20, 20), (120, 90, 135, 130), (200, 40, 290, 48), (30, 300, 45, 390), (330, 380, 350, 400)]


@settings(max_examples=30)
@given(
    st.lists(st.integers(1, 400), max_size=20),
    st.integers(1, 5),
    st.booleans(),
    st.sampled_from([350, 351, 400]),
)
def test_the_same_boxes_however_the_lines_arrive(arrivals: list[int], batch: int, fixed: bool, width: int) -> None:
    session = BlobSession(batch=batch, fixed_batch=fixed)
    detector = StreamingDetector(model(batch=batch if fixed else None), session, min_confidence=0.5, overlap=32)
    scan = scan_of(board_with(BOXES, width, 400), capacity=600)
    detector.begin(scan)
    for lines in sorted(arrivals):
        detector.advance(lines)
    found = detector.finish(400)
    assert sorted(tuple(map(int, box)) for box in found.boxes) == sorted(BOXES)
    if fixed:
        assert {shape[0] for shape in session.batches} == {batch}


def test_a_row_is_inspected_as_soon_as_its_lines_are_in() -> None:
    session = BlobSession(batch=8)
    detector = StreamingDetector(model(), session, min_confidence=0.5, overlap=32)
    detector.begin(scan_of(board_with(BOXES, 350, 400)))
    assert len(detector.advance(127)) == 0 and session.batches == []
    assert len(detector.advance(128)) > 0 and len(session.batches) == 1
    assert len(detector.advance(128)) == 0 and len(session.batches) == 1
    before = len(session.batches)
    detector.advance(399)
    detector.finish(400)
    assert [shape[0] for shape in session.batches[before:]] == [8, 4]  # two rows at once, and the last one
    times = detector.latency_ms
    assert times["tiles"] == sum(shape[0] for shape in session.batches)
    assert set(times) == {"preprocess", "inference", "postprocess", "merge", "tiles"}


def test_a_board_smaller_than_a_tile_is_padded() -> None:
    session = BlobSession()
    detector = StreamingDetector(model(), session, min_confidence=0.5, overlap=32)
    detector.begin(scan_of(board_with([(70, 40, 90, 60)], 90, 60), capacity=600))
    assert detector.finish(60).boxes.tolist() == [[70, 40, 90, 60]]
    assert session.last is not None and not session.last[0, 0, 60:].any() and not session.last[0, 0, :, 90:].any()


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("channels", list(Channels))
def test_channels(channels: Channels, colour: bool) -> None:
    board = np.random.default_rng(0).integers(0, 200, (SIDE, SIDE, 3)).astype(np.uint8)
    golden = board[::-1].copy()
    grey, grey_golden = (np.asarray(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY), np.uint8) for x in (board, golden))
    if not colour:
        board, golden = grey, grey_golden
    session = BlobSession()
    detector = StreamingDetector(model(channels), session, min_confidence=0.5, overlap=32)
    detector.begin(scan_of(board), read_only(golden))
    detector.finish(SIDE)
    wanted = {
        Channels.GREY: [grey],
        Channels.GREY_GOLDEN: [grey, grey_golden],
        Channels.RGB: [board[..., i] for i in (0, 1, 2)] if colour else [grey] * 3,
        Channels.BGR: [board[..., i] for i in (2, 1, 0)] if colour else [grey] * 3,
    }[channels]
    assert session.last is not None
    np.testing.assert_array_equal(session.last[0], np.stack(wanted).astype(np.float32))
    if channels is Channels.GREY_GOLDEN:
        detector.begin(scan_of(board))
        detector.finish(SIDE)
        assert (session.last[0, 1] == 128).all()


def test_a_golden_board_of_another_width_is_refused() -> None:
    detector = StreamingDetector(model(Channels.GREY_GOLDEN), BlobSession(), min_confidence=0.5, overlap=32)
    with pytest.raises(EngineError, match="golden board is 100 px wide"):
        detector.begin(scan_of(board_with([], 350, 400)), np.zeros((400, 100), np.uint8))


def test_abort_forgets_and_close_frees_once() -> None:
    session = BlobSession()
    detector = StreamingDetector(model(), session, min_confidence=0.5, overlap=32)
    detector.begin(scan_of(board_with(BOXES, 350, 400)))
    detector.advance(300)
    detector.abort()
    with pytest.raises(EngineError, match="No board"):
        detector.finish(400)
    detector.begin(scan_of(board_with([], 350, 400)))
    assert len(detector.finish(400)) == 0
    detector.close()
    detector.close()
    assert session.closed == 1
    with pytest.raises(EngineError, match="closed"):
        detector.begin(scan_of(board_with([], 350, 400)))
