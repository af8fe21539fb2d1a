"""The whole detector on a stand-in GPU that runs nothing before somebody waits for it, against the shared detector."""

from __future__ import annotations

import gc
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from aoi_app.core.detection import Detections
from aoi_app.core.errors import EngineError
from aoi_app.core.protocols import Detector
from aoi_app.core.scan import BoardScan, PixelFormat, Pixels, freeze, read_only
from aoi_app.inference.model import read_model
from aoi_app.inference.runtimes.table import open_detector
from aoi_app.inference.runtimes.tensorrt.detector import TensorRtDetector, _portions
from aoi_app.inference.runtimes.tensorrt.gpu import memory
from aoi_app.inference.runtimes.tensorrt.gpu.driver import GpuLost, enter
from aoi_app.inference.runtimes.tensorrt.gpu.memory import is_pinned, pinned_allocator
from aoi_app.inference.runtimes.tensorrt.loader import TensorRt
from tests.inference.conftest import write_network
from tests.inference.tensorrt import standin_cuda
from tests.inference.tensorrt.standin_cuda import StandInCuda
from tests.inference.tensorrt.standin_trt import StandInTrt

OVERLAP = 16


def scan_of(pixels: NDArray[np.uint8]) -> BoardScan:
    kind = PixelFormat.MONO8 if pixels.ndim == 2 else PixelFormat.RGB8
    return BoardScan("b", "s", pixels, kind, 0, 0)


def inspect(detector: Detector, pixels: NDArray[np.uint8], steps: int = 0) -> Detections:
    detector.begin(scan_of(pixels))
    for lines in range(steps, len(pixels), steps) if steps else ():
        detector.advance(lines)
    return detector.finish(len(pixels))


def board(lines: int, width: int, seed: int = 0, rgb: bool = False) -> NDArray[np.uint8]:
    shape = (lines, width, 3) if rgb else (lines, width)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def open_one(network: Path, store: Path, **options: int) -> TensorRtDetector:
    return TensorRt().open(
        read_model(network),
        "fp32",
        {"store": str(store), "max_batch": 4, **options},
        lambda share, text: None,
        min_confidence=0.25,
        overlap=OVERLAP,
    )


def assert_same(found: Detections, expected: Detections) -> None:
    assert len(found) == len(expected)
    np.testing.assert_allclose(found.boxes, expected.boxes, atol=0.01)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)
    np.testing.assert_array_equal(found.classes, expected.classes)


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_finds_what_the_shared_detector_finds(
    trt: StandInTrt, cuda: StandInCuda, network: Path, store: Path, batch: int
) -> None:
    shared = open_detector(network, "onnxruntime", min_confidence=0.25, overlap=OVERLAP)
    detector = open_one(network, store, batch=batch)
    total = 0
    for lines, width, steps in [(64, 64, 0), (200, 64, 7), (130, 200, 50), (40, 30, 11), (333, 100, 0), (64, 500, 64)]:
        pixels = board(lines, width, lines)
        want = inspect(shared, pixels, steps)
        assert_same(inspect(detector, pixels, steps), want)
        total += len(want)
    assert total > 10
    assert detector.latency_ms["tiles"] == 11
    detector.close()
    shared.close()
    assert (cuda.held, cuda.streams, cuda.events, cuda.graphs, cuda.modules) == (0, {}, {}, {}, {})


def test_colour_boards_on_a_grey_network(trt: StandInTrt, network: Path, store: Path) -> None:
    shared = open_detector(network, "onnxruntime", min_confidence=0.25, overlap=OVERLAP)
    detector = open_one(network, store, batch=2)
    pixels = board(150, 170, 3, rgb=True)
    assert_same(inspect(detector, pixels, 20), inspect(shared, pixels, 20))


def test_takes_no_memory_after_the_first_board(trt: StandInTrt, cuda: StandInCuda, network: Path, store: Path) -> None:
    detector = open_one(network, store)
    inspect(detector, board(300, 200))
    before, held = cuda.allocations, cuda.held
    for seed in range(5):
        inspect(detector, board(300, 200, seed), 33)
    assert (cuda.allocations, cuda.held) == (before, held)


