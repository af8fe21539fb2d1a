"""Rectifiers (Relu) in INT8 networks: no rounding between a convolution and its Relu, and none at all on processors."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx

_BEFORE = ("Conv", "ConvTranspose", "Gemm")
_SIGNED, _UNSIGNED = 127, 255  # steps above zero


def join_rectifiers(proto: onnx.ModelProto) -> int:
    """Take out what rounds between a convolution and its Relu; return how often.

    Half of those integers would stand for what the Relu throws away, and libraries that run both in one step have to
    take them apart. The rounding behind the Relu stays.
    """
    nodes = proto.graph.node
    made, uses = _made(proto), _uses(proto)
    dropped: set[str] = set()
    for relu in (n for n in nodes if n.op_type == "Relu"):
        back = made.get(relu.input[0])
        rounded = made.get(back.input[0]) if back is not None and back.op_type == "DequantizeLinear" else None
        if back is None or rounded is None or rounded.op_type != "QuantizeLinear":
            continue
        before = made.get(rounded.input[0])
        if before is None or before.op_type not in _BEFORE or uses[back.output[0]] > 1 or uses[rounded.output[0]] > 1:
            continue
        relu.input[0] = rounded.input[0]
        dropped |= {back.output[0], rounded.output[0]}
    _keep(proto, dropped)
    return len(dropped) // 2


def drop_rectifiers(proto: onnx.ModelProto) -> int:
    """Let unsigned integers do the Relu's work, for processors; return how often.

    Where a Relu's result is rounded, 0..255 with nought at 0 cannot hold what is negative: the same range in steps half
    as wide, and a convolution is followed by its rounding, which processors do in one step.
    """
    from onnx import numpy_helper

    nodes, weights = proto.graph.node, {t.name: t for t in proto.graph.initializer}
    made, uses = _made(proto), _uses(proto)
    readers = {n.input[0]: n for n in nodes if n.op_type == "DequantizeLinear"}
    dropped: set[str] = set()
    for rounded in (n for n in nodes if n.op_type == "QuantizeLinear" and len(n.input) > 2):
        relu, back = made.get(rounded.input[0]), readers.get(rounded.output[0])
        scale, zero = weights.get(rounded.input[1]), weights.get(rounded.input[2])
        if relu is None or relu.op_type != "Relu" or back is None or scale is None or zero is None:
            continue
        nought = numpy_helper.to_array(zero)
        if uses[relu.output[0]] > 1 or uses[rounded.output[0]] > 1 or nought.dtype != np.int8 or nought.any():
            continue
        finer = (numpy_helper.to_array(scale) * (_SIGNED / _UNSIGNED)).astype(np.float32)
        steps, zero_point = f"{rounded.output[0]}_finer", f"{rounded.output[0]}_nought"
        proto.graph.initializer.append(numpy_helper.from_array(finer, steps))
        proto.graph.initializer.append(numpy_helper.from_array(nought.astype(np.uint8), zero_point))
        for node in (rounded, back):
            node.input[1], node.input[2] = steps, zero_point
        rounded.input[0] = relu.input[0]
        dropped.add(relu.output[0])
    _keep(proto, dropped)
    return len(dropped)


def _made(proto: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    return {name: node for node in proto.graph.node for name in node.output}


def _uses(proto: onnx.ModelProto) -> Counter[str]:
    used = Counter(name for node in proto.graph.node for name in node.input)
    used.update(value.name for value in proto.graph.output)
    return used


def _keep(proto: onnx.ModelProto, dropped: set[str]) -> None:
    """Leave out the nodes that make what is `dropped`, and constants and types that nobody needs any more."""
    if not dropped:
        return
    nodes = [n for n in proto.graph.node if not dropped & set(n.output)]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)
    used = _uses(proto)
    weights = [t for t in proto.graph.initializer if used[t.name]]
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(weights)
    del proto.graph.value_info[:]
