"""Device memory that an engine will need, item by item, before it is built or loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aoi_app.core.errors import EngineError
from aoi_app.core.recipe import MAX_WIDTH_PX
from aoi_app.inference.onnx_file import load_proto
from aoi_app.inference.runtimes.tensorrt.kernelset import key_capacity
from aoi_app.inference.runtimes.tensorrt.layout import BATCH

MIB = 1024 * 1024
LIBRARY_MIB = 96
"""Kernels that CUDA and the library load when they are first used; 50 MiB were seen with TensorRT 8.6 on an H200."""
SCRATCH = 1.5
"""Activations and what kernels need beside them, against activations alone: 1.39 were seen, in FP32 and in FP16."""


@dataclass(frozen=True, slots=True)
class VramBudget:
    """What an engine takes, bytes by item."""

    items: Mapping[str, int]

    @property
    def total(self) -> int:
        """Sum of all items, bytes."""
        return sum(self.items.values())

    def without(self, *names: str) -> VramBudget:
        """Return the budget without some of its items."""
        return VramBudget({name: nbytes for name, nbytes in self.items.items() if name not in names})

    def __str__(self) -> str:
        """Return the sum, readable: "weights 12 + activations 40 = 52 MiB"."""
        parts = " + ".join(f"{name} {-(-nbytes // MIB)}" for name, nbytes in self.items.items())
        return f"{parts} = {-(-self.total // MIB)} MiB"

    def check(self, free: int, doing: str) -> None:
        """Refuse what does not fit.

        Parameters
        ----------
        free
            Bytes free on the device.
        doing
            "build fp16 of board.onnx".

        Raises
        ------
        EngineError
            With the sum.
        """
        if self.total > free:
            raise EngineError(
                f"The GPU's memory does not suffice to {doing}: {self} are needed, {free // MIB} MiB are free.",
                "Close other programs on the GPU, choose fp16, or a smaller batch or workspace in the settings.",
            )


def ring_bytes(size: tuple[int, int], overlap: int, batch: int, width: int = MAX_WIDTH_PX) -> int:
    """Return the bytes of the line ring for Mono8 boards `width` pixels wide."""
    columns = max(1, -(-(width - size[1]) // (size[1] - overlap)) + 1)
    rows = 3 * -(-batch // columns) + 1
    return width * (size[0] + rows * (size[0] - overlap))


def scratch_bytes(anchors: int) -> int:
    """Return what decoding and suppression take for one tile: keys, boxes, classes, counters."""
    return 8 * key_capacity(anchors) + 20 * anchors + 8


def estimate(
    onnx: Path, input_name: str, input_shape: tuple[int, ...], lanes: int, workspace_mib: int, ring: int
) -> VramBudget:
    """Return the budget of an engine that is not built yet, from the network alone.

    Activations are what is alive at once in the order of the file, with room for the scratch memory of kernels.

    Parameters
    ----------
    input_shape
        Of the largest run.
    lanes
        Batches on the device at a time.
    ring
        Bytes of the board's line ring.
    """
    import onnx as library

    proto = load_proto(onnx)
    for source in proto.graph.input:
        if source.name == input_name:
            for dimension, value in zip(source.type.tensor_type.shape.dim, input_shape, strict=True):
                dimension.dim_value = value
    for output in proto.graph.output:  # what the file says of an open batch contradicts the batch chosen here
        output.type.tensor_type.ClearField("shape")
    graph = library.shape_inference.infer_shapes(proto, data_prop=True).graph
    sizes = {v.name: _nbytes(v) for v in (*graph.value_info, *graph.input, *graph.output)}
    weights = sum(library.numpy_helper.to_array(t).nbytes for t in graph.initializer)
    ports = sum(sizes.get(v.name, 0) for v in (*graph.input, *graph.output))
    # The longer side of an output is its list of places.
    anchors = max((max(_dims(v)[1:], default=0) for v in graph.output), default=0)
    decoding = scratch_bytes(max(anchors, 1)) * input_shape[0] + BATCH.itemsize
    return VramBudget(
        {
            "weights": weights,
            "I/O": ports * lanes,
            "decoding": decoding * lanes,
            "activations": int(SCRATCH * _peak(graph, sizes)) * lanes,
            "workspace": workspace_mib * MIB,
            "library": LIBRARY_MIB * MIB,
            "board ring": ring,
        }
    )


def _nbytes(value: Any) -> int:
    import onnx as library

    tensor, dims = value.type.tensor_type, _dims(value)
    if not tensor.elem_type or any(d < 1 for d in dims):
        return 0
    return int(np.prod(dims, dtype=np.int64)) * library.helper.tensor_dtype_to_np_dtype(tensor.elem_type).itemsize


def _dims(value: Any) -> list[int]:
    return [d.dim_value for d in value.type.tensor_type.shape.dim]


def _peak(graph: Any, sizes: Mapping[str, int]) -> int:
    """Return the most bytes alive at once when the nodes run in the order of the file."""
    last = {name: i for i, node in enumerate(graph.node) for name in node.input}
    alive: dict[str, int] = {}
    peak = 0
    for index, node in enumerate(graph.node):
        alive |= {name: sizes.get(name, 0) for name in node.output}
        peak = max(peak, sum(alive.values()))
        alive = {name: n for name, n in alive.items() if last.get(name, -1) > index}
    return peak
