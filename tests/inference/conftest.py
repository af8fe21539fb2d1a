"""ONNX files as the usual exporters write them, made small."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import settings
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

# Machines differ; an example that takes long on a busy one is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

Dim = int | str | None
OutputSpec = tuple[str, NDArray[Any], Sequence[Dim] | None]
"""Name, the values that every tile of a batch gets (without the batch), and the declared shape (None: none)."""
MakeOnnx = Callable[..., Path]


def write_network(
    path: Path,
    outputs: Sequence[OutputSpec],
    *,
    input_shape: Sequence[Dim] = (1, 3, 640, 640),
    input_name: str = "images",
    input_type: int = TensorProto.FLOAT,
    output_type: int = TensorProto.FLOAT,
    metadata: dict[str, str] | None = None,
    extra_inputs: Sequence[str] = (),
    opset: int = 17,
    bare: bool = False,
) -> Path:
    """Write a network that reads its input and always finds the given values; without a batch where `bare`."""
    nodes = [helper.make_node("Cast", [input_name], ["as_float"], to=TensorProto.FLOAT)]
    weights = [numpy_helper.from_array(np.array(0, np.float32), "zero")]
    nodes.append(helper.make_node("ReduceMean", ["as_float"], ["mean"], axes=[1, 2, 3], keepdims=0))
    nodes.append(helper.make_node("Mul", ["mean", "zero"], ["nothing"]))
    declared = []
    for name, values, shape in outputs:
        given, ones = (values, values.ndim - 1) if bare else (values[None], values.ndim)
        weights.append(numpy_helper.from_array(given.astype(np.float32), f"{name}_values"))
        weights.append(numpy_helper.from_array(np.array([-1] + [1] * ones, np.int64), f"{name}_shape"))
        nodes.append(helper.make_node("Reshape", ["nothing", f"{name}_shape"], [f"{name}_nothing"]))
        nodes.append(helper.make_node("Add", [f"{name}_nothing", f"{name}_values"], [f"{name}_float"]))
        nodes.append(helper.make_node("Cast", [f"{name}_float"], [name], to=output_type))
        declared.append(helper.make_tensor_value_info(name, output_type, shape))
    sources = [helper.make_tensor_value_info(input_name, input_type, input_shape)]
    sources += [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in extra_inputs]
    graph = helper.make_graph(nodes, "main_graph", sources, declared, weights)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    helper.set_model_props(proto, metadata or {})
    onnx.save(proto, str(path))
    return path


@pytest.fixture
def make_onnx(tmp_path: Path) -> MakeOnnx:
    """Return a function that writes a network and returns its path: make_onnx(outputs, name=..., **how)."""

    def make(outputs: Sequence[OutputSpec], name: str = "model.onnx", **how: Any) -> Path:
        return write_network(tmp_path / name, outputs, **how)

    return make
