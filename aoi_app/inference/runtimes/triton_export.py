"""A model repository that a stock Triton server loads."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from aoi_app.core.errors import EngineError
from aoi_app.inference.layout import Form
from aoi_app.inference.model import Model
from aoi_app.inference.onnx_file import TensorSpec, describe, weight_files
from aoi_app.inference.precision import PrecisionFile
from aoi_app.inference.runtimes.ort_library import run_once
from aoi_app.inference.runtimes.tensorrt.store import StoredPlan

CARD = "card.json"
HASH_PARAMETER = "aoi.sha256"
"""Parameter of the server's model configuration that says which file it runs."""
_TYPES = {
    "float": "TYPE_FP32",
    "float16": "TYPE_FP16",
    "uint8": "TYPE_UINT8",
    "int32": "TYPE_INT32",
    "int64": "TYPE_INT64",
}


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """How a server is to run a model.

    Attributes
    ----------
    instances
        Copies of the network that run at once on each device.
    max_batch
        Most tiles that the server puts together.
    max_delay_us
        So long a tile waits for others to join it.
    gpu
        Whether the instances are on GPUs (one group on each that the server has) or on the CPU.
    """

    instances: int = 1
    max_batch: int = 8
    max_delay_us: int = 500
    gpu: bool = True


def server_name(model: Model) -> str:
    """Return what a model is called on a server: its card's name without what servers do not take."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", model.card.name or model.path.stem)


def export_repository(file: PrecisionFile, folder: Path, plan: ServerPlan, engine: StoredPlan | None = None) -> Path:
    """Write a model repository, or add the model to one that is there.

    Parameters
    ----------
    engine
        A TensorRT plan to serve instead of the ONNX file; it must have been built on the server's own kind of GPU, and
        of this very file.

    Returns
    -------
    Path
        The model's folder: `config.pbtxt`, the card, and version `1`.

    Raises
    ------
    EngineError
        The folder cannot be written, or the plan is not whole, of another file, or takes fewer tiles.
    """
    if engine is not None:
        plan = replace(plan, max_batch=min(plan.max_batch, _most_tiles(engine, file)))
    name = server_name(file.source)
    home = folder / name
    source, called, other = (file.model.path, "model.onnx", "model.plan")
    if engine is not None:
        source, called, other = (engine.path, "model.plan", "model.onnx")
    try:
        version = home / "1"
        version.mkdir(parents=True, exist_ok=True)
        # Weights first: a server that watches the folder must not load half a model.
        beside = [] if engine is not None else [(path, path.name) for path in weight_files(file.model.path)]
        for path, target in (*beside, (source, called)):
            _copy(path, version / target)
        (version / other).unlink(missing_ok=True)
        (home / CARD).write_text(_card(file), encoding="utf-8")
        (home / "config.pbtxt").write_text(config_text(file, plan, tensorrt=engine is not None), encoding="utf-8")
    except OSError as error:
        raise EngineError(f"{home} cannot be written: {error}.", "Choose a folder that can be written to.") from error
    return home


def config_text(file: PrecisionFile, plan: ServerPlan, *, tensorrt: bool) -> str:
    """Return `config.pbtxt` of a model."""
    model = file.model
    batched = model.batch is None
    described = describe(model.path)
    inputs = [_tensor(t, model.input_shape(model.batch or 1), batched) for t in described.inputs]
    whole = output_shapes(model)
    outputs = [_tensor(t, whole.get(t.name), batched) for t in described.outputs if t.name in model.output_names]
    lines = [
        f'name: "{server_name(file.source)}"',
        'platform: "tensorrt_plan"' if tensorrt else 'platform: "onnxruntime_onnx"',
        f"max_batch_size: {plan.max_batch if batched else 0}",
        f"input [ {', '.join(inputs)} ]",
        f"output [ {', '.join(outputs)} ]",
        f"instance_group [ {{ count: {plan.instances}, kind: {'KIND_GPU' if plan.gpu else 'KIND_CPU'} }} ]",
    ]
    if batched:
        lines.append(
            f"dynamic_batching {{ max_queue_delay_microseconds: {plan.max_delay_us}, preferred_batch_size: "
            f"[ {', '.join(map(str, _preferred(plan.max_batch)))} ] }}"
        )
    # The first board must not wait for what a library does at its first run; a batch of each end is enough.
    lines += [_warm_up(model, tiles, batched) for tiles in sorted({1, plan.max_batch} if batched else {1})]
    lines.append(f'parameters {{ key: "{HASH_PARAMETER}" value {{ string_value: "{file.sha256}" }} }}')
    return "\n".join(lines) + "\n"


def output_shapes(model: Model) -> dict[str, tuple[int, ...]]:
    """Return the outputs' shapes for the least batch, as a run tells them: the graph may leave them open.

    Only of heads with a value for each cell; lists of boxes may be longer for the next tile.
    """
    if model.head.form in (Form.ROWS, Form.BATCH_ROWS, Form.COUNTED):
        return {}
    tile = np.zeros(model.input_shape(model.batch or 1), model.dtype)
    return {name: value.shape for name, value in run_once(model.path, {model.input_name: tile}).items()}


def _most_tiles(engine: StoredPlan, file: PrecisionFile) -> int:
    """Return how many tiles a plan takes. Raises EngineError where it does not belong to the file."""
    if engine.manifest is None or engine.problem:
        raise EngineError(f"{engine.path.name} cannot be served: {engine.problem}", "Build it again: aoi engine build.")
    if engine.manifest.onnx_sha256 != file.sha256:
        raise EngineError(
            f"{engine.path.name} was built from another network: SHA-256 {engine.manifest.onnx_sha256[:12]}..., "
            f"{file.model.path.name} in {file.precision} has {file.sha256[:12]}...",
            "Name the model and the precision that the plan was built from (aoi engine list).",
        )
    return engine.manifest.batches[-1]


def _copy(source: Path, target: Path) -> None:
    draft = target.with_name(f".{target.name}.part")
    try:
        shutil.copyfile(source, draft)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _card(file: PrecisionFile) -> str:
    return file.model.card.model_copy(update={"sha256": file.sha256}).model_dump_json(indent=2) + "\n"


def _preferred(most: int) -> list[int]:
    return [n for n in (2, 4, 8, 16, 32, 64) if n < most] + [most]


def _tensor(tensor: TensorSpec, shape: tuple[int, ...] | None, batched: bool) -> str:
    dims = [-1 if d is None else d for d in (shape or tensor.shape or ())]
    kept = dims[1:] if batched else dims
    return f'{{ name: "{tensor.name}", data_type: {_TYPES[tensor.type_name]}, dims: [ {", ".join(map(str, kept))} ] }}'


def _warm_up(model: Model, tiles: int, batched: bool) -> str:
    shape = model.input_shape(model.batch or 1)[1 if batched else 0 :]
    kind = _TYPES[{"float32": "float"}.get(model.dtype.name, model.dtype.name)]
    value = f"{{ data_type: {kind}, dims: [ {', '.join(map(str, shape))} ], zero_data: true }}"
    return (
        f'model_warmup {{ name: "{tiles} of nothing", batch_size: {tiles}, '
        f'inputs {{ key: "{model.input_name}", value: {value} }} }}'
    )