def test_each_line_travels_once(trt: StandInTrt, cuda: StandInCuda, network: Path, store: Path) -> None:
    detector = open_one(network, store, batch=2)
    pixels = board(300, 200)
    detector.begin(scan_of(pixels))
    for lines in range(1, 300, 13):
        detector.advance(lines)
    detector.finish(300)
    assert detector._feed.uploaded_bytes == pixels.nbytes


def with_golden(detector: Detector, pixels: Pixels, golden: Pixels | None, steps: int = 0) -> Detections:
    detector.begin(scan_of(pixels), golden)
    for lines in range(steps, len(pixels), steps) if steps else ():
        detector.advance(lines)
    return detector.finish(len(pixels))


def test_a_golden_board_that_never_changes_travels_once(
    trt: StandInTrt, cuda: StandInCuda, pair_network: Path, store: Path
) -> None:
    shared = open_detector(pair_network, "onnxruntime", min_confidence=0.25, overlap=OVERLAP)
    detector = open_one(pair_network, store, batch=2, golden_mib=1)
    first, second = freeze(board(320, 200, 11)), freeze(board(280, 200, 12))
    # As board and golden board come: the first, again, another, a buffer that others fill, none, and the first again.
    growing = read_only(board(300, 200, 13).copy())
    wanted = [(first, 300, 1), (first, 300, 0), (second, 280, 1), (growing, 300, 1), (None, 0, 0), (first, 300, 1)]
    total = 0
    for number, (golden, lines, travels) in enumerate(wanted):
        pixels = board(300, 200, number)
        want = with_golden(shared, pixels, golden)
        assert_same(with_golden(detector, pixels, golden, 41), want)
        assert detector._feed.uploaded_bytes == pixels.nbytes + travels * lines * 200
        total += len(want)
    assert total > 10
    before = cuda.allocations
    for golden in (first, growing, None, first):
        with_golden(detector, board(300, 200, 1), golden)
    assert cuda.allocations == before, "no memory is taken for what was seen before"
    detector.close()
    assert cuda.held == 0


def test_a_longer_board_brings_the_rest_of_its_golden_board(trt: StandInTrt, pair_network: Path, store: Path) -> None:
    shared = open_detector(pair_network, "onnxruntime", min_confidence=0.25, overlap=OVERLAP)
    detector = open_one(pair_network, store, batch=2)
    golden = freeze(board(400, 150, 21))
    sent = 0
    for lines in (100, 250, 90, 400, 400):
        pixels = board(lines, 150, lines)
        assert_same(with_golden(detector, pixels, golden, 64), with_golden(shared, pixels, golden))
        new, sent = max(0, lines - sent), max(sent, lines)
        assert detector._feed.uploaded_bytes == pixels.nbytes + new * 150


def test_an_aborted_board_leaves_its_golden_board_whole(trt: StandInTrt, pair_network: Path, store: Path) -> None:
    shared = open_detector(pair_network, "onnxruntime", min_confidence=0.25, overlap=OVERLAP)
    detector = open_one(pair_network, store, batch=2)
    golden, pixels = freeze(board(300, 200, 31)), board(300, 200, 32)
    detector.begin(scan_of(board(300, 200, 33)), golden)
    detector.advance(170)
    detector.abort()
    assert_same(with_golden(detector, pixels, golden), with_golden(shared, pixels, golden))


