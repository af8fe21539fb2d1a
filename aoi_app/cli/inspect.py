"""`aoi inspect`: image files through the very path that a camera's boards take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from aoi_app.cli.inputs import keep_apart
from aoi_app.cli.output import output
from aoi_app.cli.runtime_options import OptionTexts, runtime_options
from aoi_app.core.inspection import EngineInfo, Inspection, Verdict
from aoi_app.core.recipe import MAX_LENGTH_LINES, Recipe, load_recipe

EXIT = {Verdict.PASSED: 0, Verdict.FAILED: 1, Verdict.ERROR: 2, Verdict.ABORTED: 2}
COLOURS = {Verdict.PASSED: "green", Verdict.FAILED: "red", Verdict.ERROR: "magenta", Verdict.ABORTED: "magenta"}


def inspect(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Images, or folders of images.")],
    model: Annotated[
        str,
        typer.Option(help="ONNX file, or a name from the engines folder; without it the recipe's, or the first there."),
    ] = "",
    golden: Annotated[
        Path | None, typer.Option(help="Defect-free image of the product, or a folder with one for each board.")
    ] = None,
    recipe: Annotated[Path | None, typer.Option(help="Recipe file (JSON).")] = None,
    runtime: Annotated[
        str, typer.Option(help="What runs the network: onnxruntime, openvino, litert, ...")
    ] = "onnxruntime",
    precision: Annotated[str, typer.Option(help="fp32, fp16 or int8.")] = "fp32",
    option: OptionTexts = None,
    min_confidence: Annotated[
        float | None, typer.Option(min=0, max=1, help="Count detections from here on, whatever the recipe says.")
    ] = None,
    json_out: Annotated[
        str, typer.Option("--json", metavar="FILE|-", help="Write one JSON object a board; - is standard output.")
    ] = "",
    overlay: Annotated[Path | None, typer.Option(help="Folder for pictures with the defects drawn in.")] = None,
) -> None:
    """Inspect image files: each is one board.

    Example: aoi inspect scans/ --golden golden.png --json results.jsonl --overlay pictures/

    Each line of JSON is a board: its file's name, the verdict and its reason, the defects (class,
    confidence, box x1 y1 x2 y2 in pixels of the board), the latency by stage, and what really ran.

    Exit status: 0 all boards passed, 1 something failed, 2 something could not be inspected.
    """
    from aoi_app.camera.images import list_images
    from aoi_app.core.settings import Settings
    from aoi_app.detectors import make_detector
    from aoi_app.golden_boards import golden_files
    from aoi_app.lines import image_line
    from aoi_app.station.batch import inspect_line
    from aoi_app.station.engines import EngineSpec
    from aoi_app.station.inspecting import FixedEngine, Inspector
    from aoi_app.station.overlay import write_overlay
    from aoi_app.station.wire import inspection_object

    # Without a recipe nobody said how long a board may be.
    rules = load_recipe(recipe) if recipe else Recipe(max_lines=MAX_LENGTH_LINES)
    if min_confidence is not None:
        rules = rules.counting_from(min_confidence)
    read = [file for path in paths for file in list_images(path)]
    others = (recipe, golden, Path(model) if model else None)
    keep_apart([*read, *(file for file in others if file is not None)], json_out, overlay)
    line, count = image_line(paths, rules)
    options = tuple(sorted(runtime_options(runtime, option).items()))
    spec = EngineSpec(model or rules.model, runtime, precision, rules.lowest_confidence, options)
    detector = make_detector(Settings(), spec)
    inspector = Inspector(FixedEngine(detector), lambda: rules, golden_files(golden), nudge=True)
    worst, drawn = 0, set[str]()
    # On standard output there is nothing but JSON; what is for people goes to standard error.
    people = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    _warn(people, rules, detector.info)
    try:
        with output(json_out) as write, _progress(people) as progress:
            task = progress.add_task(f"{detector.info.model}, {detector.info.precision}", total=count)
            for inspection, end in inspect_line(line, inspector, count):
                worst = max(worst, EXIT[inspection.verdict])
                if write is not None:
                    write(json.dumps(inspection_object(inspection), ensure_ascii=False) + "\n")
                if json_out != "-":
                    _tell(people, inspection)
                if overlay is not None and inspection.completeness.lines:
                    name = _unused(inspection.serial, drawn)
                    write_overlay(overlay, name, end.image, inspection.defects)
                progress.advance(task)
    finally:
        detector.close()
    raise typer.Exit(worst)


def _progress(people: Console) -> Progress:
    name = TextColumn("{task.description}", markup=False)
    return Progress(name, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=people, transient=True)


def _warn(people: Console, recipe: Recipe, engine: EngineInfo) -> None:
    unknown = ", ".join(sorted(recipe.named_classes - set(engine.class_names)))
    if unknown:
        people.print(
            f"aoi: The recipe speaks of classes that {engine.model} does not know: {unknown}. "
            f"It knows {', '.join(engine.class_names)}.",
            style="yellow",
        )
    if recipe.limits_sizes and recipe.pixel_size_um is None:
        people.print(
            "aoi: The recipe leaves small defects out, but gives no pixel size: every size counts.", style="yellow"
        )


def _unused(name: str, taken: set[str]) -> str:
    """Return a name that no picture has yet: two folders may hold a board of one name. It is taken then."""
    names = (name, *(f"{name}-{number}" for number in range(2, len(taken) + 3)))
    free = next(one for one in names if one not in taken)
    taken.add(free)
    return free


def _tell(people: Console, inspection: Inspection) -> None:
    verdict = inspection.verdict
    milliseconds = inspection.latency_ms.get("inference", 0.0)
    people.print(
        Text.assemble(
            (f"{verdict.value:7}", COLOURS[verdict]),
            f" {inspection.serial}  {inspection.reason}  ",
            (f"{milliseconds:.0f} ms", "dim"),
        )
    )
