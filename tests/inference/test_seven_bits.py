"""INT8 adds up on every processor: those of x86 without VNNI add two products of bytes in 16 bits, and clip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from aoi_app.core.errors import BackendMissing
from aoi_app.inference.model import Model, read_model
from aoi_app.inference.onnx_file import load_proto, weight_types
from aoi_app.inference.runtimes import on_processor
from aoi_app.inference.runtimes.ort_library import open_session
from aoi_app.inference.runtimes.table import load_runtime
from aoi_app.inference.seven_bits import clips, largest_integers, round_weights, seven_bits

SIDE, CHANNELS = 64, 16
WHOLE = 3 * 9 * CHANNELS
"""What the detector below finds everywhere: all its weights are 1, and so is every pixel."""
FORMS = ("integers", "floats", "unsigned", "older")


def detector(path: Path, form: str) -> Path:
    """Write a detector of two convolutions with the largest inputs and weights there are, as exporters write INT8."""
    values: dict[str, Any] = {
        "step": np.float32(1 / 255),
        "mid_step": np.float32(27 / 255),
        "end_step": np.float32(WHOLE / 255),
        "w_step": np.full(CHANNELS, 1 / 127, np.float32),
        "v_step": np.float32(1 / 127),
        "nought": np.uint8(0),
        "w_nought": np.zeros(CHANNELS, np.int8),
        "v_nought": np.int8(0),
        "shape": np.array([1, 6, 1], np.int64),
        "cells": np.zeros((1, 6, 84), np.float32),
    }
    nodes: list[onnx.NodeProto] = []

    def node(kind: str, inputs: list[str], output: str, **how: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], **how))
        return output

    def weights(name: str, shape: tuple[int, ...]) -> str:
        steps = [f"{name}_step", f"{name}_nought"]
        if form == "floats":
            values[name] = np.ones(shape, np.float32)
            rounded = node("QuantizeLinear", [name, *steps], f"{name}_q", axis=0)
            return node("DequantizeLinear", [rounded, *steps], f"{name}_k", axis=0)
        values[name] = np.full(shape, 127, np.int8)
        if form == "unsigned":
            values[name] = np.full(shape, 255, np.uint8)
            values[steps[1]] = (values[steps[1]].astype(np.int16) + 128).astype(np.uint8)
        return node("DequantizeLinear", [name, *steps], f"{name}_k", axis=0) if form != "older" else name

    def rounded(source: str, step: str, output: str) -> str:
        node("QuantizeLinear", [source, step, "nought"], f"{output}_q")
        return node("DequantizeLinear", [f"{output}_q", step, "nought"], output)

    first, second = weights("w", (CHANNELS, 3, 3, 3)), weights("v", (6, CHANNELS, 1, 1))
    if form == "older":
        values |= {"w_step": values["v_step"], "w_nought": values["v_nought"]}  # OpenVINO takes no others here
        node("QuantizeLinear", ["images", "step", "nought"], "q")
        values["bias"] = np.full(CHANNELS, 255 * 127 * 9, np.int32)  # a third of the weights' sum again
        values["mid_step"] = np.float32(36 / 255)
        w, v = ([n, f"{n}_step", f"{n}_nought"] for n in ("w", "v"))
        node("QLinearConv", ["q", "step", "nought", *w, "mid_step", "nought", "bias"], "m")
        node("QLinearConv", ["m", "mid_step", "nought", *v, "end_step", "nought"], "e")
        values["end_step"] = np.float32(36 * CHANNELS / 255)
        found = node("DequantizeLinear", ["e", "end_step", "nought"], "found")
    else:
        middle = rounded(node("Conv", [rounded("images", "step", "x"), first], "c"), "mid_step", "y")
        found = rounded(node("Conv", [middle, second], "d"), "end_step", "found")
    node("Reshape", [node("GlobalAveragePool", [found], "mean"), "shape"], "flat")
    node("Add", ["flat", "cells"], "output0")
    shapes = (("images", [1, 3, SIDE, SIDE]), ("output0", [1, 6, 84]))
    source, target = (helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes)
    held = [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()]
    proto = helper.make_model(
        helper.make_graph(nodes, "largest", [source], [target], held),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    helper.set_model_props(proto, {"names": "['a', 'b']"})
    onnx.save(proto, str(path))
    return path


def loaded(runtime: str, model: Model) -> Any:
    try:
        return load_runtime(runtime).load(model, "int8", {}, lambda share, text: None)
    except BackendMissing as error:
        pytest.skip(str(error))


def whole(form: str) -> int:
    return WHOLE * 4 // 3 if form == "older" else WHOLE


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_the_largest_integers_add_up(runtime: str, form: str, tmp_path: Path) -> None:
    model = read_model(detector(tmp_path / "largest.onnx", form))
    session = loaded(runtime, model)
    (found,) = session.run(np.ones((1, 3, SIDE, SIDE), np.float32))
    np.testing.assert_allclose(found, whole(form), rtol=1e-4)
    session.close()


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("clipped", [True, False])
def test_weights_have_seven_bits_where_sums_are_clipped_and_it_is_said(
    runtime: str, clipped: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []

    def noted(proto: onnx.ModelProto) -> int:
        given.append(seven_bits(proto))
        return given[-1]

    monkeypatch.setattr(on_processor, "seven_bits", noted)
    model = read_model(detector(tmp_path / "largest.onnx", "integers"))
    pytest.importorskip(runtime)
    monkeypatch.setattr(f"aoi_app.inference.runtimes.{runtime}._clips", lambda *_: clipped)
    session = loaded(runtime, model)
    assert given == ([2] if clipped else [])
    assert ("weights in 7 bits" in session.info.detail) == clipped
    session.close()


@pytest.mark.parametrize("form", FORMS)
def test_seven_bits_stand_for_the_same_values(form: str, tmp_path: Path) -> None:
    path = detector(tmp_path / "largest.onnx", form)
    assert weight_types(path) == {"uint8" if form == "unsigned" else "int8"}
    proto = load_proto(path)
    round_weights(proto)
    assert seven_bits(proto) == 2
    onnx.checker.check_model(proto, full_check=True)
    assert seven_bits(proto) == 0, "what fits already stays"
    session = open_session(proto.SerializeToString(), 1, exact=False)  # no processor clips these
    np.testing.assert_allclose(
        session.run(None, {"images": np.ones((1, 3, SIDE, SIDE), np.float32)})[0], whole(form), rtol=1e-4
    )


def test_integers_that_are_no_weights_stay_as_they_are(tmp_path: Path) -> None:
    proto = load_proto(detector(tmp_path / "largest.onnx", "integers"))
    proto.graph.initializer.append(numpy_helper.from_array(np.full((6, 84), 127, np.int8), "table"))
    proto.graph.node.insert(0, helper.make_node("DequantizeLinear", ["table", "v_step", "v_nought"], ["added"]))
    last = proto.graph.node[-1]
    last.input[1] = "added"
    assert seven_bits(proto) == 2 and proto.graph.node[0].input[0] == "table"


@pytest.mark.parametrize(("sum_", "clipped"), [(144.0, False), (73.0, True)])
def test_a_library_is_asked_with_a_tiny_network(sum_: float, clipped: bool) -> None:
    seen: list[tuple[bytes, NDArray[Any]]] = []

    def run(network: bytes, image: NDArray[Any]) -> NDArray[Any]:
        seen.append((network, image))
        return np.full((1, 4, 6, 6), sum_, np.float32)

    assert clips(run) == clipped
    assert seen[0][0] == largest_integers() and seen[0][1].shape == (1, 16, 8, 8)
