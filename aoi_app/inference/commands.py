"""`aoi engine`: build, list, verify, compare, export and average engines."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from aoi_app.core.errors import AoiError, EngineError
from aoi_app.core.folders import plant_images_dir
from aoi_app.inference.admission import GateRefused, open_admitted
from aoi_app.inference.calibration import TileSource, image_files
from aoi_app.inference.capacity_command import capacity
from aoi_app.inference.catalog import find_model
from aoi_app.inference.console import progress_bar
from aoi_app.inference.export_command import export
from aoi_app.inference.frozen import frozen_boards
from aoi_app.inference.gate import Certificate, GateLimits, no_images
from aoi_app.inference.mean_command import mean
from aoi_app.inference.model import read_model
from aoi_app.inference.precision import in_precision
from aoi_app.inference.quantise import Progress as Listener
from aoi_app.inference.runtimes.base import Option
from aoi_app.inference.runtimes.table import load_runtime
from aoi_app.inference.runtimes.tensorrt.hardware import query_gpu
from aoi_app.inference.runtimes.tensorrt.library import open_library
from aoi_app.inference.runtimes.tensorrt.loader import DEFAULTS, open_store, prepare
from aoi_app.inference.runtimes.tensorrt.store import EngineStore, StoredPlan
from aoi_app.inference.tensor_diff import TensorDifference, compare_tensors, difference, first_parted

app = typer.Typer(no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})
app.command()(export)
app.command()(capacity)
app.command()(mean)

MAX_BOARDS = 20
"""Frozen images on which the gate compares."""
FAINT = 0.05
"""Confidence from which the line's detectors deliver: average precision is compared from there on."""

ModelName = Annotated[str, typer.Option(help="ONNX file, or a name from the engines folder.")]
Images = Annotated[
    Path | None, typer.Option(help="The plant's own boards: INT8 is calibrated and engines are compared on them.")
]
StoreFolder = Annotated[
    Path | None, typer.Option("--store", help="Folder of built engines; the station's own if not given.")
]


@app.command()
def build(
    model: ModelName = "",
    runtime: Annotated[str, typer.Option(help="tensorrt, tensorrt_rtx, or any other runtime.")] = "tensorrt",
    precision: Annotated[str, typer.Option(help="fp32, fp16 or int8.")] = "fp16",
    images: Images = None,
    store: StoreFolder = None,
    level: Annotated[int, typer.Option(min=0, max=5, help="0 builds fast, 5 gives the fastest engine.")] = 3,
    workspace: Annotated[int, typer.Option(min=16, help="MiB of GPU memory for tactics.")] = 1024,
    max_batch: Annotated[int, typer.Option(min=1, max=64, help="Most tiles in a run.")] = 16,
    again: Annotated[
        bool, typer.Option("--again", help="Build it although it is there, and measure all tactics anew.")
    ] = False,
    gate: Annotated[bool, typer.Option(help="Compare with FP32 and keep the certificate.")] = True,
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Confidence from which boxes are compared.")] = 0.25,
) -> None:
    """Build an engine for this station, and let the gate decide on it."""
    out = Console(highlight=False, markup=False)
    path, place = find_model(model), images or plant_images_dir()
    tensorrt = runtime in ("tensorrt", "tensorrt_rtx")
    options: dict[str, Option] = (
        {
            "store": str(store or ""),
            "calibration": str(images or ""),
            "optimisation_level": level,
            "workspace_mib": workspace,
            "max_batch": max_batch,
        }
        if tensorrt
        else {"calibration": str(images)}
        if images and precision == "int8"
        else {}
    )
    decides = gate and (runtime != "tensorrt_rtx" or _has_gpu())
    boards = frozen_boards((place,), MAX_BOARDS) if decides else ()
    if tensorrt and decides and not boards:
        raise no_images()
    with progress_bar() as progress:
        if tensorrt:
            _build_plan(out, path, runtime, precision, {**DEFAULTS, **options}, again, progress)
        if not gate:
            return
        if not decides:
            out.print("No GPU answers here: the plan is built, the gate decides where it runs.")
            return
        try:
            detector, certificate = open_admitted(
                path,
                runtime,
                precision,
                lambda: boards,
                GateLimits(threshold=threshold),
                min_confidence=min(threshold, FAINT),
                overlap=128,
                options=options,
                progress=progress,
            )
        except GateRefused as refused:
            if tensorrt:
                keep_certificate(open_store({**DEFAULTS, **options}), refused.certificate)
            raise
        detector.close()
    if certificate is None:
        out.print("This is the reference that all engines are compared with: there is nothing to decide.")
        return
    if tensorrt:
        keep_certificate(open_store({**DEFAULTS, **options}), certificate)
    out.print(str(certificate))


