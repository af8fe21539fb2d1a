"""Pairs of their own for TensorRT: other nodes, the same numbers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from aoi_app.inference.model import read_model
from aoi_app.inference.onnx_file import load_proto
from aoi_app.inference.precision import in_precision
from aoi_app.inference.runtimes.ort_library import open_session
from aoi_app.inference.runtimes.tensorrt.builder import network_bytes
from aoi_app.inference.runtimes.tensorrt.pairs import separate_pairs
from tests.inference.tensorrt.conftest import SIZE

cv2 = pytest.importorskip("cv2")


@pytest.fixture
def quantised(network: Path, tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (4 * SIZE, 4 * SIZE), np.uint8)
    cv2.imwrite(str(tmp_path / "board.png"), cv2.GaussianBlur(pixels, (5, 5), 0))
    return in_precision(read_model(network), "int8", images=(tmp_path,), cache=tmp_path / "cache").model.path


def readers(proto: onnx.ModelProto) -> Counter[str]:
    used = Counter(name for node in proto.graph.node for name in node.input)
    used.update(output.name for output in proto.graph.output)
    return used


def test_every_rounded_tensor_has_one_reader_and_every_weight_a_pair(quantised: Path) -> None:
    before, after = load_proto(quantised), onnx.load_model_from_string(network_bytes(quantised))
    shared = [n for n in before.graph.node if n.op_type == "DequantizeLinear" and readers(before)[n.output[0]] > 1]
    assert shared, "the file shares some"
    made = {name: node for node in after.graph.node for name in node.output}
    for node in after.graph.node:
        if node.op_type == "DequantizeLinear":
            assert readers(after)[node.output[0]] == 1
            assert made[node.input[0]].op_type == "QuantizeLinear"
            assert readers(after)[node.input[0]] == 1
    assert not [t for t in after.graph.initializer if t.data_type == TensorProto.INT8 and len(t.dims) > 1]
    onnx.checker.check_model(after)


def test_nodes_that_shall_read_plain_values_do_and_nothing_is_left_over(quantised: Path) -> None:
    before = onnx.load_model_from_string(network_bytes(quantised))
    after = onnx.load_model_from_string(network_bytes(quantised, ("Add",)))
    made = {name: node for node in after.graph.node for name in node.output}
    inputs = [
        made[name].op_type for node in after.graph.node if node.op_type == "Add" for name in node.input if name in made
    ]
    assert inputs and "DequantizeLinear" not in inputs
    assert Counter(n.op_type for n in after.graph.node)["QuantizeLinear"] < len(
        [n for n in before.graph.node if n.op_type == "QuantizeLinear"]
    )
    used = readers(after)
    assert all(used[name] for node in after.graph.node for name in node.output)
    assert {t.name for t in after.graph.initializer} <= set(used)
    onnx.checker.check_model(after)
    tiles = np.random.default_rng(1).random((2, 1, SIZE, SIZE), np.float32)
    rough, finer = (
        open_session(p.SerializeToString(), 1, level="none").run(None, {"images": tiles})[0] for p in (before, after)
    )
    assert np.abs(rough - finer).max() < 0.2 * np.abs(rough).max()


def test_the_numbers_are_those_of_the_file(quantised: Path) -> None:
    tiles = np.random.default_rng(1).random((2, 1, SIZE, SIZE), np.float32)
    found = []
    for data in (load_proto(quantised).SerializeToString(), network_bytes(quantised)):
        session = open_session(data, 1, level="none")
        found.append(session.run(None, {"images": tiles})[0])
    np.testing.assert_array_equal(found[0], found[1])


def test_a_network_without_roundings_stays_as_it_is(network: Path) -> None:
    proto = load_proto(network)
    before = proto.SerializeToString(deterministic=True)
    assert separate_pairs(proto) == 0
    assert proto.SerializeToString(deterministic=True) == before


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_weights_of_one_scale_or_of_one_each(axis: int | None) -> None:
    """A node that reads one tensor twice, and an output of the network that is read inside, too."""
    random = np.random.default_rng(2)
    scales = np.float32(0.1) if axis is None else random.random(4).astype(np.float32) + 0.01
    integers = random.integers(-128, 128, (4, 4)).astype(np.int8)
    weights = {
        "w": integers,
        "s": np.asarray(scales, np.float32),
        "z": np.zeros_like(scales, np.int8),
        "xs": np.float32(0.05),
        "xz": np.int8(0),
    }
    back = helper.make_node("DequantizeLinear", ["w", "s", "z"], ["wf"])
    if axis is not None:
        back.attribute.append(helper.make_attribute("axis", axis))
    nodes = [
        back,
        helper.make_node("QuantizeLinear", ["x", "xs", "xz"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "xs", "xz"], ["xf"]),
        helper.make_node("MatMul", ["xf", "wf"], ["m"]),
        helper.make_node("Mul", ["xf", "xf"], ["squared"]),
        helper.make_node("Add", ["m", "squared"], ["y"]),
    ]
    value = helper.make_tensor_value_info
    outputs = [value("y", TensorProto.FLOAT, [3, 4]), value("xf", TensorProto.FLOAT, [3, 4])]
    held = [numpy_helper.from_array(np.asarray(v), k) for k, v in weights.items()]
    graph = helper.make_graph(nodes, "net", [value("x", TensorProto.FLOAT, [3, 4])], outputs, held)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    x = random.normal(0, 2, (3, 4)).astype(np.float32)
    want = open_session(proto.SerializeToString(), 1, level="none").run(None, {"x": x})
    assert separate_pairs(proto) == 4, "three readers beside the output, and the weight"
    onnx.checker.check_model(proto)
    found = open_session(proto.SerializeToString(), 1, level="none").run(None, {"x": x})
    for a, b in zip(want, found, strict=True):
        np.testing.assert_array_equal(a, b)
