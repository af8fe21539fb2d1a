"""LiteRT (TFLite) files made from ONNX ones by LiteRT's own converter and quantiser."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import shutil
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from aoi_app.core.errors import BackendMissing, EngineError, ModelError
from aoi_app.core.install import install_line
from aoi_app.inference.calibration import TileSource, image_files
from aoi_app.inference.card import ModelCard, card_path
from aoi_app.inference.model import TFLITE, Model
from aoi_app.inference.onnx_file import plain_hash
from aoi_app.inference.precision import cache_dir
from aoi_app.inference.quantise import MIN_TILES, Progress

VERSION = 2
"""Counted up when the conversion changes."""
INSTALL = install_line("litert-convert")
SIGNATURE = "serving_default"
MAX_RUNS = 200
"""Runs that INT8 is calibrated on: more change the ranges hardly any more."""
_QUANTISED = (
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "ADD",
    "MAX_POOL_2D",
    "RESIZE_NEAREST_NEIGHBOR",
    "CONCATENATION",
)
_OUTPUTS = r".*serving_default_output.*"


def tflite_file(model: Model, precision: str, batch: int, images: Sequence[Path], progress: Progress) -> Path:
    """Return the LiteRT file of a model in a precision.

    `<stem>.<precision>.tflite` beside the ONNX file where there is one; else it is made, once, and kept.

    Raises
    ------
    BackendMissing
        It must be made and the converter is not installed.
    EngineError
        INT8 without images.
    ModelError
        The network cannot be converted.
    """
    beside = model.path.with_name(f"{model.path.stem}.{precision}{TFLITE}")
    if beside.is_file():
        _check_origin(beside, model)
        return beside
    return _kept(model, precision, batch, images, progress)


def export_tflite(
    model: Model, precision: str, folder: Path, images: Sequence[Path], progress: Progress, batch: int = 1
) -> Path:
    """Write `<stem>.<precision>.tflite` and its card into a folder; return the file.

    Raises
    ------
    BackendMissing
        The converter is not installed.
    EngineError
        INT8 without images, or the folder cannot be written.
    ModelError
        The network cannot be converted.
    """
    if model.path.suffix == TFLITE:
        raise ModelError(f"{model.path.name} is a LiteRT file already.", "Name the ONNX file.")
    made = _kept(model, precision, model.batch or batch, images, progress)
    target = folder / f"{model.path.stem}.{precision}{TFLITE}"
    card = model.card.model_copy(update={"sha256": plain_hash(made), "made_from": model.sha256})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The card first: it names the file by its hash, so half an export is refused and not used.
        card_path(target).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
        shutil.copyfile(made, target)
    except OSError as error:
        raise EngineError(f"{target} cannot be written: {error}.", "Choose a folder that can be written to.") from error
    return target


def _check_origin(path: Path, model: Model) -> None:
    """Refuse a file that was converted from another network. Raises ModelError."""
    try:
        card = ModelCard.model_validate_json(card_path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        return  # without a card nothing is known; its shapes are compared when it is opened
    if card.made_from and card.made_from != model.sha256:
        raise ModelError(
            f"{path.name} was converted from another network: SHA-256 {card.made_from[:12]}..., {model.path.name} has "
            f"{model.sha256[:12]}...",
            "Export it again: aoi engine export --tflite, or delete it.",
        )


def _kept(model: Model, precision: str, batch: int, images: Sequence[Path], progress: Progress) -> Path:
    """Return the file from the cache, made there where it is not yet."""
    source = TileSource(model, image_files(images)) if precision == "int8" else None
    if source is not None and len(source) < MIN_TILES:
        raise EngineError(
            f"INT8 needs images to calibrate on: {len(source)} tiles were found, at least {MIN_TILES} are needed.",
            "Collect 500 to 1,000 tiles of the plant's own boards.",
        )
    key = f"{model.sha256[:16]}-{precision}-b{batch}-v{VERSION}"
    key += f"-{source.digest[:12]}" if source is not None else ""
    target = cache_dir() / "precision" / f"{model.path.stem}-{key}{TFLITE}"
    if not target.is_file():
        # The others are made of the FP32 file: converting takes much longer than quantising.
        base = None if precision == "fp32" else _kept(model, "fp32", batch, images, progress)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_suffix(f".{os.getpid()}.tmp")
        try:
            _make(model, precision, batch, source, base, draft, progress)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
    return target


def _make(
    model: Model,
    precision: str,
    batch: int,
    source: TileSource | None,
    base: Path | None,
    target: Path,
    progress: Progress,
) -> None:
    stopped: list[BaseException] = []

    def tell(share: float, text: str) -> None:
        try:
            progress(share, text)
        except BaseException as error:
            stopped.append(error)
            raise

    tell(0.0, f"converting {model.path.name} to LiteRT")
    try:
        with _quiet():
            if base is None:
                _convert(model, batch, target)
            else:
                _quantise(batch, source, base, target, tell)
    except (BackendMissing, ModelError):
        raise
    except Exception as error:
        if error in stopped:
            raise
        raise ModelError(
            f"{model.path.name} cannot be converted to LiteRT {precision}: {str(error).splitlines()[0][:300]}.",
            "Use ONNX Runtime for this model.",
        ) from error


def _convert(model: Model, batch: int, target: Path) -> None:
    try:
        import litert_torch
        import torch
    except ImportError as error:
        raise BackendMissing(
            f"{model.path.name} has no LiteRT file yet, and the converter is not installed: {error}.",
            f"Install it with: {INSTALL}",
        ) from error
    from aoi_app.inference.runtimes.onnx_to_torch import OnnxModule
    from aoi_app.inference.runtimes.ort_library import simplified

    module = OnnxModule(simplified(model, batch), model.output_names).eval()
    # The converter reads weights in the order of their memory, whatever their strides say.
    module = module.to(memory_format=torch.contiguous_format)
    dtype = {"float32": torch.float32, "float16": torch.float16, "uint8": torch.uint8}[model.dtype.name]
    litert_torch.convert(module, (torch.zeros(model.input_shape(batch), dtype=dtype),)).export(str(target))


def _ranges(job: Any, source: TileSource, batch: int, progress: Progress) -> dict[str, Any]:
    """Return the ranges of all tensors over tiles that are spread over all images.

    Run by run, and the widest of all: within one call the library takes a moving average, which cuts off just the
    strong answers that defects give.
    """
    widest: dict[str, Any] = {}
    runs = min(MAX_RUNS, max(1, len(source) // batch))
    for number in range(runs):
        progress(number / runs, f"calibrating, run {number} of {runs}")
        tiles = _tiles(source, number * len(source) // runs, batch)
        found: dict[str, dict[str, Any]] = job.calibrate({SIGNATURE: [{"args_0": tiles}]}, num_threads=1)
        for name, values in found.items():
            before = widest.setdefault(name, dict(values))
            for key, wider in (("min", np.minimum), ("max", np.maximum)):
                if key in values:
                    before[key] = wider(before[key], values[key])
    return widest


def _tiles(source: TileSource, first: int, batch: int) -> NDArray[Any]:
    """Return `batch` tiles from number `first` on, from the start again after the last one."""
    return np.concatenate([source.tile((first + i) % len(source)) for i in range(batch)])


def _quantise(batch: int, source: TileSource | None, base: Path, target: Path, progress: Progress) -> None:
    """Make of a float file one with FP16 weights or, where there are tiles to calibrate on, one of INT8."""
    try:
        from ai_edge_quantizer import qtyping, quantizer
        from ai_edge_quantizer.algorithm_manager import AlgorithmName
    except ImportError as error:
        raise BackendMissing(f"The quantiser is not installed: {error}.", f"Install it with: {INSTALL}") from error
    job = quantizer.Quantizer(str(base))
    operations = [getattr(qtyping.TFLOperationName, n) for n in _QUANTISED if hasattr(qtyping.TFLOperationName, n)]
    ranges: Any = None
    if source is None:
        half = qtyping.OpQuantizationConfig(
            weight_tensor_config=qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT),
            compute_precision=qtyping.ComputePrecision.FLOAT,
            explicit_dequantize=True,
        )
        for operation in operations[:3]:
            job.update_quantization_recipe(".*", operation, half, AlgorithmName.FLOAT_CASTING)
    else:
        for operation in operations:
            job.add_static_config(".*", operation, activation_num_bits=8, weight_num_bits=8)
        # What leaves the network is read as it is: no steps there.
        job.update_quantization_recipe(
            _OUTPUTS, qtyping.TFLOperationName.ALL_SUPPORTED, algorithm_key=AlgorithmName.NO_QUANTIZE
        )
        ranges = _ranges(job, source, batch, progress)
    job.quantize(ranges).export_model(str(target), overwrite=True)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the converter's progress off the station's console."""
    root = logging.getLogger()
    before = root.level
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        root.setLevel(logging.ERROR)
        try:
            yield
        finally:
            root.setLevel(before)
