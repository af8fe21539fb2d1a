"""INT8 networks of convolutions and Relus: what is rounded where, and how far it lies from FP32."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnxruntime import quantization

from aoi_app.inference.onnx_file import load_proto
from aoi_app.inference.quantise import unsigned_activations
from aoi_app.inference.rectifiers import drop_rectifiers, join_rectifiers
from aoi_app.inference.runtimes.ort_library import open_session

CHANNELS, SIZE, LAYERS = 8, 24, 5


def network(path: Path) -> Path:
    """Convolutions, each but the last followed by a Relu; one Relu is read twice, around a shortcut."""
    random, make = np.random.default_rng(0), onnx.helper
    nodes, weights, source = [], [], "in"
    for number in range(LAYERS):
        kernel = random.normal(0, 0.17, (CHANNELS, CHANNELS, 3, 3)).astype(np.float32)
        weights.append(onnx.numpy_helper.from_array(kernel, f"w{number}"))
        nodes.append(make.make_node("Conv", [source, f"w{number}"], [f"c{number}"], f"conv{number}", pads=[1] * 4))
        source = f"c{number}"
        if number < LAYERS - 1:
            nodes.append(make.make_node("Relu", [source], [f"r{number}"], f"relu{number}"))
            source = f"r{number}"
        if number == 2:
            nodes.append(make.make_node("Add", ["r1", source], ["sum"], "add"))
            source = "sum"
    shape = [1, CHANNELS, SIZE, SIZE]
    ends = [make.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name in ("in", source)]
    graph = make.make_graph(nodes, "net", ends[:1], ends[1:], weights)
    onnx.save(make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8), str(path))
    return path


def pictures(count: int, seed: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.normal(0, 1, (1, CHANNELS, SIZE, SIZE)).astype(np.float32) for _ in range(count)]


class Reader(quantization.CalibrationDataReader):
    def __init__(self) -> None:
        self._left = iter(pictures(8, 1))

    def get_next(self) -> dict[str, np.ndarray] | None:
        picture = next(self._left, None)
        return None if picture is None else {"in": picture}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("relu")
    plain = network(folder / "net.onnx")
    quantization.quantize_static(
        str(plain),
        str(folder / "int8.onnx"),
        Reader(),
        op_types_to_quantize=["Conv", "Add"],
        per_channel=True,
        activation_type=quantization.QuantType.QInt8,
        weight_type=quantization.QuantType.QInt8,
        extra_options={"ActivationSymmetric": True, "WeightSymmetric": True, "QuantizeBias": False},
    )
    return plain, folder / "int8.onnx"


def outputs(network: Path | bytes) -> np.ndarray:
    session = open_session(network, 1)
    return np.concatenate([session.run(None, {"in": picture})[0] for picture in pictures(4, 2)])


def kinds(proto: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in proto.graph.node)


def test_nothing_is_rounded_between_a_convolution_and_its_relu(files: tuple[Path, Path]) -> None:
    plain, rounded = files
    joined = load_proto(rounded)
    before = kinds(joined)
    assert join_rectifiers(joined) == LAYERS - 1
    onnx.checker.check_model(joined)
    after = kinds(joined)
    assert after["QuantizeLinear"] == before["QuantizeLinear"] - (LAYERS - 1)
    assert after["Relu"] == before["Relu"]
    made = {name: node for node in joined.graph.node for name in node.output}
    assert {made[n.input[0]].op_type for n in joined.graph.node if n.op_type == "Relu"} == {"Conv"}
    wanted = outputs(plain)
    assert np.abs(outputs(joined.SerializeToString()) - wanted).mean() < np.abs(outputs(rounded) - wanted).mean()


def test_processors_need_no_relu(files: tuple[Path, Path]) -> None:
    plain, rounded = files
    joined = load_proto(rounded)
    join_rectifiers(joined)
    close = np.abs(outputs(joined.SerializeToString()) - outputs(plain)).mean()
    assert drop_rectifiers(joined) == LAYERS - 1
    unsigned_activations(joined)
    onnx.checker.check_model(joined)
    assert "Relu" not in kinds(joined)
    assert np.abs(outputs(joined.SerializeToString()) - outputs(plain)).mean() <= close, "half as wide steps"


def test_a_network_without_such_places_stays_as_it_is(files: tuple[Path, Path]) -> None:
    proto = load_proto(files[0])
    before = proto.SerializeToString()
    assert (join_rectifiers(proto), drop_rectifiers(proto)) == (0, 0)
    assert proto.SerializeToString() == before
