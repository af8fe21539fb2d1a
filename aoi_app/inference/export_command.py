"""`aoi engine export`: a model as other programs take it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from aoi_app.core.errors import EngineError
from aoi_app.core.folders import plant_images_dir
from aoi_app.inference.catalog import find_model
from aoi_app.inference.console import progress_bar
from aoi_app.inference.model import Model, read_model
from aoi_app.inference.precision import in_precision
from aoi_app.inference.quantise import Progress
from aoi_app.inference.runtimes.litert_convert import export_tflite
from aoi_app.inference.runtimes.tensorrt.store import EngineStore
from aoi_app.inference.runtimes.triton_export import ServerPlan, export_repository


def export(
    model: Annotated[str, typer.Option(help="ONNX file, or a name from the engines folder.")] = "",
    triton: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Model repository for a Triton server; made, or added to.")
    ] = None,
    tflite: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for a LiteRT file (.tflite) with its card.")
    ] = None,
    precision: Annotated[str, typer.Option(help="fp32, fp16 or int8.")] = "fp32",
    plan: Annotated[
        Path | None, typer.Option(help="With --triton: serve this TensorRT plan (`aoi engine build`) instead of ONNX.")
    ] = None,
    images: Annotated[Path | None, typer.Option(help="The plant's own boards, which INT8 is calibrated on.")] = None,
    max_batch: Annotated[int, typer.Option(min=1, max=256, help="Most tiles that the server puts together.")] = 8,
    delay: Annotated[
        int, typer.Option(min=0, max=100_000, help="Microseconds that a tile waits for others, of any station.")
    ] = 500,
    instances: Annotated[int, typer.Option(min=1, max=64, help="Copies of the network on each device.")] = 1,
    cpu: Annotated[bool, typer.Option("--cpu", help="Serve on the CPU, not on the server's GPUs.")] = False,
) -> None:
    """Write a model as a Triton server or LiteRT takes it."""
    if triton is None and tflite is None:
        raise EngineError("Nothing to export to was named.", "Add --triton DIR or --tflite DIR.")
    if plan is not None and (triton is None or cpu):
        raise EngineError("A plan is for GPUs of a Triton server.", "Use --plan with --triton, and without --cpu.")
    out = Console(highlight=False, markup=False, soft_wrap=True)
    network = read_model(find_model(model))
    place = images or plant_images_dir()
    with progress_bar() as progress:
        if tflite is not None:
            out.print(f"{export_tflite(network, precision, tflite, (place,), progress)}")
        if triton is not None:
            served = ServerPlan(instances, max_batch, delay, gpu=not cpu)
            _to_triton(out, network, precision, triton, served, plan, place, progress)


def _to_triton(
    out: Console,
    network: Model,
    precision: str,
    folder: Path,
    served: ServerPlan,
    plan: Path | None,
    place: Path,
    progress: Progress,
) -> None:
    file = in_precision(network, precision, images=(place,), progress=progress)
    engine = None if plan is None else EngineStore(plan.parent).verify(plan)
    home = export_repository(file, folder, served, engine)
    out.print(f"{home}")
    if precision == "int8" and not served.gpu:
        out.print("Take fp32 where the server's processor has no VNNI: Triton's ONNX Runtime clips INT8 sums there.")
    out.print(f"Serve it: tritonserver --model-repository={folder.resolve()}")
    out.print(
        f"Use it: aoi --runtime triton --precision {precision} --option url=SERVER:8001 --option model={home.name}"
    )