@app.command("list")
def list_engines(store: StoreFolder = None) -> None:
    """List the built engines, and whether they are whole."""
    plans = _store(store).plans()
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in ("plan", "precision", "library", "GPU", "MiB", "ms a tile", "built", "gate", "state"):
        table.add_column(column, overflow="fold")
    for plan in plans:
        table.add_row(*_row(plan))
    # A log has no width of its own; names must not be folded into 80 columns there.
    out = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 160)
    out.print(table if plans else f"There are no engines in {_store(store).root}.")


@app.command()
def verify(
    plans: Annotated[list[Path] | None, typer.Argument(help="Plan files; all of the store if none is given.")] = None,
    store: StoreFolder = None,
) -> None:
    """Check plans against their manifests; nothing is loaded. Exit code 2 if one of them cannot be used."""
    out, folder = Console(highlight=False, markup=False), _store(store)
    found = [folder.verify(path) for path in plans] if plans else list(folder.plans())
    for plan in found:
        out.print(f"{plan.path.name}: {plan.problem or 'whole'}", style="red" if plan.problem else "")
    if any(plan.problem for plan in found):
        raise typer.Exit(2)


@app.command()
def compare(
    model: ModelName = "",
    precision: Annotated[str, typer.Option(help="Precision that is compared with FP32.")] = "fp16",
    runtime: Annotated[str, typer.Option(help="Also compare the outputs of this runtime's engine.")] = "onnxruntime",
    images: Images = None,
    every: Annotated[bool, typer.Option("--all", help="Print every tensor, not only the worst.")] = False,
    rows: Annotated[int, typer.Option(min=1, help="Tensors to print.")] = 20,
    json_out: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show, tensor by tensor, where a precision parts from FP32."""
    out = Console(highlight=False, markup=False)
    place = images or plant_images_dir()
    reference = read_model(find_model(model))
    with progress_bar() as progress:
        other = in_precision(reference, precision, images=(place,), progress=progress).model
        source = TileSource(reference, image_files((place,)), limit=1)
        if not len(source):
            raise EngineError(
                f"There is no image in {place} to compare on.", "Name a folder of your own boards with --images."
            )
        tile = source.tile(0)
        differences = list(compare_tensors(reference, other, tile))
        if runtime != "onnxruntime":
            differences += _of_runtime(runtime, precision, reference.path, tile, progress)
    if json_out:
        out.print_json(json.dumps([_plain(d) for d in differences]))
        return
    shown = differences if every else sorted(differences, key=lambda d: -d.relative)[:rows]
    out.print(_tensors(shown))
    parted = first_parted(differences)
    out.print(
        f"{precision} parts from FP32 first at {parted.name} ({parted.operator})."
        if parted
        else f"{precision} follows FP32 through all {len(differences)} tensors."
    )


@app.command()
def gpu(device: Annotated[int, typer.Option(min=0, help="Number of the GPU.")] = 0) -> None:
    """Show what the GPU can do. Exit code 2 where none answers."""
    facts = query_gpu(device)
    can = {"fast FP16": facts.fast_fp16, "fast INT8": facts.fast_int8, "tensor cores": facts.tensor_cores}
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_header=False)
    table.add_row("GPU", f"{facts.name}, {facts.multiprocessors} multiprocessors")
    table.add_row("compute capability", facts.compute_capability_text)
    table.add_row("driver runs CUDA up to", facts.driver)
    table.add_row("memory", f"{facts.free_bytes >> 20:,} of {facts.total_bytes >> 20:,} MiB free")
    for name, able in can.items():
        table.add_row(name, "yes" if able else "no")
    Console(highlight=False, markup=False).print(table)


def keep_certificate(store: EngineStore, certificate: Certificate) -> None:
    """Write the gate's certificate into the manifest of the plan it speaks of, found by the plan's hash.

    Raises
    ------
    EngineError
        The store has no such plan.
    """
    for plan in store.plans():
        if plan.manifest is not None and plan.manifest.plan_sha256 == certificate.sha256:
            store.note(plan.path, plan.manifest.model_copy(update={"certificate": certificate.as_dict()}))
            return
    raise EngineError(f"The store has no plan with the hash {certificate.sha256[:12]}....", "Build the engine again.")


def _build_plan(
    out: Console,
    path: Path,
    runtime: str,
    precision: str,
    options: Mapping[str, Option],
    again: bool,
    progress: Listener,
) -> None:
    library = open_library(runtime)
    gpu = None if library.portable and not _has_gpu() else query_gpu(int(options["device"]))
    prepared = prepare(library, gpu, read_model(path), precision, options, progress, again=again)
    size = prepared.manifest.plan_bytes / 1024 / 1024
    out.print(f"{prepared.path} ({size:.1f} MiB, built in {prepared.manifest.build_seconds:.0f} s)")


def _has_gpu() -> bool:
    try:
        query_gpu()
    except AoiError:
        return False
    return True


def _of_runtime(
    runtime: str, precision: str, path: Path, tile: NDArray[Any], progress: Listener
) -> list[TensorDifference]:
    """Compare the outputs of an engine with ONNX Runtime's: fused engines show no tensors in between."""
    model = read_model(path)
    found: list[list[NDArray[Any]]] = []
    for name, kind in (("onnxruntime", "fp32"), (runtime, precision)):
        session = load_runtime(name).load(model, kind, {}, progress)
        try:
            copies = np.repeat(tile, session.batch if session.fixed_batch else 1, axis=0)
            found.append([np.array(o) for o in session.run(copies)])
        finally:
            session.close()
    pairs = zip(model.output_names, found[0], found[1], strict=True)
    return [difference(name, runtime, a, b) for name, a, b in pairs]


def _store(folder: Path | None) -> EngineStore:
    return open_store({**DEFAULTS, "store": str(folder or "")})


def _row(plan: StoredPlan) -> tuple[str, ...]:
    m = plan.manifest
    if m is None:
        return plan.path.name, "", "", "", "", "", "", "", plan.problem
    gate = "not yet" if m.certificate is None else "admitted" if m.certificate.get("admitted") else "refused"
    size = f"{m.plan_bytes / 1024 / 1024:.1f}"
    return (
        plan.path.name,
        m.layers or m.precision,
        f"{m.library} {m.version}",
        m.gpu,
        size,
        f"{m.tile_ms:.3f}" if m.tile_ms else "",
        m.built_at[:16].replace("T", " "),
        gate,
        plan.problem or "whole",
    )


def _tensors(differences: list[TensorDifference]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("tensor", overflow="fold")
    for column in ("operator", "relative", "largest", "range", "no number"):
        table.add_column(column, justify="right")
    for d in differences:
        style = "red" if d.parted else ""
        values = (d.operator, f"{d.relative:.2e}", f"{d.largest:.3g}", f"{d.range_reference:.3g}", str(d.not_finite))
        table.add_row(d.name, *values, style=style)
    return table


def _plain(d: TensorDifference) -> dict[str, object]:
    return {
        "tensor": d.name,
        "operator": d.operator,
        "relative": d.relative,
        "largest": d.largest,
        "range": d.range_reference,
        "not_finite": d.not_finite,
        "parted": d.parted,
    }
