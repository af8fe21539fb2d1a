"""An ONNX network as a PyTorch module: the operators that detectors are made of, from a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aoi_app.core.errors import ModelError

if TYPE_CHECKING:
    import onnx

Attributes = dict[str, Any]
Operator = Callable[[list[Any], Attributes], Any]
HEAVY = ("Conv", "ConvTranspose", "Gemm", "MatMul")


class OnnxModule(nn.Module):
    """Runs the nodes of a graph one after the other.

    Parameters
    ----------
    proto
        A checked network of fixed shape, so that its shapes are constants.
    outputs
        Names of the outputs to return.

    Raises
    ------
    ModelError
        Names the operators that there is no counterpart for.
    """

    def __init__(self, proto: onnx.ModelProto, outputs: Sequence[str]) -> None:
        super().__init__()
        from onnx import helper, numpy_helper

        unknown = sorted({n.op_type for n in proto.graph.node} - set(_OPERATORS) - {"Constant"})
        if unknown:
            raise ModelError(
                f"There is no PyTorch counterpart for {', '.join(unknown)}.", "Use ONNX Runtime for this model."
            )
        self._constants: dict[str, Any] = {}
        weights = {t.name: numpy_helper.to_array(t) for t in proto.graph.initializer}
        weights |= {
            n.output[0]: numpy_helper.to_array(n.attribute[0].t)
            for n in proto.graph.node
            if n.op_type == "Constant" and n.attribute[0].name == "value"
        }
        self._steps: list[tuple[str, list[str], list[str], Attributes]] = []
        for node in proto.graph.node:
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            if node.op_type == "Constant":
                continue
            attributes = {k: v.decode() if isinstance(v, bytes) else v for k, v in attributes.items()}
            attributes["outputs"] = len(node.output)
            self._steps.append((node.op_type, self._inputs(node, weights), list(node.output), attributes))
        for index, (name, values) in enumerate(weights.items()):
            tensor = torch.from_numpy(values.copy())
            if tensor.is_floating_point() and tensor.ndim > 0:
                # Buffers move with the module; whole numbers are shapes and stay where Python reads them.
                if tensor.ndim == 4:
                    tensor = tensor.contiguous(memory_format=torch.channels_last)
                self.register_buffer(f"w{index}", tensor)
                self._constants[name] = f"w{index}"
            else:
                self._constants[name] = tensor
        self._input = next(v.name for v in proto.graph.input if v.name not in weights)
        self._outputs = list(outputs)
        self.computed_in: Counter[str] = Counter()
        """Heavy operators of the last run by the type of their result."""

    def _inputs(self, node: onnx.NodeProto, weights: Mapping[str, Any]) -> list[str]:
        """Return the names of a node's inputs; constant shapes become lists, which a tracer takes as they are."""
        names = list(node.input)
        for position in _PLAIN.get(node.op_type, ()):
            if position < len(names) and names[position] in weights:
                plain = f"{names[position]} as a list"
                self._constants[plain] = weights[names[position]].tolist()
                names[position] = plain
        return names

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Return the outputs for a batch (batch, channels, height, width)."""
        values: dict[str, Any] = {self._input: image, "": None}
        for name, constant in self._constants.items():
            values[name] = getattr(self, constant) if isinstance(constant, str) else constant
        self.computed_in.clear()
        for op_type, inputs, outputs, attributes in self._steps:
            made = _OPERATORS[op_type]([values[name] for name in inputs], attributes)
            if op_type in HEAVY:
                self.computed_in[str(made.dtype)] += 1
            values.update(zip(outputs, made if isinstance(made, (tuple, list)) else (made,), strict=False))
        return tuple(values[name] for name in self._outputs)


_PLAIN = {
    "Reshape": (1,),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "Squeeze": (1,),
    "Unsqueeze": (1,),
    "Resize": (1, 2, 3),
    "Expand": (1,),
    "Tile": (1,),
    "TopK": (1,),
    "Clip": (1, 2),
    "ReduceMax": (1,),
    "ReduceMean": (1,),
    "ReduceSum": (1,),
}
"""Inputs by position that say how, not what, to compute."""


def _numbers(value: Tensor | Sequence[float]) -> list[float]:
    return list(value.tolist() if isinstance(value, Tensor) else value)


def _ints(value: Tensor | Sequence[float]) -> list[int]:
    return [int(v) for v in _numbers(value)]


def _padded(x: Tensor, attributes: Attributes, value: float = 0.0) -> tuple[Tensor, list[int]]:
    """Return `x` and the symmetric padding; pads by hand where the two sides differ."""
    pads = attributes.get("pads", [0, 0, 0, 0])
    half = len(pads) // 2
    if attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise ModelError("Automatic padding has no PyTorch counterpart.", "Use ONNX Runtime for this model.")
    if pads[:half] == pads[half:]:
        return x, list(pads[:half])
    sides = [p for axis in reversed(range(half)) for p in (pads[axis], pads[half + axis])]
    return F.pad(x, sides, value=value), [0] * half


def _conv(i: list[Any], a: Attributes) -> Tensor:
    x, padding = _padded(i[0], a)
    bias = i[2] if len(i) > 2 else None
    return F.conv2d(x, i[1], bias, a.get("strides", 1), padding, a.get("dilations", 1), a.get("group", 1))


def _conv_transpose(i: list[Any], a: Attributes) -> Tensor:
    x, padding = i[0], list(a.get("pads", [0, 0, 0, 0])[:2])
    bias = i[2] if len(i) > 2 else None
    return F.conv_transpose2d(
        x, i[1], bias, a.get("strides", 1), padding, a.get("output_padding", 0), a.get("group", 1)
    )


def _max_pool(i: list[Any], a: Attributes) -> Tensor:
    x, padding = _padded(i[0], a, float("-inf"))
    return F.max_pool2d(x, a["kernel_shape"], a.get("strides", 1), padding, ceil_mode=bool(a.get("ceil_mode", 0)))


def _average_pool(i: list[Any], a: Attributes) -> Tensor:
    x, padding = _padded(i[0], a)
    return F.avg_pool2d(
        x, a["kernel_shape"], a.get("strides", 1), padding, count_include_pad=bool(a.get("count_include_pad", 0))
    )


def _resize(i: list[Any], a: Attributes) -> Tensor:
    x = i[0]
    sizes = i[3] if len(i) > 3 and i[3] is not None and len(i[3]) else None
    size = _ints(sizes)[2:] if sizes is not None else None
    if size is None:
        scales = i[2] if len(i) > 2 else i[1]
        size = [int(n * float(s)) for n, s in zip(x.shape[2:], _numbers(scales)[2:], strict=True)]
    if a.get("mode", "nearest") == "nearest":
        return F.interpolate(x, size, mode="nearest")
    corners = a.get("coordinate_transformation_mode", "half_pixel") == "align_corners"
    return F.interpolate(x, size, mode="bilinear", align_corners=corners)


def _split(i: list[Any], a: Attributes) -> Any:
    axis = a.get("axis", 0)
    if len(i) > 1 and i[1] is not None:
        return torch.split(i[0], _ints(i[1]), axis)
    if "split" in a:
        return torch.split(i[0], list(a["split"]), axis)
    parts = a.get("num_outputs", a["outputs"])
    return torch.split(i[0], -(-i[0].shape[axis] // parts), axis)


def _slice(i: list[Any], a: Attributes) -> Tensor:
    x: Tensor = i[0]
    starts, ends = _ints(i[1]), _ints(i[2])
    axes = _ints(i[3]) if len(i) > 3 and i[3] is not None else list(range(len(starts)))
    steps = _ints(i[4]) if len(i) > 4 and i[4] is not None else [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        if step < 1:
            raise ModelError("A slice that runs backwards has no PyTorch counterpart.", "Use ONNX Runtime.")
        index: list[slice] = [slice(None)] * x.ndim
        index[axis] = slice(start, end, step)
        x = x[tuple(index)]
    return x


def _reshape(i: list[Any], a: Attributes) -> Tensor:
    x: Tensor = i[0]
    shape = [x.shape[k] if n == 0 else n for k, n in enumerate(_ints(i[1]))]
    return x.reshape(shape)


def _clip(i: list[Any], a: Attributes) -> Tensor:
    low = i[1] if len(i) > 1 else a.get("min")
    high = i[2] if len(i) > 2 else a.get("max")
    x: Tensor = i[0]
    return x.clamp(None if low is None else float(low), None if high is None else float(high))


def _axes(i: list[Any], a: Attributes) -> list[int]:
    return _ints(i[1]) if len(i) > 1 and i[1] is not None else list(a.get("axes", []))


def _squeeze(i: list[Any], a: Attributes) -> Tensor:
    axes = _axes(i, a)
    return torch.squeeze(i[0], axes) if axes else torch.squeeze(i[0])


def _unsqueeze(i: list[Any], a: Attributes) -> Tensor:
    x: Tensor = i[0]
    for axis in sorted(_axes(i, a)):
        x = x.unsqueeze(axis)
    return x


def _reduce(how: Callable[..., Tensor]) -> Operator:
    def reduce(i: list[Any], a: Attributes) -> Tensor:
        axes = _axes(i, a) or list(range(i[0].ndim))
        return how(i[0], dim=axes, keepdim=bool(a.get("keepdims", 1)))

    return reduce


def _gather(i: list[Any], a: Attributes) -> Tensor:
    axis, index = a.get("axis", 0) % i[0].ndim, i[1].to(i[0].device)
    index = torch.where(index < 0, index + i[0].shape[axis], index)
    found: Tensor = torch.index_select(i[0], axis, index.reshape(-1))
    return found.reshape(*i[0].shape[:axis], *index.shape, *i[0].shape[axis + 1 :])


def _divide(i: list[Any], a: Attributes) -> Tensor:
    whole = not i[0].is_floating_point()
    return torch.div(i[0], i[1], rounding_mode="trunc" if whole else None)


def _gemm(i: list[Any], a: Attributes) -> Tensor:
    x = i[0].T if a.get("transA") else i[0]
    w = i[1].T if a.get("transB") else i[1]
    product = a.get("alpha", 1.0) * (x @ w)
    return product + a.get("beta", 1.0) * i[2] if len(i) > 2 and i[2] is not None else product


_TYPES = {
    1: torch.float32,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    10: torch.float16,
    11: torch.float64,
}
_OPERATORS: dict[str, Operator] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "MatMul": lambda i, a: i[0] @ i[1],
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": lambda i, a: i[0].mean((2, 3), keepdim=True),
    "Resize": _resize,
    "Relu": lambda i, a: F.relu(i[0]),
    "LeakyRelu": lambda i, a: F.leaky_relu(i[0], a.get("alpha", 0.01)),
    "Sigmoid": lambda i, a: torch.sigmoid(i[0]),
    "HardSigmoid": lambda i, a: (i[0] * a.get("alpha", 0.2) + a.get("beta", 0.5)).clamp(0, 1),
    "HardSwish": lambda i, a: F.hardswish(i[0]),
    "Tanh": lambda i, a: torch.tanh(i[0]),
    "Softplus": lambda i, a: F.softplus(i[0]),
    "Mish": lambda i, a: F.mish(i[0]),
    "Softmax": lambda i, a: torch.softmax(i[0], a.get("axis", -1)),
    "Exp": lambda i, a: torch.exp(i[0]),
    "Log": lambda i, a: torch.log(i[0]),
    "Sqrt": lambda i, a: torch.sqrt(i[0]),
    "Pow": lambda i, a: torch.pow(i[0], i[1]),
    "Neg": lambda i, a: -i[0],
    "Floor": lambda i, a: torch.floor(i[0]),
    "Add": lambda i, a: i[0] + i[1],
    "Sub": lambda i, a: i[0] - i[1],
    "Mul": lambda i, a: i[0] * i[1],
    "Div": _divide,
    "Mod": lambda i, a: torch.fmod(i[0], i[1]) if a.get("fmod") else torch.remainder(i[0], i[1]),
    "Max": lambda i, a: torch.maximum(i[0], i[1]),
    "Min": lambda i, a: torch.minimum(i[0], i[1]),
    "Concat": lambda i, a: torch.cat(i, a["axis"]),
    "Split": _split,
    "Slice": _slice,
    "Reshape": _reshape,
    "Flatten": lambda i, a: torch.flatten(i[0], a.get("axis", 1)) if a.get("axis", 1) == 1 else i[0].flatten(),
    "Transpose": lambda i, a: i[0].permute(a["perm"]),
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Expand": lambda i, a: i[0] * torch.ones(_ints(i[1]), dtype=i[0].dtype, device=i[0].device),
    "Tile": lambda i, a: i[0].repeat(_ints(i[1])),
    "Clip": _clip,
    "Cast": lambda i, a: i[0].to(_TYPES[a["to"]]),
    "Identity": lambda i, a: i[0],
    "Dropout": lambda i, a: i[0],
    "Shape": lambda i, a: torch.tensor(i[0].shape),
    "Gather": _gather,
    "GatherElements": lambda i, a: torch.gather(i[0], a.get("axis", 0), i[1]),
    "TopK": lambda i, a: torch.topk(i[0], _ints(i[1])[0], a.get("axis", -1), bool(a.get("largest", 1))),
    "ReduceMax": _reduce(torch.amax),
    "ReduceMean": _reduce(torch.mean),
    "ReduceSum": _reduce(torch.sum),
    "BatchNormalization": lambda i, a: F.batch_norm(i[0], i[3], i[4], i[1], i[2], eps=a.get("epsilon", 1e-5)),
}
