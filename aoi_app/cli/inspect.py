"""`aoi inspect`: image files through the very path that a camera's boards take."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from aoi_app.cli.output import output
from aoi_app.cli.runtime_options import OptionTexts, runtime_options
from aoi_app.core.inspection import Inspection, Verdict

EXIT = {Verdict.PASSED: 0, Verdict.FAILED: 1, Verdict.ERROR: 2, Verdict.ABORTED: 2}
COLOURS = {Verdict.PASSED: "green", Verdict.FAILED: "red", Verdict.ERROR: "magenta", Verdict.ABORTED: "magenta"}


def inspect(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Images, or folders of images.")],
    model: Annotated[str, typer.Option(help="ONNX file, or a name from the engines folder.")] = "",
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

    Exit status: 0 all boards passed, 1 something failed, 2 something could not be inspected.
    """
    from aoi_app.core.recipe import ClassRule, Recipe, load_recipe
    from aoi_app.core.settings import Settings
    from aoi_app.detectors import make_detector
    from aoi_app.golden_boards import golden_files
    from aoi_app.lines import image_line
    from aoi_app.station.batch import inspect_line
    from aoi_app.station.engines import EngineSpec
    from aoi_app.station.inspecting import FixedEngine, Inspector
    from aoi_app.station.overlay import write_overlay
    from aoi_app.station.wire import inspection_object

    rules = load_recipe(recipe) if recipe else Recipe()
    if min_confidence is not None:
        loose = {code: rule.model_copy(update={"min_confidence": min_confidence}) for code, rule in rules.rules.items()}
        default = ClassRule(**{**rules.default_rule.model_dump(), "min_confidence": min_confidence})
        rules = rules.model_copy(update={"rules": loose, "default_rule": default})
    line, count = image_line(paths, rules)
    options = tuple(sorted(runtime_options(runtime, option).items()))
    spec = EngineSpec(model or rules.model, runtime, precision, rules.lowest_confidence, options)
    detector = make_detector(Settings(), spec)
    inspector = Inspector(FixedEngine(detector), lambda: rules, golden_files(golden), nudge=True)
    worst, drawn = 0, Counter[str]()
    # On standard output there is nothing but JSON; what is for people goes to standard error.
    people = Console(stderr=True, highlight=False)
    try:
        with output(json_out) as write, Progress(console=people, transient=True) as progress:
            task = progress.add_task(f"{detector.info.model}, {detector.info.precision}", total=count)
            for inspection, end in inspect_line(line, inspector, count):
                worst = max(worst, EXIT[inspection.verdict])
                if write is not None:
                    write(json.dumps(inspection_object(inspection), ensure_ascii=False) + "\n")
                if json_out != "-":
                    _tell(people, inspection)
                if overlay is not None and inspection.completeness.lines:
                    drawn[inspection.serial] += 1
                    # Two folders may hold a board of the same name: neither picture replaces the other.
                    again = f"-{drawn[inspection.serial]}" if drawn[inspection.serial] > 1 else ""
                    write_overlay(overlay, inspection.serial + again, end.image, inspection.defects)
                progress.advance(task)
    finally:
        detector.close()
    raise typer.Exit(worst)


def _tell(people: Console, inspection: Inspection) -> None:
    verdict = inspection.verdict
    milliseconds = inspection.latency_ms.get("inference", 0.0)
    people.print(
        f"[{COLOURS[verdict]}]{verdict.value:7}[/] {inspection.serial}  {inspection.reason}  "
        f"[dim]{milliseconds:.0f} ms[/]"
    )