@pytest.mark.parametrize("reason", ["too large", "no room"])
def test_a_golden_board_that_does_not_fit_travels_with_every_board(
    trt: StandInTrt, cuda: StandInCuda, pair_network: Path, store: Path, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = open_detector(pair_network, "onnxruntime", min_confidence=0.25, overlap=OVERLAP)
    detector = open_one(pair_network, store, batch=2, golden_mib=0 if reason == "too large" else 64)
    golden = freeze(board(4000, 200, 41))
    if reason == "no room":
        monkeypatch.setattr(standin_cuda, "TOTAL", cuda.held + 300_000)
    for seed in range(2):
        pixels = board(300, 200, seed)
        assert_same(with_golden(detector, pixels, golden, 50), with_golden(shared, pixels, golden))
        assert detector._feed.uploaded_bytes == 2 * pixels.nbytes


def pinned(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    copy = pinned_allocator(pixels.nbytes).reshape(pixels.shape)
    copy[...] = pixels
    return copy


@pytest.mark.parametrize("steps", [0, 16])
@pytest.mark.parametrize("rgb", [False, True])
def test_a_pinned_board_of_one_tile_is_inspected_where_it_lies(
    trt: StandInTrt, cuda: StandInCuda, pair_network: Path, store: Path, rgb: bool, steps: int
) -> None:
    shared = open_detector(pair_network, "onnxruntime", min_confidence=0.25, overlap=OVERLAP)
    detector = open_one(pair_network, store, batch=2, golden_mib=1)
    golden = freeze(board(64, 64, 51))
    total = 0
    # Boards of other sizes come in between: each is read where it is, ring or not.
    boards = [(64, 64, 0), (40, 64, 0), (200, 64, 200), (64, 64, 0), (1, 64, 0), (64, 100, 64), (30, 50, 0)]
    for number, (lines, width, comes) in enumerate(12 * boards):
        pixels = pinned(board(lines, width, number, rgb))
        beside = golden if width == 64 else None
        want = with_golden(shared, pixels, beside, steps)
        found = with_golden(detector, pixels, beside, steps)
        assert_same(found, want)
        comes = lines if steps and lines > steps else comes  # lines that come one after the other are copied meanwhile
        # The golden board stays on the device until there is a board without one.
        new = 0 if number % len(boards) else 64 * 64
        assert detector._feed.uploaded_bytes == comes * width * (3 if rgb else 1) + new
        assert detector.latency_ms["tiles"] == max(1, -(-(lines - 16) // 48)) * (1 if width <= 64 else 2)
        total += len(want)
    assert total > 0


def test_only_whole_pinned_lines_are_read_where_they_lie(
    trt: StandInTrt, cuda: StandInCuda, network: Path, store: Path
) -> None:
    shared = open_detector(network, "onnxruntime", min_confidence=0.25, overlap=OVERLAP)
    detector = open_one(network, store, batch=2)
    wide = pinned(board(64, 128, 5))
    buffer = pinned_allocator(100 * 64).reshape(100, 64)
    buffer[36:] = board(64, 64, 6)
    for pixels, travels in ((wide[:, 10:74], True), (board(64, 64, 7), True), (buffer[36:], False)):
        assert_same(inspect(detector, pixels), inspect(shared, pixels))
        assert detector._feed.uploaded_bytes == travels * 64 * 64


def test_memory_that_was_given_back_is_pinned_no_more(cuda: StandInCuda) -> None:
    enter()
    first, second = pinned_allocator(1000), pinned_allocator(500)
    at, other = first.ctypes.data, second.ctypes.data
    assert is_pinned(at, 1000)
    assert is_pinned(at + 10, 990)
    assert not is_pinned(at + 10, 991)
    assert not is_pinned(at - 1, 10)
    part = first[5:]
    del first
    assert is_pinned(at, 1000), "an array still looks at it"
    del part
    assert not is_pinned(at, 1)
    assert is_pinned(other, 500)


def test_memory_given_back_while_more_is_taken_stops_nothing(cuda: StandInCuda) -> None:
    """The collector gives memory back wherever it happens to run: in the midst of taking and asking, too."""

    class Held:
        def __init__(self) -> None:
            self.itself, self.memory = self, pinned_allocator(256)

    kept: list[NDArray[np.uint8]] = []

    def take() -> None:
        enter()
        for _ in range(200):
            Held()
            kept.append(pinned_allocator(256))
            assert is_pinned(kept[-1].ctypes.data, 256)

    threshold = gc.get_threshold()
    gc.set_threshold(1)
    try:
        threads = [threading.Thread(target=take, daemon=True) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()
    finally:
        gc.set_threshold(*threshold)
    assert len(kept) == 400
    gc.collect()
    assert all(is_pinned(block.ctypes.data, 256) for block in kept)
    assert set(memory._starts) == set(memory._ends) >= set(cuda.pinned)


def test_lines_that_come_late_are_waited_for(trt: StandInTrt, network: Path, store: Path) -> None:
    """The buffer is filled while the board is inspected: nothing beyond the announced lines may be read."""
    detector = open_one(network, store)
    whole = board(300, 200, 9)
    want = inspect(detector, whole)
    growing = np.full_like(whole, 77)
    detector.begin(scan_of(growing))
    for lines in range(30, 301, 30):
        growing[lines - 30 : lines] = whole[lines - 30 : lines]
        detector.advance(lines)
    assert_same(detector.finish(300), want)


def test_the_same_scan_gives_the_same_bytes(trt: StandInTrt, network: Path, store: Path) -> None:
    detector = open_one(network, store)
    pixels = board(260, 180, 4)
    first, second = inspect(detector, pixels), inspect(detector, pixels, 17)
    assert first.boxes.tobytes() == second.boxes.tobytes()
    assert first.scores.tobytes() == second.scores.tobytes()


def test_an_aborted_board_leaves_nothing_behind(trt: StandInTrt, network: Path, store: Path) -> None:
    detector = open_one(network, store)
    want = inspect(detector, board(200, 150, 2))
    detector.begin(scan_of(board(300, 200, 1)))
    detector.advance(250)
    detector.abort()
    assert_same(inspect(detector, board(200, 150, 2)), want)


def test_a_lost_gpu_is_an_error_and_can_be_closed(
    trt: StandInTrt, cuda: StandInCuda, network: Path, store: Path
) -> None:
    detector = open_one(network, store)
    detector.begin(scan_of(board(300, 200)))
    cuda.lost = True
    with pytest.raises(GpuLost, match="the GPU is lost"):
        detector.finish(300)
    detector.abort()
    detector.close()
    detector.close()
    with pytest.raises(EngineError, match="closed"):
        detector.begin(scan_of(board(64, 64)))


def test_says_what_really_runs(trt: StandInTrt, network: Path, store: Path) -> None:
    detector = open_one(network, store)
    info = detector.info
    assert (info.runtime, info.precision, info.device) == (f"TensorRT {trt.__version__}", "fp32", "Stand-in GPU")
    assert len(info.sha256) == 64


@pytest.mark.parametrize(("tiles", "batch"), [(0, 4), (1, 4), (4, 4), (5, 4), (33, 8)])
def test_portions_are_even(tiles: int, batch: int) -> None:
    portions = _portions(tiles, batch)
    assert sum(n for _, n in portions) == tiles
    assert [s for s, _ in portions] == list(np.cumsum([0, *(n for _, n in portions)])[:-1][: len(portions)])
    assert all(n <= batch for _, n in portions)
    assert max((n for _, n in portions), default=0) - min((n for _, n in portions), default=0) <= 1


@pytest.mark.parametrize(("box", "seen"), [((0.2, 0.3, 0.6, 0.5), False), ((12, 20, 40, 30), True)])
def test_boxes_of_which_nothing_tells_that_they_are_pixels(
    box: tuple[float, ...], seen: bool, trt: StandInTrt, tmp_path: Path, store: Path
) -> None:
    rows = np.zeros((9, 6), np.float32)
    rows[0] = *box, 0.9, 0
    shapes = {"input_shape": ("batch", 1, 64, 64), "metadata": {"names": "['open']", "channels": "1"}}
    path = write_network(tmp_path / "rows.onnx", [("rows", rows, ("batch", 9, 6))], **shapes)  # type: ignore[arg-type]
    detector = open_one(path, store)
    model = detector.model
    detector.model = replace(model, head=replace(model.head, unit=None))
    if seen:
        assert len(inspect(detector, board(64, 200)))
    else:
        with pytest.raises(EngineError, match="look like shares"):
            inspect(detector, board(64, 200))
    detector.close()
