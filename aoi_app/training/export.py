"""From a trained network to what the station loads: one ONNX file with its card inside and beside it."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch

from aoi_app.core.errors import AoiError
from aoi_app.inference.card import METADATA_KEY, ModelCard, card_path
from aoi_app.training.network import REG_MAX, STRIDES, Network

OPSET = 19
"""The first that quantises to FP16 scales; every runtime of the station reads it."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the model, its card, and by how much ONNX Runtime differs from PyTorch at most."""

    model: Path
    card: ModelCard
    difference: float


def export(network: Network, card: ModelCard, path: Path, size: tuple[int, int] = (640, 640)) -> Exported:
    """Write an FP32 network as ONNX: dynamic batch, fixed size, raw head, normalisation folded away.

    Parameters
    ----------
    card
        With classes, input and whatever is known; family, strides, bins and hash are filled in here.

    Raises
    ------
    AoiError
        ONNX Runtime computes something else than PyTorch.
    """
    network = network.cpu().float().eval()
    planes = card.input.channels.planes
    complete = ModelCard.model_validate(
        card.model_dump() | {"family": "aoi", "strides": STRIDES, "reg_max": REG_MAX, "sha256": ""}
    )
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # PyTorch announces its newer exporter, whose graphs carry framework names
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.zeros(1, planes, *size),),
            buffer,
            input_names=["images"],
            output_names=["head"],
            dynamic_axes={"images": {0: "batch"}, "head": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load_from_string(buffer.getvalue())
    _tidy(model, complete, size)
    onnx.checker.check_model(model, full_check=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(model.SerializeToString())
    difference = _difference(network, part, planes, size)
    if difference > 1e-3:
        part.unlink()
        raise AoiError(
            f"The exported model differs from the trained one by {difference:.2g}; at most 0.001 is rounding.",
            "Report this with the versions of torch and onnxruntime.",
        )
    part.replace(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    beside = complete.model_copy(update={"sha256": digest})
    card_path(path).write_text(beside.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return Exported(path, beside, difference)


def _tidy(model: onnx.ModelProto, card: ModelCard, size: tuple[int, int]) -> None:
    """Take the exporter's traces out of the graph and put in what readers of the station and of others look for."""
    for node in model.graph.node:
        node.ClearField("doc_string")
    model.graph.name = card.name or "aoi"
    model.producer_name, model.producer_version, model.doc_string = "aoi-station", "", card.description
    del model.metadata_props[:]
    metadata = {
        METADATA_KEY: card.model_dump_json(),
        "names": json.dumps(dict(enumerate(card.classes))),
        "imgsz": json.dumps(list(size)),
        "stride": str(max(STRIDES)),
        "task": "detect",
    }
    for key, value in metadata.items():
        model.metadata_props.add(key=key, value=value)


def _difference(network: Network, path: Path, planes: int, size: tuple[int, int]) -> float:
    """Return the largest difference of the raw head, for a batch of three random images."""
    import onnxruntime

    images = torch.rand(3, planes, *size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = network(images).numpy()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    found = session.run(None, {"images": images.numpy()})[0]
    return float(np.abs(found - wanted).max())
