"""Where two precisions of one network part: tensor by tensor, in the order in which they are computed."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.errors import ModelError
from aoi_app.inference.model import Model
from aoi_app.inference.onnx_file import load_proto
from aoi_app.inference.runtimes.ort_library import run_once

PARTED = 0.02
"""Relative error from which two tensors count as parted; FP16 rounds at 0.0005."""


@dataclass(frozen=True, slots=True)
class TensorDifference:
    """How far one tensor is off.

    Attributes
    ----------
    operator
        What computes it, e.g. "Conv".
    relative
        Norm of the difference over the norm of the reference.
    largest
        Largest difference of one value.
    range_reference
        Largest absolute value of the reference.
    not_finite
        Values that are no numbers in the other network and were in the reference.
    """

    name: str
    operator: str
    relative: float
    largest: float
    range_reference: float
    not_finite: int

    @property
    def parted(self) -> bool:
        """Whether it is off by more than rounding explains."""
        return self.not_finite > 0 or self.relative > PARTED


def compare_tensors(reference: Model, other: Model, tile: NDArray[Any]) -> tuple[TensorDifference, ...]:
    """Run one tile through two precisions of a network and compare every tensor that both have.

    Parameters
    ----------
    reference, other
        Files of the same network, as `in_precision` makes them.
    tile
        (1, channels, height, width) as the reference takes it; repeated for a network of fixed batch.

    Returns
    -------
    tuple of TensorDifference
        In the order of the reference; only floating-point tensors.

    Raises
    ------
    ModelError
        They have no tensor in common.
    """
    first, operators = _all_tensors(reference, tile)
    second, _ = _all_tensors(other, tile)
    found = []
    for name, operator in operators.items():
        match = next((n for n in (name, f"{name}_half") if n in second), None)
        if match is None or first[name].dtype.kind != "f" or second[match].shape != first[name].shape:
            continue
        found.append(difference(name, operator, first[name], second[match]))
    if not found:
        raise ModelError(
            f"{reference.path.name} and {other.path.name} have no tensor in common.",
            "Compare two precisions of the same model.",
        )
    return tuple(found)


def difference(name: str, operator: str, reference: NDArray[Any], other: NDArray[Any]) -> TensorDifference:
    """Compare two arrays of one shape."""
    a, b = reference.astype(np.float64), other.astype(np.float64)
    fine = np.isfinite(b)
    bad = int((np.isfinite(a) & ~fine).sum())
    apart = np.where(fine, b, a) - a
    norm = float(np.linalg.norm(a))
    off = float(np.linalg.norm(apart))
    relative = off / norm if norm else float(off > 0)
    return TensorDifference(
        name,
        operator,
        relative,
        float(np.abs(apart).max(initial=0.0)),
        float(np.abs(a).max(initial=0.0)),
        bad,
    )


def first_parted(differences: Sequence[TensorDifference]) -> TensorDifference | None:
    """Return the first tensor that is off by more than rounding explains."""
    return next((d for d in differences if d.parted), None)


def _all_tensors(model: Model, tile: NDArray[Any]) -> tuple[Mapping[str, NDArray[Any]], Mapping[str, str]]:
    """Return every tensor by name, and what computes it, in the order of the file."""
    import onnx

    proto = load_proto(model.path)
    known = {output.name for output in proto.graph.output}
    operators = {name: node.op_type for node in proto.graph.node for name in node.output if name}
    for name in operators:
        if name not in known:
            proto.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    feed = np.repeat(tile, model.batch or 1, axis=0).astype(model.dtype)
    with tempfile.TemporaryDirectory(prefix="aoi-compare-") as folder:
        path = Path(folder) / model.path.name
        onnx.save(proto, str(path))
        return run_once(path, {model.input_name: feed}), operators
