"""What every runtime must do, whichever library is behind it."""

from __future__ import annotations

import gc
import importlib.util
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import psutil
import pytest
from numpy.typing import NDArray

from aoi_app.core.detection import Detections
from aoi_app.core.errors import BackendMissing, EngineError, ModelError
from aoi_app.inference.frozen import detect
from aoi_app.inference.gate import GateLimits, lost_boxes, rows_are_identical
from aoi_app.inference.model import Model, read_model
from aoi_app.inference.runtimes.base import Session
from aoi_app.inference.runtimes.onnxruntime import OnnxRuntime
from aoi_app.inference.runtimes.table import RUNTIMES, load_runtime, open_detector
from aoi_app.inference.yardstick import write_yardstick

from .conftest import MakeOnnx

SIDE = 64
LOCAL = [name for name, entry in RUNTIMES.items() if not entry.whole and not entry.remote]
CASES = [(name, precision) for name in LOCAL for precision in RUNTIMES[name].precisions]
TOLERANCE = {"fp32": (0.01, 1e-4), "fp16": (1.0, 0.05), "int8": (np.inf, np.inf)}
"""Median error of a box side, pixels, and largest of a score, against ONNX Runtime in FP32. INT8 on random weights says
nothing; the gate measures it on trained ones."""


def ignore(share: float, text: str) -> None:
    """Progress that nobody looks at."""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return read_model(write_yardstick(tmp_path_factory.mktemp("net") / "tiny.onnx", "tiny", size=SIDE, classes=3))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    noise = np.random.default_rng(0).integers(0, 255, (40, 40)).astype(np.uint8)
    cv2.imwrite(str(folder / "board.png"), cv2.resize(noise, (320, 320)))
    return folder


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AOI_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def load(name: str, model: Model, precision: str, images: Path, batch: int = 1) -> Session:
    entry = RUNTIMES[name]
    if not entry.available:
        pytest.skip(f"{entry.title} is not installed; {entry.install}")
    options: dict[str, int | str | float | bool] = {"batch": batch}
    if precision == "int8":
        options["calibration"] = str(images)
    try:
        return load_runtime(name).load(model, precision, options, ignore)
    except BackendMissing as error:
        pytest.skip(str(error))


def tiles(model: Model, count: int, seed: int = 1) -> NDArray[Any]:
    return np.random.default_rng(seed).random(model.input_shape(count)).astype(model.dtype)


@pytest.mark.parametrize(("name", "precision"), CASES)
def test_same_values_as_onnx_runtime_in_fp32(name: str, precision: str, network: Model, images: Path) -> None:
    batch = tiles(network, 1)
    wanted = OnnxRuntime().load(network, "fp32", {}, ignore).run(batch)[0]
    session = load(name, network, precision, images)
    found = session.run(batch)[0]
    assert found.shape == wanted.shape and np.isfinite(found).all()
    box, score = TOLERANCE[precision]
    assert np.median(np.abs(found[:, :4].astype(np.float32) - wanted[:, :4])) <= box
    assert np.abs(found[:, 4:].astype(np.float32) - wanted[:, 4:]).max() <= score
    assert session.info.precision and session.info.device
    if precision == "fp32":
        assert session.info.precision == "fp32"
    session.close()


@pytest.mark.parametrize("name", LOCAL)
def test_same_boxes_on_a_board_of_any_number_of_tiles(name: str, network: Model, images: Path) -> None:
    board = cv2.resize(np.random.default_rng(3).integers(0, 255, (30, 60)).astype(np.uint8), (330, 100))
    results: list[Detections] = []
    for runtime, batch in (("onnxruntime", 1), (name, 3)):
        load(runtime, network, "fp32", images, batch).close()  # skips where it cannot be had
        detector = open_detector(
            network.path, runtime, "fp32", min_confidence=0.3, overlap=16, options={"batch": batch}
        )
        results.append(detect(detector, np.asarray(board, np.uint8)))
        assert detector.latency_ms["tiles"] == 14  # seven a row: not a multiple of three
        detector.close()
    expected, lost, shift = lost_boxes(results[0], results[1], GateLimits(threshold=0.3, box_px=0.1))
    assert expected > 0 and lost == 0, f"{lost} of {expected} lost, {shift} px"


