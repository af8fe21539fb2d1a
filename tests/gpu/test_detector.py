"""A real engine on a real GPU against ONNX Runtime on the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aoi_app.boards.draw import draw_window
from aoi_app.boards.spec import BoardSpec
from aoi_app.core.errors import AoiError
from aoi_app.core.protocols import MemorySample
from aoi_app.core.scan import Pixels
from aoi_app.inference.frozen import detect, scan_of
from aoi_app.inference.gate import GateLimits, lost_boxes, rows_are_identical
from aoi_app.inference.model import read_model
from aoi_app.inference.runtimes.table import open_detector
from aoi_app.inference.runtimes.tensorrt.detector import TensorRtDetector
from aoi_app.inference.runtimes.tensorrt.gpu.driver import driver
from aoi_app.inference.runtimes.tensorrt.gpu.memory import memory_info, pinned_allocator
from aoi_app.inference.runtimes.tensorrt.hardware import GpuFacts
from aoi_app.inference.runtimes.tensorrt.loader import TensorRt
from aoi_app.inference.runtimes.tensorrt.manifest import PlanAltered
from aoi_app.station.telemetry_nvml import open_monitor
from tests.gpu import rehearsal

MIB = 1024 * 1024


def gpus() -> int:
    """Return how many GPUs answer."""
    try:
        return int(driver().cuDeviceGetCount()[1])
    except AoiError:
        return 0


BOARDS, SWAPS = (5, 2) if rehearsal.asked() else (500, 20)
Options = dict[str, int | str]


def open_one(network: Path, options: Options, precision: str, **more: int) -> TensorRtDetector:
    return TensorRt().open(
        read_model(network), precision, {**options, **more}, lambda share, text: None, min_confidence=0.25, overlap=64
    )


def board(lines: int, width: int, seed: int = 0) -> tuple[Pixels, Pixels]:
    """Return a drawn board and its golden one, both in pinned memory."""
    many = lines * width // 40_000
    drawn = draw_window(BoardSpec(width=width, lines=lines, defects=(many, many)), seed)
    return pinned(drawn.image), pinned(drawn.golden)


def pinned(image: Pixels) -> Pixels:
    copy = pinned_allocator(image.nbytes).reshape(image.shape)
    copy[...] = image
    return copy


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_no_box_of_the_reference_is_lost(network: Path, options: Options, precision: str) -> None:
    reference = open_detector(network, "onnxruntime", min_confidence=0.25, overlap=64)
    detector = open_one(network, options, precision)
    expected = lost = 0
    for lines, width in ((640, 640), (900, 700), (300, 200), (1500, 2100)):
        scene = board(lines, width, lines)
        sure, gone, _ = lost_boxes(detect(reference, *scene), detect(detector, *scene), GateLimits())
        expected, lost = expected + sure, lost + gone
    detector.close()
    assert expected > 20
    assert lost == 0


def test_the_precision_is_read_back(network: Path, options: Options, gpu: GpuFacts) -> None:
    for precision in ("fp32", "fp16"):
        detector = open_one(network, options, precision)
        counts = detector.activation.engine.precision.counts
        assert next(iter(counts)) == precision, "what most layers compute in"
        assert precision in detector.info.precision.lower()
        assert detector.info.device == gpu.name
        detector.close()


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_same_scan_gives_the_same_bytes(network: Path, options: Options, precision: str) -> None:
    detector = open_one(network, options, precision)
    scene = board(1200, 1700, 5)
    found = [detect(detector, *scene) for _ in range(10)]
    detector.close()
    assert len(found[0]) > 5
    assert len({d.boxes.tobytes() + d.scores.tobytes() for d in found}) == 1


def test_identical_tiles_give_identical_rows(network: Path, options: Options) -> None:
    session = TensorRt().load(read_model(network), "fp16", options, lambda share, text: None)
    pixels, golden = board(640, 640)
    tile = np.stack([pixels, golden])[None].astype(np.float32) / 255
    assert rows_are_identical(session, tile, 8)
    session.close()


@pytest.mark.skipif(gpus() < 2, reason="there is no second GPU")
def test_a_second_gpu_finds_what_the_first_finds(network: Path, options: Options) -> None:
    first, second = (open_one(network, options, "fp32", device=index) for index in (0, 1))
    scene = board(1300, 900, 8)
    found, again = detect(first, *scene), detect(second, *scene)
    assert len(found) > 5 and lost_boxes(found, again, GateLimits())[1] == 0
    first.close()
    second.close()


def test_streaming_finds_what_the_whole_board_gives(network: Path, options: Options) -> None:
    detector = open_one(network, options, "fp16")
    pixels, golden = board(1300, 900, 8)
    whole = detect(detector, pixels, golden)

    detector.begin(scan_of(pixels), golden)
    for lines in range(37, 1300, 37):
        detector.advance(lines)
    streamed = detector.finish(1300)
    detector.close()
    assert whole.boxes.tobytes() == streamed.boxes.tobytes()


def test_not_one_byte_of_drift_over_boards(network: Path, options: Options) -> None:
    detector = open_one(network, options, "fp16", batch=8)
    scene = board(1000, 1000)
    for _ in range(20):
        detect(detector, *scene)
    before = memory_info()[0]
    for _ in range(BOARDS):
        detect(detector, *scene)
    assert memory_info()[0] == before
    detector.close()


def test_engine_swaps_leave_nothing_behind(network: Path, options: Options) -> None:
    scene = board(640, 640)

    def swap(precision: str) -> None:
        detector = open_one(network, options, precision, batch=4)
        detect(detector, *scene)
        detector.close()

    for precision in ("fp16", "fp32"):
        swap(precision)
    before = memory_info()[0]
    for number in range(SWAPS):
        swap(("fp16", "fp32")[number % 2])
    assert before - memory_info()[0] <= 2 * MIB


def test_an_altered_plan_is_refused_and_built_again(network: Path, options: Options) -> None:
    open_one(network, options, "fp32").close()
    plan = next(Path(str(options["store"])).glob("*fp32*.plan"))
    whole = plan.read_bytes()
    plan.write_bytes(whole[:1000] + bytes([whole[1000] ^ 1]) + whole[1001:])
    with pytest.raises(PlanAltered):
        open_one(network, options, "fp32", build=0)
    plan.write_bytes(whole)


def test_telemetry_of_the_device() -> None:
    monitor = open_monitor(period_s=0.05)
    sample: MemorySample = monitor.sample()
    monitor.close()
    assert sample.label.startswith("VRAM, NVIDIA")
    assert 0 < sample.used_mib < sample.total_mib
    assert sample.temperature_c is not None
    assert sample.temperature_c > 0
