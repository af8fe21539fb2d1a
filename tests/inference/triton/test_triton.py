"""A real Triton server: the same boxes as here, and no board lost when it is killed, slow or wrong."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from aoi_app.core.errors import EngineError
from aoi_app.core.scan import Pixels
from aoi_app.inference.admission import open_admitted
from aoi_app.inference.frozen import FrozenBoard, detect, scan_of
from aoi_app.inference.gate import GateLimits
from aoi_app.inference.model import Model, read_model
from aoi_app.inference.precision import PrecisionFile
from aoi_app.inference.runtimes.base import Options
from aoi_app.inference.runtimes.table import load_runtime, open_detector
from aoi_app.inference.runtimes.triton import Triton
from aoi_app.inference.runtimes.triton_client import ServerSilent, ServerWrong
from aoi_app.inference.runtimes.triton_export import ServerPlan, config_text
from aoi_app.inference.streaming import StreamingDetector
from aoi_app.inference.yardstick import write_yardstick

from .server import Server, environment

pytest.importorskip("tritonclient.grpc", reason="not installed")

SIDE = 64


def ignore(share: float, text: str) -> None:
    """Progress that nobody looks at."""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return read_model(write_yardstick(tmp_path_factory.mktemp("net") / "tiny.onnx", "tiny", size=SIDE, classes=3))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return read_model(write_yardstick(tmp_path_factory.mktemp("net") / "tiny.onnx", "tiny", size=96, classes=3))


@pytest.fixture(scope="module")
def board() -> Pixels:
    noise = np.random.default_rng(3).integers(0, 255, (60, 60)).astype(np.uint8)
    return np.asarray(cv2.resize(noise, (330, 330)), np.uint8)


@pytest.fixture(scope="module")
def running(network: Model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(environment(), tmp_path_factory.mktemp("server"), network)
    yield server
    server.kill()


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    running.mend()
    running.start()
    yield running
    running.mend()


Open = Callable[..., StreamingDetector]


@pytest.fixture
def open_remote(network: Model, server: Server) -> Iterator[Open]:
    opened: list[StreamingDetector] = []

    def make(**options: object) -> StreamingDetector:
        chosen: Options = {"url": server.url, "batch": 4, "ask_again_s": 0.0, **options}  # type: ignore[dict-item]
        detector = open_detector(network.path, "triton", "fp32", min_confidence=0.3, overlap=16, options=chosen)
        assert isinstance(detector, StreamingDetector)
        opened.append(detector)
        return detector

    yield make
    for detector in opened:
        detector.close()


def local(network: Model, board: Pixels) -> NDArray[np.float32]:
    detector = open_detector(network.path, "onnxruntime", "fp32", min_confidence=0.3, overlap=16)
    found = detect(detector, board)
    detector.close()
    assert len(found) > 2
    return np.sort(found.boxes, axis=0)


@pytest.mark.parametrize("shared", ["on", "off"])
def test_same_boxes_as_here(shared: str, open_remote: Open, network: Model, board: Pixels) -> None:
    detector = open_remote(shared_memory=shared, local="")
    assert detector.info.runtime == "Triton" and detector.info.detail == ""
    assert detector.info.sha256 == network.sha256
    found = detect(detector, board)
    np.testing.assert_allclose(np.sort(found.boxes, axis=0), local(network, board), atol=0.01)
    again = detect(detector, board)
    np.testing.assert_array_equal(found.boxes, again.boxes)


def test_a_server_killed_in_the_middle_of_a_board_costs_no_board(
    open_remote: Open, server: Server, network: Model, board: Pixels, caplog: pytest.LogCaptureFixture
) -> None:
    detector = open_remote()
    detector.begin(scan_of(board))
    with caplog.at_level(logging.WARNING):
        detector.advance(150)
        server.kill()
        found = detector.finish(len(board))
    np.testing.assert_allclose(np.sort(found.boxes, axis=0), local(network, board), atol=0.01)
    assert "does not answer" in caplog.text and "ONNX Runtime computes" in caplog.text
    assert detector.info.runtime == "ONNX Runtime" and "in place of the server" in detector.info.detail
    server.start()
    with caplog.at_level(logging.WARNING):
        found = detect(detector, board)
    assert detector.info.runtime == "Triton" and "is back after" in caplog.text
    np.testing.assert_allclose(np.sort(found.boxes, axis=0), local(network, board), atol=0.01)


def test_a_slow_server_is_not_waited_for(
    open_remote: Open, server: Server, network: Model, board: Pixels, caplog: pytest.LogCaptureFixture
) -> None:
    detector = open_remote(timeout_s=0.5, ask_again_s=60.0)
    server.fault("slow", "3")
    with caplog.at_level(logging.WARNING):
        found = detect(detector, board)
    assert "does not answer" in caplog.text
    np.testing.assert_allclose(np.sort(found.boxes, axis=0), local(network, board), atol=0.01)


def test_an_empty_reply_is_an_error_and_never_an_empty_board(open_remote: Open, server: Server, board: Pixels) -> None:
    detector = open_remote()
    server.fault("empty")
    with pytest.raises(ServerWrong, match="is empty"):
        detect(detector, board)


def test_a_reply_of_a_wrong_shape_is_an_error_and_no_lost_boxes(
    open_remote: Open, server: Server, board: Pixels
) -> None:
    detector = open_remote()
    server.fault("short")
    with pytest.raises(ServerWrong, match=r"has the shape \(1, 7, 83\), not \(1, 7, 84\)"):
        detect(detector, board)


def test_a_server_started_again_between_two_boards_is_met_anew(
    open_remote: Open, server: Server, network: Model, board: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aoi_app.inference.runtimes.triton_client._CHECK_S", 0.0)
    detector = open_remote(local="", shared_memory="on", timeout_s=20.0)
    before = detect(detector, board)
    server.kill()
    server.start()  # it has forgotten the shared memory
    np.testing.assert_array_equal(detect(detector, board).boxes, before.boxes)
    config = server.version.parent / "config.pbtxt"
    right = config.read_text()
    server.kill()
    try:
        config.write_text(right.replace(network.sha256, "0" * 64))
        server.start()
        with pytest.raises(ServerWrong, match="runs another file"):
            detect(detector, board)
    finally:
        server.kill()
        config.write_text(right)


def test_another_model_is_refused(server: Server, network: Model, other: Model, tmp_path: Path) -> None:
    options: Options = {"url": server.url, "local": ""}
    with pytest.raises(ServerWrong, match=r"takes images FP32 .*64, 64.*takes images .*96, 96"):
        Triton().load(other, "fp32", options, ignore)
    with pytest.raises(EngineError, match="nobody"):
        Triton().load(network, "fp32", {**options, "model": "nobody"}, ignore)
    altered = tmp_path / "tiny.onnx"
    altered.write_bytes(network.path.read_bytes() + b"\x1a\x00")  # a valid file with another hash
    with pytest.raises(ServerWrong, match="another file"):
        Triton().load(read_model(altered), "fp32", options, ignore)


def test_nobody_there(network: Model, board: Pixels, caplog: pytest.LogCaptureFixture) -> None:
    options: Options = {"url": "127.0.0.1:9", "timeout_s": 0.3}
    with pytest.raises(ServerSilent, match="does not answer"):
        Triton().load(network, "fp32", {**options, "local": ""}, ignore)
    with caplog.at_level(logging.WARNING):
        session = Triton().load(network, "fp32", options, ignore)
    assert "ONNX Runtime computes" in caplog.text and session.info.runtime == "ONNX Runtime"
    assert session.run(np.zeros(network.input_shape(2), np.float32))[0].shape == (2, 7, 84)
    session.close()


def test_a_silent_server_is_not_admitted_on_the_word_of_its_stand_in(
    network: Model, board: Pixels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AOI_CACHE", str(tmp_path / "cache"))
    cv2.imwrite(str(tmp_path / "a.png"), board)

    def admit(precision: str) -> str:
        detector, certificate = open_admitted(
            network.path, "triton", precision, lambda: (FrozenBoard(tmp_path / "a.png"),), GateLimits(threshold=0.3),
            min_confidence=0.3, overlap=16, options={"url": "127.0.0.1:9", "timeout_s": 0.3},
        )  # fmt: skip
        detector.close()
        return str(certificate)

    assert "admitted" in admit("fp32"), "the very network that the gate compares with, told by its hash"
    with pytest.raises(EngineError, match="was silent while its fp16 was to be compared"):
        admit("fp16")


def test_a_server_that_nobody_knows_is_not_taken_back(
    network: Model, server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("aoi_app.inference.runtimes.triton_client.HASH_PARAMETER", "what it runs is told nowhere")
    server.kill()
    options: Options = {"url": server.url, "ask_again_s": 0.0, "timeout_s": 1.0}
    session = Triton().load(network, "fp32", options, ignore)
    server.start()
    tile = np.zeros(network.input_shape(1), np.float32)
    with caplog.at_level(logging.WARNING):
        session.run(tile)
        session.run(tile)
    assert session.info.runtime == "ONNX Runtime" and session.info.stand_in
    # a station of an earlier test, until it is collected, says it once more in the name of its journal
    said = [r.getMessage() for r in caplog.records if r.name.startswith("aoi_app.inference")]
    assert sum("was never compared" in text for text in said) == 1
    session.close()


def test_settings_are_checked(network: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AOI_TEST_TOKEN", raising=False)
    with pytest.raises(EngineError, match="AOI_TEST_TOKEN"):
        Triton().load(network, "fp32", {"token": "AOI_TEST_TOKEN"}, ignore)
    with pytest.raises(EngineError, match="runs on a server itself"):
        Triton().load(network, "fp32", {"local": "triton"}, ignore)
    with pytest.raises(EngineError, match="no option speed"):
        load_runtime("triton").load(network, "fp32", {"speed": 1}, ignore)


@pytest.mark.parametrize("batch", [None, 4])
def test_the_configuration_is_what_a_server_reads(batch: int | None, tmp_path: Path) -> None:
    from google.protobuf import text_format
    from tritonclient.grpc import model_config_pb2

    model = read_model(write_yardstick(tmp_path / "tiny.onnx", "tiny", size=SIDE, classes=3, batch=batch))
    text = config_text(PrecisionFile(model, model, "fp32"), ServerPlan(instances=2, max_batch=8), tensorrt=False)
    config = text_format.Parse(text, model_config_pb2.ModelConfig())
    assert config.max_batch_size == (8 if batch is None else 0)
    assert list(config.input[0].dims) == ([3, SIDE, SIDE] if batch is None else [4, 3, SIDE, SIDE])
    assert config.HasField("dynamic_batching") == (batch is None)
    assert config.instance_group[0].count == 2
    assert config.parameters["aoi.sha256"].string_value == model.sha256


if sys.platform == "win32":
    pytest.skip("there is no Triton server for Windows", allow_module_level=True)