@pytest.mark.parametrize(("name", "precision"), CASES)
def test_identical_tiles_give_identical_rows(name: str, precision: str, network: Model, images: Path) -> None:
    session = load(name, network, precision, images, batch=3)
    assert rows_are_identical(session, tiles(network, 1), 3)
    session.close()


@pytest.mark.parametrize("name", LOCAL)
def test_a_view_is_as_good_as_an_array(name: str, network: Model, images: Path) -> None:
    session = load(name, network, "fp32", images, batch=2)
    whole = tiles(network, 4)
    view = whole[::2]
    assert not view.flags.c_contiguous
    wanted = np.array(session.run(np.ascontiguousarray(view))[0])
    np.testing.assert_array_equal(session.run(view)[0], wanted)
    session.close()


@pytest.mark.parametrize("name", LOCAL)
def test_two_engines_in_one_program(name: str, network: Model, images: Path, tmp_path: Path) -> None:
    other = read_model(write_yardstick(tmp_path / "other.onnx", "tiny", size=96, classes=2))
    first, second = load(name, network, "fp32", images), load(name, other, "fp32", images)
    one, two = tiles(network, 1), tiles(other, 1)
    alone = [np.array(first.run(one)[0]), np.array(second.run(two)[0])]
    for _ in range(3):
        np.testing.assert_array_equal(first.run(one)[0], alone[0])
        np.testing.assert_array_equal(second.run(two)[0], alone[1])
    first.close()
    np.testing.assert_array_equal(second.run(two)[0], alone[1])
    second.close()


@pytest.mark.parametrize("name", LOCAL)
def test_fifty_loads_leave_nothing_behind(name: str, make_onnx: MakeOnnx, images: Path) -> None:
    values = np.zeros((6, 84), np.float32)
    path = make_onnx([("output0", values, (1, 6, 84))], input_shape=(1, 3, 64, 64), metadata={"names": "['a', 'b']"})
    model = read_model(path)
    process = psutil.Process()
    before = 0
    for round_ in range(50):
        session = load(name, model, "fp32", images)
        session.run(tiles(model, 1))
        session.close()
        session.close()
        if round_ == 9:
            gc.collect()
            before = process.memory_info().rss
    gc.collect()
    assert process.memory_info().rss - before < 24 * 2**20


@pytest.mark.parametrize("name", LOCAL)
def test_a_freed_engine_says_so(name: str, network: Model, images: Path) -> None:
    session = load(name, network, "fp32", images)
    session.close()
    with pytest.raises(EngineError, match="freed"):
        session.run(tiles(network, 1))


@pytest.mark.parametrize("name", LOCAL)
def test_a_wrong_shape_is_an_error_and_not_the_end(name: str, network: Model, images: Path) -> None:
    session = load(name, network, "fp32", images)
    with pytest.raises(EngineError):
        session.run(np.zeros((1, 3, SIDE, SIDE + 32), np.float32))
    assert session.run(tiles(network, 1))[0].shape == (1, 7, 84)
    session.close()


@pytest.mark.parametrize("name", LOCAL)
def test_a_foreign_operator_is_refused_by_name(name: str, make_onnx: MakeOnnx, images: Path) -> None:
    values = np.zeros((6, 84), np.float32)
    path = make_onnx([("output0", values, (1, 6, 84))], input_shape=(1, 3, 64, 64), metadata={"names": "['a', 'b']"})
    proto = onnx.load(str(path))
    node = next(n for n in proto.graph.node if n.op_type == "Add")
    node.op_type, node.domain = "SecretSauce", "somebody"
    proto.opset_import.append(onnx.helper.make_opsetid("somebody", 1))
    onnx.save(proto, str(path))
    with pytest.raises(ModelError, match=r"SecretSauce|somebody"):
        load(name, read_model(path), "fp32", images)


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_missing_library_is_named_with_the_line_that_installs_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: None)
    with pytest.raises(BackendMissing) as caught:
        load_runtime(name)
    assert RUNTIMES[name].title in caught.value.what and RUNTIMES[name].install in caught.value.hint


@pytest.mark.parametrize("name", LOCAL)
def test_an_unknown_option_is_refused(name: str, network: Model) -> None:
    if not RUNTIMES[name].available:
        pytest.skip(f"not installed; {RUNTIMES[name].install}")
    with pytest.raises(EngineError, match="no option speed"):
        load_runtime(name).load(network, "fp32", {"speed": 11}, ignore)
