"""The same network in FP32, FP16 and INT8: made once, kept, and used by every runtime."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from aoi_app.core.errors import EngineError
from aoi_app.inference.calibration import TileSource, image_files
from aoi_app.inference.card import METADATA_KEY, ModelCard
from aoi_app.inference.half import to_half
from aoi_app.inference.model import Model
from aoi_app.inference.onnx_file import file_hash, load_proto, weight_types
from aoi_app.inference.overflow import overflowing
from aoi_app.inference.quantise import Progress, quantise

if TYPE_CHECKING:
    import onnx

PRECISIONS = ("fp32", "fp16", "int8")
_HOLDS = {"fp16": {"float16"}, "int8": {"int8", "uint8"}}
CACHE_VARIABLE = "AOI_CACHE"
VERSION = 3
"""Counted up when a conversion changes: files of another version are made anew."""


@dataclass(frozen=True, slots=True)
class PrecisionFile:
    """A network in one precision.

    Attributes
    ----------
    model
        As `read_model` gave it, with the path of the file in this precision.
    source
        The model that it was made from.
    """

    model: Model
    source: Model
    precision: str

    @property
    def sha256(self) -> str:
        """Of the file that runs."""
        return self.model.sha256


def cache_dir() -> Path:
    """Return the folder for what can be made again: `AOI_CACHE`, else the user's cache folder."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen) if chosen else platformdirs.user_cache_path("aoi-station", appauthor=False)


def in_precision(
    model: Model,
    precision: str,
    *,
    images: Sequence[Path] = (),
    progress: Progress = lambda share, text: None,
    cache: Path | None = None,
) -> PrecisionFile:
    """Return the network in a precision; makes the file where it is not there yet.

    Inputs and outputs, their types included, are those of the source. A file that holds FP16 already is FP16.

    Parameters
    ----------
    images
        Image files or folders to calibrate INT8 on; the plant's own boards.

    Raises
    ------
    EngineError
        No such precision; INT8 without images.
    ModelError
        The network cannot be converted.
    """
    if precision not in PRECISIONS:
        raise EngineError(f"There is no precision called {precision!r}.", f"Choose one of {', '.join(PRECISIONS)}.")
    held = weight_types(model.path)
    if precision == "fp32" or held & _HOLDS[precision]:
        return PrecisionFile(model, model, precision)
    if "float" not in held:
        raise EngineError(
            f"{model.path.name} holds {', '.join(held) or 'no'} weights; {precision} is made from FP32.",
            "Give the FP32 export of this model.",
        )
    key = f"{model.sha256[:16]}-{precision}-v{VERSION}"
    source = TileSource(model, image_files(images)) if precision == "int8" else None
    if source is not None:
        key += f"-{source.digest[:12]}"
    target = (cache or cache_dir()) / "precision" / f"{model.path.stem}-{key}.onnx"
    if not target.is_file():
        _make(model, precision, target, source, progress)
    return PrecisionFile(replace(model, path=target, sha256=file_hash(target)), model, precision)


def _make(model: Model, precision: str, target: Path, source: TileSource | None, progress: Progress) -> None:
    """Write the file so that a crash leaves a whole one or none."""
    import onnx

    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_suffix(f".{os.getpid()}.tmp")
    try:
        progress(0.0, f"making {precision} of {model.path.name}")
        if source is not None:
            quantise(model, draft, source.tile, len(source), progress)
            proto = onnx.load(str(draft))
        else:
            single = load_proto(model.path)
            proto = to_half(single, overflowing(single, model))
        put_card(proto, model.card)
        draft.write_bytes(proto.SerializeToString(deterministic=True))
        load_proto(draft)
        draft.replace(target)
        progress(1.0, f"{precision} of {model.path.name} is ready")
    finally:
        draft.unlink(missing_ok=True)


def put_card(proto: onnx.ModelProto, card: ModelCard) -> None:
    """Put a card inside, so that the file can be used without the one it was made from."""
    from onnx import helper

    kept = {p.key: p.value for p in proto.metadata_props}
    kept[METADATA_KEY] = card.model_copy(update={"sha256": ""}).model_dump_json()
    helper.set_model_props(proto, kept)
