"""`aoi bench`: figures of this machine, as tables for people and JSON for programs."""

from __future__ import annotations

import importlib
import json
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from aoi_app.cli.benches.options import Figures, Options
from aoi_app.cli.output import latest


class Kind(str, Enum):
    """What is measured; each has a file of its name in `cli/benches`."""

    PATH = "path"
    LOAD = "load"
    HISTORY = "history"
    COMPARE = "compare"
    CAMERA = "camera"
    STAGES = "stages"
    TENSORRT = "tensorrt"
    REGISTRATION = "registration"
    YARDSTICK = "yardstick"


ONLY_WITH = {
    "--headless": (Kind.LOAD,),
    "--line-rate": (Kind.LOAD, Kind.CAMERA, Kind.STAGES),
    "--images": (Kind.COMPARE, Kind.REGISTRATION, Kind.TENSORRT),
    "--recipe": (Kind.COMPARE,),
    "--report": (Kind.COMPARE,),
    "--batch": (Kind.COMPARE,),
}
"""Options that some measurements have no use for: to take them and do nothing with them would mislead."""


def bench(
    load: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="The station at full load: event loop, view, memory.")
    ] = None,
    headless: Annotated[bool, typer.Option("--headless", help="With --load: without the window.")] = False,
    history: Annotated[bool, typer.Option("--history", help="Searches in 1,000,000 defects.")] = False,
    compare: Annotated[bool, typer.Option("--compare", help="All installed runtimes and precisions in turns.")] = False,
    camera: Annotated[bool, typer.Option("--camera", help="Lines per second of the camera drivers.")] = False,
    stages: Annotated[
        bool, typer.Option("--stages", help="Share of a core that a camera's lines take, by pixel format.")
    ] = False,
    tensorrt: Annotated[bool, typer.Option("--tensorrt", help="TensorRT by precision and batch.")] = False,
    registration: Annotated[
        bool, typer.Option("--registration", help="How exactly golden boards are found: drawn ones, or --images.")
    ] = False,
    yardstick: Annotated[
        bool, typer.Option("--yardstick", help="One tile beside a network of YOLOv8n's shape, in turns on all cores.")
    ] = False,
    width: Annotated[int, typer.Option(min=640, max=16_384, help="Pixels across the board.")] = 4096,
    lines: Annotated[int, typer.Option(min=640, max=65_536, help="Lines of the board.")] = 4096,
    boards: Annotated[int, typer.Option(min=1, help="Boards of each kind, or rounds.")] = 5,
    model: Annotated[str, typer.Option(help="ONNX file, or a name from the engines folder.")] = "",
    runtime: Annotated[str, typer.Option(help="What runs the network.")] = "onnxruntime",
    precision: Annotated[str, typer.Option(help="fp32, fp16 or int8.")] = "fp32",
    line_rate: Annotated[
        float | None, typer.Option(min=1, help="With --load, --camera, --stages: lines per second.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of boards; --compare draws some without it, --tensorrt has no mAP then.")
    ] = None,
    recipe: Annotated[
        str, typer.Option(help="With --compare: recipe, or its file, whose budget for the verdict is kept to.")
    ] = "",
    report: Annotated[Path | None, typer.Option(metavar="FILE.html", help="With --compare: page with curves.")] = None,
    batch: Annotated[
        list[int] | None, typer.Option(min=1, max=256, help="With --compare: tiles in a run; several times.")
    ] = None,
    json_out: Annotated[str, typer.Option("--json", metavar="FILE|-", help="Also write the figures as JSON.")] = "",
) -> None:
    """Measure latency and throughput on this machine.

    Without a choice: the whole path of a board and each stage of it. One board is inspected while its lines come in,
    the next one when it is whole, in turns and in one run.
    """
    chosen = {
        Kind.LOAD: load is not None,
        Kind.HISTORY: history,
        Kind.COMPARE: compare,
        Kind.CAMERA: camera,
        Kind.STAGES: stages,
        Kind.TENSORRT: tensorrt,
        Kind.REGISTRATION: registration,
        Kind.YARDSTICK: yardstick,
    }
    kind = _one_of([kind for kind, wanted in chosen.items() if wanted])
    given = {
        "--headless": headless,
        "--line-rate": line_rate,
        "--images": images,
        "--recipe": recipe,
        "--report": report,
        "--batch": batch,
    }
    for option in (name for name, value in given.items() if value and kind not in ONLY_WITH[name]):
        others = ", ".join(f"--{other.value}" for other in ONLY_WITH[option])
        raise typer.BadParameter(f"{option} says nothing without {others}.", param_hint=option)
    module = importlib.import_module(f"aoi_app.cli.benches.{kind.value}")
    with latest(json_out) as write:

        def note(figures: Figures) -> None:
            if write is not None:
                write(json.dumps(figures, indent=2, default=str) + "\n")

        options = Options(
            # A log has no width of its own; tables must not be squeezed into 80 columns there.
            people=Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 160),
            width=width,
            lines=lines,
            boards=boards,
            model=model,
            runtime=runtime,
            precision=precision,
            seconds=load or 0.0,
            line_rate=line_rate,
            headless=headless,
            images=images,
            report=report,
            recipe=recipe,
            batches=tuple(sorted(set(batch or ()))),
            note=note,
        )
        note(module.run(options))


def _one_of(kinds: list[Kind]) -> Kind:
    if len(kinds) > 1:
        named = " and ".join(f"--{kind.value}" for kind in kinds)
        raise typer.BadParameter(f"{named} are measurements of their own; choose one.", param_hint=named)
    return kinds[0] if kinds else Kind.PATH
