"""FP16 networks from FP32 ones, at the level of the ONNX file: the same file for every runtime.

The converter of onnxconverter-common leaves mixed types in networks of dynamic shape, which a strongly typed network
refuses. This one decides per node, not per type of operator: the body of the network computes in FP16; inputs, outputs
and everything behind the last convolutions (the decoding of boxes, where 640 x 640 px need more than ten bits) stay in
FP32, as do operators that sum up or overflow. A tensor that both kinds of nodes read is cast once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from aoi_app.core.errors import ModelError

if TYPE_CHECKING:
    import onnx

HALF_MAX = 65504.0
_HEAVY = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_SHAPE_ONLY = ("Transpose", "Reshape", "Squeeze", "Unsqueeze", "Slice", "Identity", "Flatten")
_KEEP_FP32 = frozenset(
    (
        *("Softmax", "LogSoftmax", "Exp", "Log", "Pow", "Sqrt", "Reciprocal", "Softplus", "Erf", "CumSum"),
        *("BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization"),
        *("LpNormalization", "MeanVarianceNormalization", "ReduceSum", "ReduceMean", "ReduceL1", "ReduceL2"),
        *("ReduceLogSum", "ReduceLogSumExp", "ReduceProd", "ReduceSumSquare"),
        *("Range", "ConstantOfShape", "RandomNormalLike", "RandomUniformLike", "NonMaxSuppression", "TopK"),
        *("Cast", "CastLike", "If", "Loop", "Scan", "QuantizeLinear", "DequantizeLinear"),
    )
)
"""Operators that normalise, sum up, overflow, take no FP16, or set their own type."""
_FP32_INPUTS = {"Resize": (1, 2), "Upsample": (1,)}
"""Inputs that stay FP32 whatever the rest of the node computes in."""


@dataclass(slots=True)
class _Rewrite:
    """Names while a graph is rewritten: what exists in which type."""

    floats: set[str]
    half_now: set[str] = field(default_factory=set)
    weights: dict[str, onnx.TensorProto] = field(default_factory=dict)
    new_weights: list[onnx.TensorProto] = field(default_factory=list)
    casts: dict[str, str] = field(default_factory=dict)
    nodes: list[onnx.NodeProto] = field(default_factory=list)


def to_half(proto: onnx.ModelProto, keep_fp32: Collection[str] = ()) -> onnx.ModelProto:
    """Return an FP16 copy of an FP32 network; inputs and outputs stay FP32.

    Parameters
    ----------
    keep_fp32
        Names of tensors, weights among them, that stay in FP32 with all that makes or reads them.

    Raises
    ------
    ModelError
        The types of its tensors cannot be inferred.
    """
    import onnx
    from onnx import inliner

    work = onnx.ModelProto()
    work.CopyFrom(proto)
    if work.functions:
        work = inliner.inline_local_functions(work)
    graph = work.graph
    _constants_to_weights(graph)
    rewrite = _Rewrite(_float_tensors(work), weights={t.name: t for t in graph.initializer})
    half = _half_nodes(graph, rewrite.floats, keep_fp32)
    outputs = {o.name for o in graph.output}
    # An output that the body computes is cast back under its own name; inside it gets another.
    inner = {n: f"{n}_half" for i, node in enumerate(graph.node) if i in half for n in node.output if n in outputs}
    for index, node in enumerate(list(graph.node)):
        if index in half:
            _make_half(node, rewrite, inner)
        else:
            _keep_single(node, rewrite, inner)
    for name, inside in inner.items():
        rewrite.nodes.append(_cast(inside, name, onnx.TensorProto.FLOAT))
    _replace(graph, rewrite)
    return work


def half_tensors(proto: onnx.ModelProto) -> frozenset[str]:
    """Return the names of the tensors that `to_half` would compute in FP16."""
    floats = _float_tensors(proto)
    chosen = _half_nodes(proto.graph, floats, ())
    return frozenset(n for i in chosen for n in proto.graph.node[i].output if n in floats)


def tail_nodes(graph: onnx.GraphProto) -> frozenset[int]:
    """Return the indices of the nodes behind the last convolutions: what turns raw values into boxes.

    The convolution behind a softmax that some heads use to take an expectation belongs to it.
    """
    producer = {name: i for i, node in enumerate(graph.node) for name in node.output}

    def expectation(node: onnx.NodeProto) -> bool:
        source = producer.get(node.input[0])
        while source is not None and graph.node[source].op_type in _SHAPE_ONLY:
            source = producer.get(graph.node[source].input[0])
        return source is not None and graph.node[source].op_type == "Softmax"

    todo = [i for i, n in enumerate(graph.node) if n.op_type in _HEAVY and not (n.op_type == "Conv" and expectation(n))]
    body: set[int] = set()
    while todo:
        index = todo.pop()
        if index not in body:
            body.add(index)
            todo += [producer[name] for name in graph.node[index].input if name in producer]
    return frozenset(range(len(graph.node))) - body


def last_heavy_nodes(graph: onnx.GraphProto) -> frozenset[int]:
    """Return the indices of the last convolutions: those that no other convolution of the body follows."""
    tail = tail_nodes(graph)
    producer = {name: i for i, node in enumerate(graph.node) for name in node.output}
    followed: set[int] = set()
    todo = [
        producer[n]
        for i, node in enumerate(graph.node)
        if i not in tail and node.op_type in _HEAVY
        for n in node.input
        if n in producer
    ]
    while todo:
        index = todo.pop()
        if index not in followed:
            followed.add(index)
            todo += [producer[name] for name in graph.node[index].input if name in producer]
    return frozenset(
        i for i, node in enumerate(graph.node) if node.op_type in _HEAVY and i not in tail and i not in followed
    )


def _half_nodes(graph: onnx.GraphProto, floats: set[str], keep: Collection[str]) -> frozenset[int]:
    tail = tail_nodes(graph)
    captured = {name for node in graph.node for name in _captured(node)}
    return frozenset(
        i
        for i, node in enumerate(graph.node)
        if i not in tail
        and node.op_type not in _KEEP_FP32
        and node.domain in ("", "ai.onnx")
        and any(name in floats for name in node.output)
        # A nested graph reads tensors of this one by name: they stay what they are.
        and not any(name in captured for name in node.output)
        and not any(name in keep for name in (*node.input, *node.output))
    )


def _captured(node: onnx.NodeProto) -> Iterable[str]:
    for attribute in node.attribute:
        graphs = [attribute.g] if attribute.HasField("g") else list(attribute.graphs)
        for nested in graphs:
            for inner in nested.node:
                yield from inner.input
                yield from _captured(inner)
            yield from (o.name for o in nested.output)


def _make_half(node: onnx.NodeProto, rewrite: _Rewrite, inner: dict[str, str]) -> None:
    single = _FP32_INPUTS.get(node.op_type, ())
    for position, name in enumerate(node.input):
        if name in rewrite.floats:
            wanted = _as_single if position in single else _as_half
            node.input[position] = wanted(inner.get(name, name), rewrite)
    for position, name in enumerate(node.output):
        if name in rewrite.floats:
            node.output[position] = inner.get(name, name)
            rewrite.half_now.add(node.output[position])
    rewrite.nodes.append(node)


def _keep_single(node: onnx.NodeProto, rewrite: _Rewrite, inner: dict[str, str]) -> None:
    takes_any = not any(name in rewrite.floats for name in node.output) and node.op_type in ("Shape", "Size", "Cast")
    for position, name in enumerate(node.input):
        if name in rewrite.floats:
            inside = inner.get(name, name)
            node.input[position] = inside if takes_any else _as_single(inside, rewrite)
    rewrite.nodes.append(node)


def _as_half(name: str, rewrite: _Rewrite) -> str:
    import onnx

    if name in rewrite.half_now:
        return name
    made = rewrite.casts.get(f"{name}>16")
    if made is None:
        made = rewrite.casts[f"{name}>16"] = f"{name}_as_half"
        if name in rewrite.weights:
            values = onnx.numpy_helper.to_array(rewrite.weights[name])
            clipped = np.clip(values, -HALF_MAX, HALF_MAX).astype(np.float16)
            rewrite.new_weights.append(onnx.numpy_helper.from_array(clipped, made))
        else:
            rewrite.nodes.append(_cast(name, made, onnx.TensorProto.FLOAT16))
    return made


def _as_single(name: str, rewrite: _Rewrite) -> str:
    import onnx

    if name not in rewrite.half_now:
        return name
    made = rewrite.casts.get(f"{name}>32")
    if made is None:
        made = rewrite.casts[f"{name}>32"] = f"{name}_as_single"
        rewrite.nodes.append(_cast(name, made, onnx.TensorProto.FLOAT))
    return made


def _cast(source: str, target: str, to: int) -> onnx.NodeProto:
    from onnx import helper

    return helper.make_node("Cast", [source], [target], name=f"cast_{target}", to=to)


def _replace(graph: onnx.GraphProto, rewrite: _Rewrite) -> None:
    del graph.node[:]
    graph.node.extend(rewrite.nodes)
    graph.initializer.extend(rewrite.new_weights)
    used = {name for node in graph.node for name in (*node.input, *_captured(node))} | {o.name for o in graph.output}
    weights = [t for t in graph.initializer if t.name in used]
    del graph.initializer[:]
    graph.initializer.extend(weights)
    # What exporters noted about types in between is not true any more.
    del graph.value_info[:]


def _constants_to_weights(graph: onnx.GraphProto) -> None:
    """Make weights of constant nodes, so that there is one kind of constant."""
    from onnx import numpy_helper

    constants = [n for n in graph.node if n.op_type == "Constant" and n.attribute[0].name == "value"]
    for node in constants:
        tensor = numpy_helper.from_array(numpy_helper.to_array(node.attribute[0].t), node.output[0])
        graph.initializer.append(tensor)
        graph.node.remove(node)


def _float_tensors(proto: onnx.ModelProto) -> set[str]:
    """Return the names of all FP32 tensors of the graph."""
    import onnx

    try:
        graph = onnx.shape_inference.infer_shapes(proto, strict_mode=False, data_prop=True).graph
    except Exception as error:
        raise ModelError(f"The types of this network's tensors cannot be inferred: {error}.", "Use fp32.") from error
    known = {
        v.name: v.type.tensor_type.elem_type
        for v in (*graph.value_info, *graph.input, *graph.output)
        if v.type.HasField("tensor_type")
    }
    known.update({t.name: t.data_type for t in graph.initializer})
    unknown = [name for node in graph.node for name in node.output if name and name not in known]
    if unknown:
        raise ModelError(
            f"The types of {len(unknown)} tensors of this network are not known, such as {unknown[0]!r}.",
            "Use fp32, or export the network with standard operators only.",
        )
    return {name for name, kind in known.items() if kind == onnx.TensorProto.FLOAT}
