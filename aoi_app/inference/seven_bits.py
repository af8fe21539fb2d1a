"""INT8 weights for processors that clip: x86 without VNNI adds two products of bytes in 16 bits.

2 * 255 * 127 does not fit into 16 bits, and what does not fit is cut off without a word; 2 * 255 * 64 fits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

MOST = 64
_WEIGHTS = {"DequantizeLinear": 0, "QLinearConv": 3, "QLinearMatMul": 3}
"""Which input holds integers; steps and zero point follow it."""
_BIAS = {"QLinearConv": 8}
_READERS = ("Conv", "ConvTranspose", "Gemm", "MatMul", "Transpose", "Reshape")
_CHANNELS, _SIDE, _KERNEL = 16, 8, 3

Run = Callable[[bytes, NDArray[Any]], NDArray[Any]]
"""Loads an ONNX network, runs it on an image and returns its output."""


def clips(run: Run) -> bool:
    """Return whether a library clips here: it is given a tiny network with the largest integers."""
    image = np.ones((1, _CHANNELS, _SIDE, _SIDE), np.float32)
    return not np.allclose(run(largest_integers(), image), _CHANNELS * _KERNEL**2)


def largest_integers() -> bytes:
    """Return a convolution with the largest inputs and weights there are; right is the number of its weights."""
    from onnx import TensorProto, helper, numpy_helper

    values = {
        "w": np.full((4, _CHANNELS, _KERNEL, _KERNEL), 127, np.int8),
        "step": np.float32(1 / 255),
        "w_step": np.float32(1 / 127),
        "sum_step": np.float32(1),
        "nought": np.uint8(0),
        "w_nought": np.int8(0),
    }
    made = [
        helper.make_node(kind, inputs, [output])
        for kind, inputs, output in (
            ("QuantizeLinear", ["in", "step", "nought"], "q"),
            ("DequantizeLinear", ["q", "step", "nought"], "x"),
            ("DequantizeLinear", ["w", "w_step", "w_nought"], "k"),
            ("Conv", ["x", "k"], "c"),
            ("QuantizeLinear", ["c", "sum_step", "nought"], "qc"),
            ("DequantizeLinear", ["qc", "sum_step", "nought"], "out"),
        )
    ]
    shapes = (("in", [1, _CHANNELS, _SIDE, _SIDE]), ("out", [1, 4, _SIDE - 2, _SIDE - 2]))
    source, target = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes)
    weights = [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()]
    graph = helper.make_graph(made, "largest", [source], [target], weights)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(proto.SerializeToString())


def seven_bits(proto: onnx.ModelProto) -> int:
    """Let no weight be larger than 64, its steps wider by as much; return how many tensors were changed.

    Weights that fit already stay as they are.
    """
    from onnx import numpy_helper

    constants = _constants(proto)
    read = {name for node in proto.graph.node if node.op_type in _READERS for name in node.input}
    changed = 0
    for node in proto.graph.node:
        first = _WEIGHTS.get(node.op_type)
        if first is None or (first == 0 and node.output[0] not in read):
            continue
        integers, steps, *zero = (constants.get(name) for name in node.input[first : first + 3])
        if integers is None or steps is None or integers.dtype not in (np.int8, np.uint8) or integers.ndim < 2:
            continue
        centred = integers.astype(np.int16)
        if zero and zero[0] is not None:
            centred = centred - _along(zero[0].astype(np.int16), integers.ndim, _axis(node))
        factor = 2 ** max(0, int(np.ceil(np.log2(max(int(np.abs(centred).max()), 1) / MOST))))
        if factor == 1:
            continue
        changed += 1
        values = [np.rint(centred / factor).astype(np.int8), (steps * factor).astype(steps.dtype)]
        if zero and zero[0] is not None:
            values.append(np.zeros(zero[0].shape, np.int8))
        bias = _BIAS.get(node.op_type, len(node.input))
        places = list(range(first, first + len(values)))
        if bias < len(node.input) and (held := constants.get(node.input[bias])) is not None:
            places.append(bias)  # in steps of the products
            values.append(np.rint(held / factor).astype(held.dtype))
        for place, value in zip(places, values, strict=True):
            name = f"{node.output[0]}_7_bits_{place}"
            proto.graph.initializer.append(numpy_helper.from_array(value, name))
            node.input[place] = name
    return changed


def round_weights(proto: onnx.ModelProto) -> None:
    """Turn weights that a file holds as floats in front of a QuantizeLinear into the integers they become."""
    from onnx import numpy_helper

    constants, kept = _constants(proto), []
    for node in proto.graph.node:
        values, steps = (constants.get(name) for name in node.input[:2]) if len(node.input) > 1 else (None, None)
        if node.op_type != "QuantizeLinear" or values is None or steps is None or values.ndim < 2 or steps.ndim > 1:
            kept.append(node)
            continue
        zero = constants.get(node.input[2]) if len(node.input) > 2 else None
        zero = np.zeros(steps.shape, np.uint8) if zero is None else zero
        axis, limits = _axis(node), np.iinfo(zero.dtype)
        exact = np.rint(values / _along(steps, values.ndim, axis)) + _along(zero, values.ndim, axis)
        integers = np.clip(exact, limits.min, limits.max).astype(zero.dtype)
        proto.graph.initializer.append(numpy_helper.from_array(integers, node.output[0]))
    if len(kept) < len(proto.graph.node):
        del proto.graph.node[:]
        proto.graph.node.extend(kept)


def _constants(proto: onnx.ModelProto) -> dict[str, NDArray[Any]]:
    from onnx import numpy_helper

    found = {t.name: numpy_helper.to_array(t) for t in proto.graph.initializer}
    for node in proto.graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].HasField("t"):
            found[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return found


def _axis(node: onnx.NodeProto) -> int:
    """Return the axis that the steps of a node run along, where there are many."""
    if node.op_type == "QLinearConv":
        return 0
    return next((a.i for a in node.attribute if a.name == "axis"), 1) if node.op_type != "QLinearMatMul" else -1


def _along(values: NDArray[Any], rank: int, axis: int) -> NDArray[Any]:
    if values.size == 1 or values.ndim == rank:
        return values.reshape(()) if values.size == 1 else values
    shape = [1] * rank
    shape[axis] = -1
    return values.reshape(shape)
