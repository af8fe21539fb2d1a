"""Which tensors of a network are too large for FP16, measured by running it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aoi_app.inference.half import HALF_MAX, half_tensors
from aoi_app.inference.model import Model
from aoi_app.inference.runtimes.ort_library import open_session

if TYPE_CHECKING:
    import onnx

HEADROOM = 4.0
"""A tensor that comes this near to the largest FP16 number on the trial images stays in FP32."""


def overflowing(proto: onnx.ModelProto, model: Model) -> frozenset[str]:
    """Return the names of the tensors and weights that would overflow, or come near to it, if they were FP16.

    The trial images are drawn, not the plant's: every station makes the same file. What real images do to it is for
    the gate to see.
    """
    import onnx

    watched = sorted(half_tensors(proto))
    trial = onnx.ModelProto()
    trial.CopyFrom(proto)
    known = {o.name for o in trial.graph.output}
    trial.graph.output.extend(onnx.ValueInfoProto(name=name) for name in watched if name not in known)
    session = open_session(trial.SerializeToString(), 1, level="none")
    most = dict.fromkeys(watched, 0.0)
    for image in _trial_images(model):
        for name, values in zip(watched, session.run(watched, {model.input_name: image}), strict=True):
            most[name] = max(most[name], float(np.abs(values).max(initial=0.0)))
    for weight in trial.graph.initializer:
        if weight.data_type == onnx.TensorProto.FLOAT:
            largest = float(np.abs(onnx.numpy_helper.to_array(weight)).max(initial=0.0))
            most[weight.name] = largest / HEADROOM  # weights are what they are
    return frozenset(name for name, value in most.items() if not value * HEADROOM <= HALF_MAX)


def _trial_images(model: Model) -> Iterator[NDArray[Any]]:
    """Yield white, black, a board of squares and noise, as the network takes them."""
    shape = model.input_shape(model.batch or 1)
    white = 255 * model.card.input.scale
    yield np.full(shape, white, model.dtype)
    yield np.zeros(shape, model.dtype)
    y, x = np.mgrid[: model.size[0], : model.size[1]]
    squares = ((x // 16 + y // 16) % 2).astype(np.float32) * white
    planes = squares[:, :, None] if model.channels_last else squares[None]
    yield np.broadcast_to(planes, shape).astype(model.dtype)
    yield (np.random.default_rng(0).random(shape) * white).astype(model.dtype)
