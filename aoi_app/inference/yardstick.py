"""Networks of a well-known shape with random weights: the same work on every machine, for benchmarks.

The layers are those of the published YOLOv8 diagrams (CSP blocks, SPPF, three strides, DFL box head); weights are
drawn from a fixed seed so that a handful of boxes pass the threshold. They find nothing: they only cost what such a
network costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import onnx

OPSET = 17
_REG_MAX = 16
_GAIN = 1.68  # keeps the variance of what follows a SiLU
_BOX_LOGITS = (0.5, 0.0, 1.0)  # at this quantile, this value; spread
_CLASS_LOGITS = (0.9999, -1.1, 2.0)  # a few dozen of some 700,000 pass 0.25


@dataclass(frozen=True, slots=True)
class Shape:
    """Scale of a network: share of the full depth and width."""

    depth: float
    width: float

    def channels(self, full: int) -> int:
        """Return the channels of a layer, a multiple of eight."""
        return max(8, round(full * self.width / 8) * 8)

    def repeats(self, full: int) -> int:
        """Return the blocks of a stage."""
        return max(1, round(full * self.depth))


SHAPES = {"tiny": Shape(1 / 3, 1 / 16), "yolov8n": Shape(1 / 3, 1 / 4), "yolov8s": Shape(1 / 3, 1 / 2)}


def write_yardstick(
    path: Path, shape: str = "yolov8n", *, size: int = 640, classes: int = 80, planes: int = 3, batch: int | None = None
) -> Path:
    """Write a network and return its path.

    Parameters
    ----------
    shape
        A key of `SHAPES`.
    size
        Of the square input, pixels; a multiple of 32.
    planes
        Input channels: 1, 2 (grey and golden board) or 3.
    batch
        None leaves it open.
    """
    import onnx

    builder = _Builder(SHAPES[shape], size, classes, planes, batch)
    model = builder.model()
    builder.settle(model, path)
    names = {i: f"class{i}" for i in range(classes)}
    onnx.helper.set_model_props(
        model, {"names": repr(names), "task": "detect", "imgsz": repr([size, size]), "stride": "32"}
    )
    onnx.save(model, str(path))
    return path


class _Builder:
    """Adds nodes one after the other; tensors are named by running numbers."""

    def __init__(self, shape: Shape, size: int, classes: int, planes: int, batch: int | None) -> None:
        self._shape, self._size, self._classes, self._planes, self._batch = shape, size, classes, planes, batch
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []
        self._random = np.random.default_rng(8)
        self._last: list[tuple[str, int, tuple[float, float, float]]] = []

    def model(self) -> onnx.ModelProto:
        from onnx import TensorProto, helper

        anchors = sum((self._size // s) ** 2 for s in (8, 16, 32))
        batch: Any = self._batch or "batch"
        output = self._detect(self._neck(*self._backbone()))
        self._nodes.append(helper.make_node("Identity", [output], ["output0"]))
        graph = helper.make_graph(
            self._nodes,
            "yardstick",
            [helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, self._planes, self._size, self._size])],
            [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [batch, 4 + self._classes, anchors])],
            self._weights,
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)

    def settle(self, model: onnx.ModelProto, path: Path) -> None:
        """Give the last layers the spread that logits of a trained network have, on noise as input."""
        import onnx

        from aoi_app.inference.runtimes.ort_library import run_once

        path.parent.mkdir(parents=True, exist_ok=True)
        probe = onnx.ModelProto()
        probe.CopyFrom(model)
        for name, _, _ in self._last:
            probe.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
        onnx.save(probe, str(path))
        noise = self._random.random((self._batch or 1, self._planes, self._size, self._size), np.float32)
        found = run_once(path, {"images": noise})
        for name, weight, (quantile, value, spread) in self._last:
            factor = spread / float(found[name].std())
            shift = value - float(np.quantile(found[name], quantile)) * factor
            for tensor, change in ((weight, 0.0), (weight + 1, shift)):
                values = onnx.numpy_helper.to_array(model.graph.initializer[tensor]) * np.float32(factor)
                settled = onnx.numpy_helper.from_array(values + np.float32(change), f"w{tensor}")
                model.graph.initializer[tensor].CopyFrom(settled)

    def _node(self, kind: str, inputs: Sequence[str], outputs: int = 1, **attributes: Any) -> str:
        from onnx import helper

        names = [f"t{len(self._nodes)}_{i}" for i in range(outputs)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, f"{kind}_{len(self._nodes)}", **attributes))
        return names[0]

    def _constant(self, values: Any) -> str:
        from onnx import numpy_helper

        name = f"w{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def _last_conv(self, x: str, inputs: int, outputs: int, logits: tuple[float, float, float]) -> str:
        weight = len(self._weights)
        name = self._plain(x, inputs, outputs, 1)
        self._last.append((name, weight, logits))
        return name

    def _plain(self, x: str, inputs: int, outputs: int, kernel: int, stride: int = 1) -> str:
        spread = _GAIN / np.sqrt(inputs * kernel * kernel)
        weight = self._random.normal(0, spread, (outputs, inputs, kernel, kernel)).astype(np.float32)
        return self._node(
            "Conv",
            [x, self._constant(weight), self._constant(np.zeros(outputs, np.float32))],
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[kernel // 2] * 4,
        )

    def _conv(self, x: str, inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> str:
        x = self._plain(x, inputs, outputs, kernel, stride)
        return self._node("Mul", [x, self._node("Sigmoid", [x])])

    def _csp(self, x: str, inputs: int, outputs: int, repeats: int, shortcut: bool) -> str:
        half = outputs // 2
        x = self._conv(x, inputs, outputs)
        sizes = self._constant(np.array([half, half], np.int64))
        first = self._node("Split", [x, sizes], 2, axis=1)
        parts = [first, first[:-1] + "1"]
        for _ in range(repeats):
            y = self._conv(self._conv(parts[-1], half, half, 3), half, half, 3)
            parts.append(self._node("Add", [parts[-1], y]) if shortcut else y)
        return self._conv(self._node("Concat", parts, axis=1), half * (2 + repeats), outputs)

    def _backbone(self) -> tuple[str, str, str]:
        c, n = self._shape.channels, self._shape.repeats
        x = self._conv("images", self._planes, c(64), 3, 2)
        x = self._csp(self._conv(x, c(64), c(128), 3, 2), c(128), c(128), n(3), True)
        p3 = self._csp(self._conv(x, c(128), c(256), 3, 2), c(256), c(256), n(6), True)
        p4 = self._csp(self._conv(p3, c(256), c(512), 3, 2), c(512), c(512), n(6), True)
        x = self._csp(self._conv(p4, c(512), c(1024), 3, 2), c(1024), c(1024), n(3), True)
        return p3, p4, self._pyramid_pool(x, c(1024))

    def _pyramid_pool(self, x: str, channels: int) -> str:
        parts = [self._conv(x, channels, channels // 2)]
        for _ in range(3):
            pooled = self._node("MaxPool", [parts[-1]], kernel_shape=[5, 5], strides=[1, 1], pads=[2, 2, 2, 2])
            parts.append(pooled)
        return self._conv(self._node("Concat", parts, axis=1), channels * 2, channels)

    def _up(self, x: str) -> str:
        scales = self._constant(np.array([1, 1, 2, 2], np.float32))
        return self._node("Resize", [x, "", scales], mode="nearest", coordinate_transformation_mode="asymmetric",
                          nearest_mode="floor")  # fmt: skip

    def _neck(self, p3: str, p4: str, p5: str) -> tuple[tuple[str, int], ...]:
        c, n = self._shape.channels, self._shape.repeats
        mid = self._csp(self._node("Concat", [self._up(p5), p4], axis=1), c(1024) + c(512), c(512), n(3), False)
        low = self._csp(self._node("Concat", [self._up(mid), p3], axis=1), c(512) + c(256), c(256), n(3), False)
        x = self._node("Concat", [self._conv(low, c(256), c(256), 3, 2), mid], axis=1)
        mid = self._csp(x, c(256) + c(512), c(512), n(3), False)
        x = self._node("Concat", [self._conv(mid, c(512), c(512), 3, 2), p5], axis=1)
        high = self._csp(x, c(512) + c(1024), c(1024), n(3), False)
        return (low, c(256)), (mid, c(512)), (high, c(1024))

    def _detect(self, levels: Sequence[tuple[str, int]]) -> str:
        nc, first = self._classes, levels[0][1]
        box_width, class_width = max(16, first // 4, 4 * _REG_MAX), max(first, min(nc, 100))
        flat = self._constant(np.array([0, 4 * _REG_MAX + nc, -1], np.int64))
        parts = []
        for x, channels in levels:
            box = self._conv(self._conv(x, channels, box_width, 3), box_width, box_width, 3)
            kind = self._conv(self._conv(x, channels, class_width, 3), class_width, class_width, 3)
            both = [
                self._last_conv(box, box_width, 4 * _REG_MAX, _BOX_LOGITS),
                self._last_conv(kind, class_width, nc, _CLASS_LOGITS),
            ]
            parts.append(self._node("Reshape", [self._node("Concat", both, axis=1), flat]))
        x = self._node("Concat", parts, axis=2)
        box = self._node("Split", [x, self._constant(np.array([4 * _REG_MAX, nc], np.int64))], 2, axis=1)
        return self._node("Concat", [self._boxes(box), self._node("Sigmoid", [box[:-1] + "1"])], axis=1)

    def _boxes(self, x: str) -> str:
        sides = [self._size // s for s in (8, 16, 32)]
        anchors = sum(n * n for n in sides)
        x = self._node("Reshape", [x, self._constant(np.array([0, 4, _REG_MAX, anchors], np.int64))])
        x = self._node("Softmax", [self._node("Transpose", [x], perm=[0, 3, 1, 2])], axis=3)
        bins = self._constant(np.arange(_REG_MAX, dtype=np.float32).reshape(_REG_MAX, 1))
        x = self._node(
            "Reshape", [self._node("MatMul", [x, bins]), self._constant(np.array([0, anchors, 4], np.int64))]
        )
        near = self._node("Split", [self._node("Transpose", [x], perm=[0, 2, 1])], 2, axis=1)
        far = near[:-1] + "1"
        grid = [np.mgrid[:n, :n][::-1].reshape(2, -1) + 0.5 for n in sides]
        centres = self._constant(np.concatenate(grid, axis=1).astype(np.float32)[None])
        low, high = self._node("Sub", [centres, near]), self._node("Add", [centres, far])
        middle = self._node("Mul", [self._node("Add", [low, high]), self._constant(np.array(0.5, np.float32))])
        both = self._node("Concat", [middle, self._node("Sub", [high, low])], axis=1)
        strides = np.repeat(np.array([8, 16, 32], np.float32), [n * n for n in sides])
        return self._node("Mul", [both, self._constant(strides[None, None])])
