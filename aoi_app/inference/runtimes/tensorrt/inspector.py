"""The precision of an engine, read back layer by layer: never from a file's name."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from aoi_app.core.errors import EngineError
from aoi_app.inference.runtimes.base import layers_in_words

# They move or convert values, or prepare shapes; none of them computes in a precision.
_NO_ARITHMETIC = re.compile(
    r"reformat|cast|noop|constant|shape|shuffle|slice|copy|identity|signal|wait|^quantize|^dequantize|concat",
    re.IGNORECASE,
)
_WORDS = (
    ("int8", re.compile(r"int8|\bi8", re.IGNORECASE)),
    ("fp8", re.compile(r"fp8|e4m3", re.IGNORECASE)),
    ("fp16", re.compile(r"fp16|half", re.IGNORECASE)),
    ("bf16", re.compile(r"bf16|bfloat", re.IGNORECASE)),
    ("fp32", re.compile(r"fp32|float|\btf32", re.IGNORECASE)),
)

_TYPE_FIELDS = ("Format/Datatype", "DataType", "Datatype", "Format")
"""One field holds both up to TensorRT 10; 11 has one for each, and the format alone need not name a type."""

_TACTICS = (
    ("int8", re.compile(r"i8i8|s8s8|int8", re.IGNORECASE)),
    ("fp16", re.compile(r"f16f16|h884|h1688|h16816|hmma|_half", re.IGNORECASE)),
    ("bf16", re.compile(r"bf16bf16", re.IGNORECASE)),
    ("fp32", re.compile(r"f32f32|tf32|sgemm|_float|scudnn", re.IGNORECASE)),
)
"""What names of tactics hold, such as "sm80_xmma_fprop_implicit_gemm_f16f16_f16f16_f16_nhwckrsc_nhwc"."""


@dataclass(frozen=True, slots=True)
class LayerPrecision:
    """One layer of an engine and the precision that it computes in."""

    name: str
    kind: str
    precision: str


@dataclass(frozen=True, slots=True)
class PrecisionReport:
    """What an engine really computes in.

    Attributes
    ----------
    layers
        Those that compute; reformatting, casts and shape arithmetic are left out.
    """

    layers: tuple[LayerPrecision, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Layers by precision, most first."""
        return dict(Counter(layer.precision for layer in self.layers).most_common())

    def __str__(self) -> str:
        """Return e.g. "FP16 in 61 of 63 layers"."""
        return layers_in_words(self.counts) if self.layers else "not told by the engine"


def parse_layers(text: str) -> PrecisionReport:
    """Read the inspector's JSON, of any release.

    Raises
    ------
    EngineError
        It is not the inspector's JSON.
    """
    try:
        layers = json.loads(text, strict=False)["Layers"]
    except (ValueError, KeyError, TypeError) as error:
        raise EngineError(f"The engine inspector's answer cannot be read: {error!r}.") from error
    found = []
    for layer in layers:
        if not isinstance(layer, dict):
            continue  # names only: the engine was built without detail
        kind, name = str(layer.get("LayerType", "")), str(layer.get("Name", ""))
        if _NO_ARITHMETIC.search(kind) or not layer.get("Inputs"):
            continue
        precision = _precision(layer)
        if precision:
            found.append(LayerPrecision(name, kind, precision))
    return PrecisionReport(tuple(found))


def _precision(layer: dict[str, Any]) -> str:
    """Return the type of what the layer works on: its first input's, for a layer's weights follow it.

    Where the formats are left open ("N/A due to dynamic shapes"), the weights or the name of the chosen tactic tell.
    """
    for tensor in (*layer.get("Inputs", ()), *layer.get("Outputs", ())):
        for said in (str(tensor[field]) for field in _TYPE_FIELDS if field in tensor):
            for word, pattern in _WORDS:
                if pattern.search(said):
                    return word
    weights = layer.get("Weights")
    if isinstance(weights, dict):
        for word, pattern in _WORDS:
            if pattern.search(str(weights.get("Type", ""))):
                return word
    tactic = str(layer.get("TacticName", ""))
    return next((word for word, pattern in _TACTICS if pattern.search(tactic)), "")


def inspector_text(trt: Any, engine: Any, context: Any = None) -> str:
    """Return what the engine inspector says of `engine`, as JSON text.

    Parameters
    ----------
    context
        An execution context whose input shapes are set: an engine of open shapes tells its formats only then.
    """
    inspector = engine.create_engine_inspector()
    if context is not None:
        inspector.execution_context = context
    return str(inspector.get_engine_information(trt.LayerInformationFormat.JSON))
