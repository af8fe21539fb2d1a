"""A model repository that a stock Triton server loads."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from aoi_app.core.errors import EngineError
from aoi_app.inference.model import Model
from aoi_app.inference.onnx_file import TensorSpec, describe
from aoi_app.inference.precision import PrecisionFile

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
        Whether the instances are on GPUs or on the CPU.
    """

    instances: int = 1
    max_batch: int = 8
    max_delay_us: int = 500
    gpu: bool = True


def server_name(model: Model) -> str:
    """Return what a model is called on a server: its card's name without what servers do not take."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", model.card.name or model.path.stem)


def export_repository(file: PrecisionFile, folder: Path, plan: ServerPlan, engine: Path | None = None) -> Path:
    """Write a model repository, or add the model to one that is there.

    Parameters
    ----------
    engine
        A TensorRT plan to serve instead of the ONNX file; it must have been built on the server's own kind of GPU.

    Returns
    -------
    Path
        The model's folder: `config.pbtxt` and version `1`.

    Raises
    ------
    EngineError
        The folder cannot be written.
    """
    name = server_name(file.source)
    home = folder / name
    try:
        (home / "1").mkdir(parents=True, exist_ok=True)
        source, called = (file.model.path, "model.onnx") if engine is None else (engine, "model.plan")
        shutil.copyfile(source, home / "1" / called)
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
    outputs = [_tensor(t, None, batched) for t in described.outputs if t.name in model.output_names]
    lines = [
        f'name: "{server_name(file.source)}"',
        'platform: "tensorrt_plan"' if tensorrt else 'platform: "onnxruntime_onnx"',
        f"max_batch_size: {plan.max_batch if batched else 0}",
        f"input [ {', '.join(inputs)} ]",
        f"output [ {', '.join(outputs)} ]",
        f"instance_group [ {{ count: {plan.instances}, kind: {'KIND_GPU' if plan.gpu else 'KIND_CPU'} }} ]",
        f'parameters {{ key: "{HASH_PARAMETER}" value {{ string_value: "{file.sha256}" }} }}',
    ]
    if batched:
        lines.insert(
            -1,
            f"dynamic_batching {{ max_queue_delay_microseconds: {plan.max_delay_us}, preferred_batch_size: "
            f"[ {', '.join(map(str, _preferred(plan.max_batch)))} ] }}",
        )
    return "\n".join(lines) + "\n"


def _preferred(most: int) -> list[int]:
    return [n for n in (2, 4, 8, 16, 32, 64) if n < most] + [most]


def _tensor(tensor: TensorSpec, shape: tuple[int, ...] | None, batched: bool) -> str:
    dims = [-1 if d is None else d for d in (shape or tensor.shape or ())]
    kept = dims[1:] if batched else dims
    return f'{{ name: "{tensor.name}", data_type: {_TYPES[tensor.type_name]}, dims: [ {", ".join(map(str, kept))} ] }}'
