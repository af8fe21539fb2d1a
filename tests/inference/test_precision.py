"""FP16 and INT8 files: right types, right values, made once, refused where they cannot be."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from aoi_app.core.errors import EngineError, ModelError
from aoi_app.inference.card import METADATA_KEY
from aoi_app.inference.half import to_half
from aoi_app.inference.model import Model, read_model
from aoi_app.inference.onnx_file import weight_types
from aoi_app.inference.overflow import overflowing
from aoi_app.inference.precision import in_precision
from aoi_app.inference.quantise import _quiet
from aoi_app.inference.runtimes.onnxruntime import OnnxRuntime
from aoi_app.inference.runtimes.ort_library import run_once
from aoi_app.inference.yardstick import write_yardstick

SIDE = 64


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return read_model(write_yardstick(tmp_path_factory.mktemp("net") / "tiny.onnx", "tiny", size=SIDE, classes=3))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(2):
        board = cv2.resize(random.integers(0, 255, (40, 40)).astype(np.uint8), (320, 256))
        cv2.imwrite(str(folder / f"{number}.png"), board)
    return folder


def ignore(share: float, text: str) -> None:
    """Progress that nobody looks at."""


def run(model: Model, precision: str, images: Path, batch: NDArray[Any]) -> tuple[NDArray[Any], str]:
    session = OnnxRuntime().load(model, precision, {"calibration": str(images)}, ignore)
    return session.run(batch)[0].copy(), session.info.precision


def test_fp16_keeps_inputs_outputs_and_decoding_in_fp32(network: Model, tmp_path: Path) -> None:
    file = in_precision(network, "fp16", cache=tmp_path)
    proto = onnx.load(str(file.model.path))
    onnx.checker.check_model(proto, full_check=True)
    assert weight_types(file.model.path) <= {"float16", "float"}
    kinds = {v.name: v.type.tensor_type.elem_type for v in (*proto.graph.input, *proto.graph.output)}
    assert set(kinds.values()) == {TensorProto.FLOAT}
    casts = [n.input[0] for n in proto.graph.node if n.op_type == "Cast"]
    assert len(casts) == len(set(casts)), "one cast a tensor"
    again = read_model(file.model.path)
    assert (again.head, again.class_names, again.card.input) == (network.head, network.class_names, network.card.input)


@pytest.mark.parametrize("tiles", [1, 3])
def test_fp16_finds_what_fp32_finds(network: Model, tiles: int, tmp_path: Path) -> None:
    batch = np.random.default_rng(1).random(network.input_shape(tiles)).astype(np.float32)
    single = run_once(network.path, {network.input_name: batch})
    half = run_once(in_precision(network, "fp16", cache=tmp_path).model.path, {network.input_name: batch})
    for name, values in single.items():
        assert half[name].dtype == np.float32
        np.testing.assert_allclose(half[name][:, 4:], values[:, 4:], atol=0.02)
        assert np.median(np.abs(half[name][:, :4] - values[:, :4])) < 0.1


def test_int8_is_calibrated_made_once_and_runs_as_int8(
    network: Model, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AOI_CACHE", str(tmp_path / "cache"))
    heard: list[str] = []
    made = in_precision(network, "int8", images=[images], progress=lambda share, text: heard.append(text))
    assert any("calibrating" in text for text in heard)
    stamp = made.model.path.stat().st_mtime_ns
    assert in_precision(network, "int8", images=[images]).model.path.stat().st_mtime_ns == stamp
    proto = onnx.load(str(made.model.path))
    kinds = {t.name: t.data_type for t in proto.graph.initializer}
    zero_points = {kinds[n.input[2]] for n in proto.graph.node if n.op_type == "QuantizeLinear"}
    assert zero_points == {TensorProto.INT8}, "signed, as TensorRT wants it"
    assert METADATA_KEY in {p.key for p in proto.metadata_props}
    batch = np.random.default_rng(1).random(network.input_shape(1)).astype(np.float32)
    plain = run_once(made.model.path, {network.input_name: batch})["output0"]
    # Weights of 8 bits on every processor: ONNX Runtime adds them up rightly, only slower on some.
    monkeypatch.setattr("aoi_app.inference.runtimes.onnxruntime._clips", lambda provider: False)
    values, ran = run(network, "int8", images, batch)
    assert "int8" in ran.lower()
    np.testing.assert_allclose(values, plain, atol=2.0)  # the shift to unsigned changes rounding at most


def test_int8_without_images_is_refused(network: Model, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="0 tiles were found"):
        in_precision(network, "int8", images=[tmp_path], cache=tmp_path / "cache")
    assert not list(tmp_path.rglob("*.onnx")) and not list(tmp_path.rglob("*.tmp"))


def test_a_cancelled_calibration_leaves_nothing(network: Model, images: Path, tmp_path: Path) -> None:
    class Cancelled(Exception):
        pass

    def cancel(share: float, text: str) -> None:
        if "calibrating" in text:
            raise Cancelled

    with pytest.raises(Cancelled):
        in_precision(network, "int8", images=[images], progress=cancel, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache" / "precision").iterdir())


def test_an_unknown_precision_and_a_half_file(network: Model, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no precision called 'fp8'"):
        in_precision(network, "fp8", cache=tmp_path)
    half = in_precision(network, "fp16", cache=tmp_path).model
    assert in_precision(half, "fp16", cache=tmp_path).model.path == half.path
    _, ran = run(network, "fp16", tmp_path, np.zeros(network.input_shape(1), np.float32))
    assert ran == "fp32", "a CPU that computes in FP32 says so"


def test_a_tensor_that_would_overflow_stays_fp32(tmp_path: Path) -> None:
    path = write_yardstick(tmp_path / "tiny.onnx", "tiny", size=SIDE, classes=3)
    proto = onnx.load(str(path))
    loud = next(n for n in proto.graph.node if n.op_type == "Conv").output[0]
    reader = next(n for n in proto.graph.node if loud in n.input)
    # A million times louder and back again: harmless in FP32, infinite in FP16.
    proto.graph.initializer.append(numpy_helper.from_array(np.array(1e6, np.float32), "million"))
    nodes = [
        helper.make_node("Mul", [loud, "million"], ["shout"]),
        helper.make_node("Div", ["shout", "million"], ["whisper"]),
    ]
    for position, name in enumerate(reader.input):
        if name == loud:
            reader.input[position] = "whisper"
    place = list(proto.graph.node).index(reader)
    for offset, node in enumerate(nodes):
        proto.graph.node.insert(place + offset, node)
    onnx.save(proto, str(path))
    model = read_model(path)
    assert overflowing(onnx.load(str(path)), model) == {"shout", "million"}
    batch = np.random.default_rng(1).random(model.input_shape(1)).astype(np.float32)
    made = in_precision(model, "fp16", cache=tmp_path)
    single, half = (run_once(p, {model.input_name: batch})["output0"] for p in (path, made.model.path))
    assert np.isfinite(half).all()
    np.testing.assert_allclose(half[:, 4:], single[:, 4:], atol=0.02)


def mixed_graph() -> onnx.ModelProto:
    """A graph with what goes wrong: large weights, two readers of a tensor, a resize, a constant, shapes."""
    make = helper.make_node
    nodes = [
        make("Constant", [], ["two"], value=numpy_helper.from_array(np.array(2, np.float32))),
        make("Conv", ["x", "w"], ["a"]),
        make("Mul", ["a", "two"], ["b"]),
        make("Shape", ["b"], ["shape"]),
        make("Resize", ["b", "", "scales"], ["c"], mode="nearest"),
        make("Exp", ["c"], ["e"]),
        make("Conv", ["e", "w2"], ["d"]),
        make("Reshape", ["d", "flat"], ["f"]),
        make("Add", ["f", "big"], ["y"]),
        make("Cast", ["shape"], ["shape_float"], to=TensorProto.FLOAT),
    ]
    random = np.random.default_rng(0)
    weights: dict[str, NDArray[Any]] = {
        "w": random.normal(0, 0.1, (2, 1, 1, 1)).astype(np.float32),
        "w2": np.array([[[[1e6]], [[1.0]]]], np.float32),
        "scales": np.array([1, 1, 2, 2], np.float32),
        "flat": np.array([0, -1], np.int64),
        "big": np.array([1e6], np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "mixed",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, 4, 4])],
        [
            helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 64]),
            helper.make_tensor_value_info("b", TensorProto.FLOAT, ["n", 2, 4, 4]),
            helper.make_tensor_value_info("shape_float", TensorProto.FLOAT, [4]),
        ],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_mixed_precision_is_well_typed_and_outputs_keep_their_names(tmp_path: Path) -> None:
    half = to_half(mixed_graph())
    onnx.checker.check_model(half, full_check=True)
    weights = {t.name: numpy_helper.to_array(t) for t in half.graph.initializer}
    assert weights["w2_as_half"].dtype == np.float16 and weights["w2_as_half"].max() == 65504
    assert weights["big"].dtype == np.float32 and weights["scales"].dtype == np.float32
    types = {v.name: v.type.tensor_type.elem_type for v in onnx.shape_inference.infer_shapes(half).graph.value_info}
    assert types["a"] == TensorProto.FLOAT16 and types["e"] == TensorProto.FLOAT and types["d"] == TensorProto.FLOAT16
    onnx.save(half, str(tmp_path / "half.onnx"))
    x = np.random.default_rng(1).random((3, 1, 4, 4)).astype(np.float32)
    onnx.save(mixed_graph(), str(tmp_path / "single.onnx"))
    wanted, found = (run_once(tmp_path / f"{name}.onnx", {"x": x}) for name in ("single", "half"))
    np.testing.assert_allclose(found["b"], wanted["b"], atol=1e-3)
    np.testing.assert_array_equal(found["shape_float"], wanted["shape_float"])


def test_tensors_named_by_the_caller_stay_fp32() -> None:
    half = to_half(mixed_graph(), keep_fp32={"a"})
    assert "w" in {t.name for t in half.graph.initializer}
    onnx.checker.check_model(half, full_check=True)


def test_a_graph_whose_types_are_unknown_is_refused() -> None:
    proto = mixed_graph()
    proto.graph.node[0].op_type, proto.graph.node[0].domain = "Secret", "nobody"
    proto.opset_import.append(helper.make_opsetid("nobody", 1))
    with pytest.raises(ModelError, match="not known, such as"):
        to_half(proto)


def test_only_the_thread_that_calibrates_is_quiet(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    def talk(who: str) -> None:
        print(f"{who} prints")
        logging.warning("%s warns", who)

    with _quiet():
        talk("the library")
        other = threading.Thread(target=talk, args=("the line",))
        other.start()
        other.join()
    assert capsys.readouterr().out == "the line prints\n"
    assert caplog.messages == ["the line warns"]
