"""The mean of two models of one network: where one was trained on from the other, it often does better than both.

Two such runs end on two sides of the same hollow of the loss, and their mean nearer to its middle (Wortsman et al.,
"Model soups", 2022). Of runs that were not begun from one another the mean is worth nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from aoi_app.core.errors import ModelError
from aoi_app.core.files import replacing
from aoi_app.inference.card import ModelCard, card_path
from aoi_app.inference.model import Model
from aoi_app.inference.onnx_file import file_hash, load_proto
from aoi_app.inference.precision import put_card

if TYPE_CHECKING:
    import onnx


def mean_of(a: Model, b: Model, share: float = 0.5) -> onnx.ModelProto:
    """Return the network of `a` with weights `share` of the way from its own to those of `b`; its card is still inside.

    Raises
    ------
    ModelError
        They are not the same network for the same classes and input, or the mean has weights that are no numbers.
    """
    from onnx import numpy_helper

    for what, of_a, of_b in (
        ("classes", ", ".join(a.class_names), ", ".join(b.class_names)),
        ("inputs", a.card.input.model_dump_json(), b.card.input.model_dump_json()),
    ):
        if of_a != of_b:
            raise _unlike(a, b, f"their {what} are {of_a} and {of_b}")
    one, other = load_proto(a.path), load_proto(b.path)
    if _shape_of(one) != _shape_of(other):
        raise _unlike(a, b, "their layers differ in kind, size or name")
    for mine, theirs in zip(_weights(one), _weights(other), strict=True):
        own, far = numpy_helper.to_array(mine), numpy_helper.to_array(theirs)
        between = (own + share * (far.astype(np.float64) - own)).astype(own.dtype)
        if not np.isfinite(between).all():
            raise ModelError(
                f"The mean of {mine.name} is no number.", "One of the two models is broken: train it again."
            )
        mine.CopyFrom(numpy_helper.from_array(between, mine.name))
    return one


def write_mean(a: Model, b: Model, out: Path, share: float = 0.5, name: str = "") -> Path:
    """Write the mean of two models with a card, inside and beside it; return where it is.

    What was measured of the two says nothing of their mean: its card has no figures.

    Raises
    ------
    ModelError
        See `mean_of`; or there is a file of that name, it is no .onnx, or it cannot be written.
    """
    if out.suffix != ".onnx":
        raise ModelError(f"{out.name} is no name of a model.", "Let it end with .onnx.")
    if out.exists() or card_path(out).exists():
        raise ModelError(f"{out} is there already.", "Choose another name, or take the old one away first.")
    proto = mean_of(a, b, share)
    card = ModelCard.model_validate(
        a.card.model_dump()
        | {
            "name": name or out.stem,
            "data": _both(a.card.data, b.card.data),
            "licence": _both(a.card.licence, b.card.licence),
            "command": f"aoi engine mean {a.path.name} {b.path.name} --share {share:g}",
            "figures": {},
            "made_from": "",
            "sha256": "",
        }
    )
    put_card(proto, card)
    proto.graph.name = card.name
    # Both are there before either takes its place: a full disk leaves no half of them.
    with replacing(card_path(out), ModelError) as card_draft, replacing(out, ModelError) as draft:
        draft.write_bytes(proto.SerializeToString(deterministic=True))
        load_proto(draft)
        beside = card.model_copy(update={"sha256": file_hash(draft)})
        card_draft.write_text(beside.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return out


def _weights(proto: onnx.ModelProto) -> list[onnx.TensorProto]:
    """Return the tensors that are learnt: all of floating point."""
    from onnx import TensorProto

    learnt = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)
    return [tensor for tensor in proto.graph.initializer if tensor.data_type in learnt]


def _shape_of(proto: onnx.ModelProto) -> bytes:
    """Return all that two models must share: operators, their version, and the graph but the values of its weights."""
    import onnx

    bare = onnx.ModelProto()
    bare.CopyFrom(proto)
    for tensor in _weights(bare):
        for held in ("raw_data", "float_data", "int32_data", "double_data"):
            tensor.ClearField(held)
    for told in ("producer_name", "producer_version", "model_version", "doc_string", "metadata_props"):
        bare.ClearField(told)
    for told in ("name", "doc_string"):
        bare.graph.ClearField(told)
    shape: bytes = bare.SerializeToString(deterministic=True)
    return shape


def _both(one: str, other: str) -> str:
    return "; ".join(dict.fromkeys(text for text in (one, other) if text))


def _unlike(a: Model, b: Model, why: str) -> ModelError:
    return ModelError(
        f"{a.path.name} and {b.path.name} are not two trainings of one network: {why}.",
        "Take the models of two runs, the second begun from the first with `aoi train --start`.",
    )
