"""INT8 networks as TensorRT expects them: a rounding of its own for every reader, weights rounded in the graph.

The same numbers as in the file: processors share what is rounded once and hold INT8 weights, which is less work and a
smaller file. TensorRT takes a QuantizeLinear and its DequantizeLinear for one mark on one edge of the graph; ONNX
Runtime's quantiser knows both demands as `DedicatedQDQPair` and `AddQDQPairToWeight`
(https://github.com/microsoft/onnxruntime/pull/9720).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx

_ROUND, _BACK = "QuantizeLinear", "DequantizeLinear"


def separate_pairs(proto: onnx.ModelProto) -> int:
    """Give every reader of a rounded tensor a pair of its own, and every INT8 weight a whole one; return how many."""
    made = {name: node for node in proto.graph.node for name in node.output}
    weights = {t.name: t for t in proto.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    pairs: dict[str, tuple[onnx.NodeProto, onnx.NodeProto]] = {}
    seen: Counter[str] = Counter(output.name for output in proto.graph.output)
    added = 0
    for node in proto.graph.node:
        for position, name in enumerate(node.input):
            if name not in pairs:
                continue
            seen[name] += 1
            if seen[name] > 1:
                copies = _copies(*pairs[name], seen[name])
                nodes += copies
                node.input[position] = copies[1].output[0]
                added += 1
        if node.op_type == _BACK and node.input[0] in weights:
            nodes.append(_round_weight(proto, node, weights[node.input[0]]))
            added += 1
        elif node.op_type == _BACK and made[node.input[0]].op_type == _ROUND:
            pairs[node.output[0]] = (made[node.input[0]], node)
        nodes.append(node)
    if added:
        del proto.graph.node[:]
        proto.graph.node.extend(nodes)
        _forget_unused(proto)
    return added


def plain_before(proto: onnx.ModelProto, kinds: Collection[str]) -> None:
    """Let the nodes of these kinds read what was not rounded; every reader has a pair of its own by now."""
    made = {name: node for node in proto.graph.node for name in node.output}
    for node in proto.graph.node:
        if node.op_type not in kinds:
            continue
        for position, name in enumerate(node.input):
            back = made.get(name)
            if back is not None and back.op_type == _BACK and made[back.input[0]].op_type == _ROUND:
                node.input[position] = made[back.input[0]].input[0]
    kept = {output.name for output in proto.graph.output}
    while idle := [n for n in proto.graph.node if not (kept | _read(proto)) & set(n.output)]:
        for node in idle:
            proto.graph.node.remove(node)
    _forget_unused(proto)


def _read(proto: onnx.ModelProto) -> set[str]:
    return {name for node in proto.graph.node for name in node.input}


def _copies(rounded: onnx.NodeProto, back: onnx.NodeProto, number: int) -> tuple[onnx.NodeProto, onnx.NodeProto]:
    """Return the pair once more, for its reader with this number."""
    import onnx

    first, second = onnx.NodeProto(), onnx.NodeProto()
    first.CopyFrom(rounded)
    second.CopyFrom(back)
    for node in (first, second):
        node.name = f"{node.name or node.output[0]}_{number}"
        node.output[0] = f"{node.output[0]}_{number}"
    second.input[0] = first.output[0]
    return first, second


def _round_weight(proto: onnx.ModelProto, back: onnx.NodeProto, weight: onnx.TensorProto) -> onnx.NodeProto:
    """Put the weight's values in place of its integers, and return the node that makes those of them."""
    from onnx import helper, numpy_helper

    values = {t.name: t for t in proto.graph.initializer}
    scale = numpy_helper.to_array(values[back.input[1]])
    axis = next((a.i for a in back.attribute if a.name == "axis"), 1)
    integers = numpy_helper.to_array(weight)
    shape = [1] * integers.ndim
    if scale.ndim:
        shape[axis] = scale.size
    plain = f"{weight.name}_plain"
    if plain not in values:
        floats = np.asarray(integers.astype(scale.dtype) * scale.reshape(shape), scale.dtype)
        proto.graph.initializer.append(numpy_helper.from_array(floats, plain))
    rounded = f"{back.output[0]}_rounded"
    node = helper.make_node(_ROUND, [plain, *back.input[1:]], [rounded], f"{back.name or rounded}_pair", axis=axis)
    back.input[0] = rounded
    return node


def _forget_unused(proto: onnx.ModelProto) -> None:
    used = _read(proto)
    kept = [t for t in proto.graph.initializer if t.name in used]
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(kept)
