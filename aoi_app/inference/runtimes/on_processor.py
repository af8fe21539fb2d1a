"""INT8 networks as the libraries that compute on a processor take them best, and add them up rightly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aoi_app.inference.onnx_file import load_proto
from aoi_app.inference.quantise import unsigned_activations
from aoi_app.inference.rectifiers import drop_rectifiers
from aoi_app.inference.seven_bits import round_weights, seven_bits


def for_processor(path: Path, clips: Callable[[], bool]) -> tuple[Path | bytes, str]:
    """Return a network for a processor, and what is to be said of it.

    Equal values, in unsigned integers between the layers. Where the library clips sums (`clips`, asked only for
    networks that hold integers) the weights have 7 bits: as fast, and right within half a step of a weight.
    """
    proto = load_proto(path)
    kinds = {node.op_type for node in proto.graph.node}
    if not kinds & {"QuantizeLinear", "QLinearConv", "QLinearMatMul"}:
        return path, ""
    round_weights(proto)
    # Those of the older form name the zero points of their inputs themselves.
    if not kinds & {"QLinearConv", "QLinearMatMul"}:
        drop_rectifiers(proto)
        unsigned_activations(proto)
    reduced = clips() and seven_bits(proto) > 0
    return proto.SerializeToString(), "weights in 7 bits: this processor would clip sums of 8" if reduced else ""
