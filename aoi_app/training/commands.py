"""`aoi train` and `aoi evaluate`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from aoi_app.inference.card import Channels
from aoi_app.inference.catalog import find_model
from aoi_app.training.bars import counting, training_bar
from aoi_app.training.corpus import Corpus, DataError, joined
from aoi_app.training.data.dataset import Dataset
from aoi_app.training.data.layouts.table import LAYOUTS, read_dataset
from aoi_app.training.files import write_text
from aoi_app.training.needs import require_torch
from aoi_app.training.pacing import KEPT_S, Limit
from aoi_app.training.scoring.comparing import Comparison, compare_models
from aoi_app.training.scoring.detecting import Inspected, inspect_dataset
from aoi_app.training.scoring.figures import Figures
from aoi_app.training.scoring.report import grouped, write_report
from aoi_app.training.scoring.results import read_results

_LAYOUT = Annotated[
    str, typer.Option("--layout", help=f"Layout of the data: {', '.join(LAYOUTS)}. Found out when left out.")
]
_SCHEDULES = "quick, standard, long"


def train(
    context: typer.Context,
    data: Annotated[Path, typer.Argument(help="Folder with labelled boards, or the station's exported history.")],
    run: Annotated[Path | None, typer.Option(help="Folder of the run; runs/<time> when left out.")] = None,
    hold_out: Annotated[
        list[str] | None,
        typer.Option(help="Board to keep out of training and to watch; several times. A split `val` is watched too."),
    ] = None,
    schedule: Annotated[str, typer.Option(help=f"How long to train: {_SCHEDULES}.")] = "standard",
    plan_file: Annotated[
        Path | None,
        typer.Option("--plan", help="Settings of another run (its config.json) not a schedule's; options here win."),
    ] = None,
    steps: Annotated[int, typer.Option(min=0, help="Steps in all; 0 is the schedule's.")] = 0,
    minutes: Annotated[
        float | None,
        typer.Option(help="Minutes for all of this, reading and export included, instead of a number of steps."),
    ] = None,
    batch: Annotated[int, typer.Option(min=0, help="Windows a step; 0 finds it from the GPU's memory.")] = 0,
    network: Annotated[str, typer.Option(help="Size of the network: nano, small, or tiny for tries.")] = "nano",
    size: Annotated[int, typer.Option(min=64, max=2048, help="Side of a window, pixels, a multiple of 32.")] = 640,
    channels: Annotated[
        Channels | None, typer.Option(help="Input of the network; what the data have when left out.")
    ] = None,
    paint: Annotated[int, typer.Option(min=0, help="Copies of each bare board window with other, drawn defects.")] = 0,
    drawn: Annotated[list[Path] | None, typer.Option(help="Further data sets, such as drawn boards.")] = None,
    px_per_mm: Annotated[float, typer.Option(min=1, max=200, help="Resolution of the pictures.")] = 48.0,
    margin: Annotated[float, typer.Option(min=0, help="Space that labels leave around a defect, pixels.")] = 0.0,
    pixel_boxes: Annotated[
        bool, typer.Option(help="Labels name their first and last pixel, as DeepPCB's do, rather than edges.")
    ] = False,
    start: Annotated[
        str, typer.Option(help="Model, or checkpoint (last.pt), whose weights and order of classes to start from.")
    ] = "",
    patience: Annotated[int, typer.Option(min=0, help="Epochs without gain after which to stop; 0 never.")] = 0,
    precision: Annotated[str, typer.Option(help="auto, fp32, fp16 or bf16.")] = "auto",
    gpus: Annotated[int, typer.Option(min=0, help="GPUs to use; 0 is all of them.")] = 0,
    seed: Annotated[int, typer.Option(help="The same seed trains the same network.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --run.")] = False,
    measure_amp: Annotated[
        bool, typer.Option("--measure-amp", help="Measure FP32, FP16 and BF16 on one GPU instead of training.")
    ] = False,
    tflite: Annotated[
        bool, typer.Option("--tflite", help="Also write LiteRT files in FP32, FP16 and INT8; extra litert-convert.")
    ] = False,
    name: Annotated[str, typer.Option(help="Name on the model's card.")] = "",
    licence: Annotated[str, typer.Option(help="What the model may be used for, given its data.")] = "",
    layout: _LAYOUT = "",
) -> None:
    """Train a detector on labelled boards; write the model with its card, curves and checkpoints into one folder.

    Where the data set has splits, `train` is trained on, `val` watched, and any other left alone.

    With --minutes the training is over in time, with as many steps as the machine is fast enough for: the run's
    config.json and summary.json say how many. --resume goes on with these steps, or to the end of new --minutes.
    """
    limit = None if minutes is None else Limit(minutes, time.monotonic())
    require_torch()
    from aoi_app.training.folder import RunFolder
    from aoi_app.training.gathering import parted, relabelled, united
    from aoi_app.training.loading import channels_of, input_in_words, load_corpus, windows_in
    from aoi_app.training.network import SIZES
    from aoi_app.training.paint import Paint, painted
    from aoi_app.training.plan import Precision, read_plan
    from aoi_app.training.schedule import SCHEDULES, plan_for
    from aoi_app.training.session import About, train_session
    from aoi_app.training.sharing import empty
    from aoi_app.training.starting import read_start
    from aoi_app.training.trainer import Data

    if network not in SIZES:
        raise typer.BadParameter(f"there is no network {network!r}; there are {', '.join(SIZES)}")
    if size % 32:
        raise typer.BadParameter(f"--size is {size}, no multiple of 32")
    if schedule not in SCHEDULES:
        raise typer.BadParameter(f"there is no schedule {schedule!r}; there are {_SCHEDULES}")
    if precision not in [kind.value for kind in Precision]:
        raise typer.BadParameter(f"there is no precision {precision!r}; there are auto, fp32, fp16 and bf16")
    if resume and run is None:
        raise typer.BadParameter("--resume needs --run, the folder of the run to go on with")
    sources = {name: context.get_parameter_source(name) for name in context.params}
    given = {name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"}
    beside_plan = sorted(given & {"schedule", "margin", "pixel_boxes"})
    if plan_file is not None and beside_plan:
        raise typer.BadParameter(f"--plan says it already: --{beside_plan[0].replace('_', '-')} has no place beside it")
    if limit is not None:
        beside_minutes = sorted(given & {"steps", "measure_amp", "tflite"})
        if beside_minutes:
            raise typer.BadParameter(
                f"--{beside_minutes[0].replace('_', '-')} has no place beside --minutes"
                f"{': convert afterwards, with aoi engine export --tflite' if 'tflite' in beside_minutes else ''}"
            )
        if 60 * limit.minutes <= KEPT_S:
            raise typer.BadParameter(f"--minutes is {minutes:g}: {KEPT_S:.0f} s of them are kept for the export")
    console = Console(stderr=True, highlight=False)
    dataset = read_dataset(data, layout).require_sound()
    kind = channels or channels_of(dataset)
    parts = parted(dataset, hold_out or ())
    further = [read_dataset(path).require_sound() for path in drawn or ()]
    known = [dataset.classes, *(more.classes for more in further)]
    begun = find_model(start) if start else None
    classes = united(known) if begun is None else read_start(begun).classes
    console.print(escape(f"{parts.in_words()}; classes {', '.join(classes)}; {input_in_words(dataset, kind)}"))

    def load(source: Dataset, what: str, images: NDArray[np.uint8] | None = None) -> Corpus:
        with counting(console, what, len(source)) as step:
            return relabelled(load_corpus(source, kind, size, step, images), classes)

    def load_extra() -> Corpus:
        """Paint and read one behind the other: twice the memory would be needed to join them afterwards."""
        counts = [paint * len(real), *(windows_in(more, size) for more in further)]
        images = empty((sum(counts), *real.images.shape[1:]))
        places = np.split(images, np.cumsum(counts)[:-1])
        made = []
        if paint:
            seeds = [seed * 1000 + copy for copy in range(paint)]
            with counting(console, "Painting defects", counts[0]) as step:
                made.append(painted(real, seeds, Paint(px_per_mm=px_per_mm), step, places[0]))
        for path, more, place in zip(drawn or (), further, places[1:], strict=True):
            made.append(load(more, f"Reading {path.name}", place))
        return joined(made, images)

    real = load(parts.train, "Reading pictures")
    extra = load_extra() if paint or further else None
    watched = load(parts.watch, "Reading watched pictures") if parts.watch is not None else None
    corpora = Data(real, extra, watched)
    options: dict[str, Any] = {
        "network": network, "batch": batch, "seed": seed, "patience": patience, "precision": Precision(precision)
    }  # fmt: skip
    if plan_file is not None:
        plan = read_plan(plan_file).for_data(classes, kind)
        options = {name: value for name, value in options.items() if name in given}
    else:
        plan = plan_for(schedule, classes, kind, margin=margin, offset=0.5 if pixel_boxes else 0.0)
    plan = replace(plan, **options)
    if limit is None:
        plan = plan.of_steps(steps or plan.steps)
    if measure_amp:
        _measure_amp(console, plan, corpora)
        return
    if limit is not None:
        limit.until()  # before there is a folder
    where = run or Path("runs") / datetime.now().strftime("%Y%m%d-%H%M%S")
    folder = RunFolder(where) if resume else RunFolder.create(where)
    if resume and limit is None and (given_minutes := folder.read_config().get("minutes")) is not None:
        console.print(
            f"This run was given {given_minutes:g} minutes. It goes on with the steps that were planned last, however "
            "long they take; with --minutes it has a new time."
        )
    held = f" without {', '.join(parts.watch.boards[:20])}" if parts.watch else ""
    boards = f"{data.name}, {len(set(real.boards))} boards, {len(real)} windows{held}"
    about = About(name or where.name, kind, px_per_mm, data=boards, licence=licence, command=_command(data, where))
    with training_bar(console, plan.steps, plan.epoch_steps, limit) as (progress, listen):
        exported, summary = train_session(
            plan, corpora, folder, about,
            {"data": str(data.resolve()), "held_out": list(hold_out or ()), "painted": paint,
             "drawn": [str(path.resolve()) for path in drawn or ()], "size": size, "channels": kind.value},
            gpus=gpus, resume=resume, start=begun, limit=limit, listen=listen, progress=progress,
        )  # fmt: skip
    busy = f", GPU busy {summary['gpu_percent']:.0f} %" if summary["gpu_percent"] else ""
    over = (
        ""
        if limit is None
        else f", over {limit.ends - time.monotonic():.0f} s before the {limit.minutes:g} minutes are"
    )
    console.print(
        f"{escape(str(exported.model))}: {summary['steps']} steps{over}, {summary['windows_per_s']:.3g} windows/s"
        f"{busy}; curves in {escape(str(folder.path / 'curves.svg'))}"
    )
    if tflite:
        from aoi_app.training.tflite import write_tflite

        with console.status("Converting to LiteRT"):
            for written in write_tflite(exported.model, dataset):
                console.print(escape(str(written)))


def evaluate(
    data: Annotated[Path, typer.Argument(help="Folder with labelled boards.")],
    model: Annotated[str, typer.Option(help="ONNX file, or a name from the engines folder.")] = "",
    compare: Annotated[
        tuple[str, str] | None, typer.Option(help="Two models A B: may B replace A? Exit code 0 yes, 1 no.")
    ] = None,
    inspected: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Measure what aoi inspect --json wrote, instead of a model.")
    ] = None,
    board: Annotated[list[str] | None, typer.Option(help="Only this board; may be given several times.")] = None,
    seen: Annotated[list[str] | None, typer.Option(help="Board that the model was trained on: reported apart.")] = None,
    split: Annotated[str, typer.Option(help="Only this split of the data set: train, val or test.")] = "",
    golden: Annotated[bool, typer.Option(help="Use the golden images.")] = True,
    runtime: Annotated[
        str, typer.Option(help="What runs the network: onnxruntime, openvino, litert, ...")
    ] = "onnxruntime",
    precision: Annotated[str, typer.Option(help="fp32, fp16 or int8.")] = "fp32",
    report: Annotated[Path | None, typer.Option(help="Write an HTML report with pictures of every mistake.")] = None,
    json_file: Annotated[str, typer.Option("--json", help="Write the figures to this file; - is the screen.")] = "",
    layout: _LAYOUT = "",
) -> None:
    """Measure a model on labelled boards, through the station's own detector; or compare two models.

    With --inspected the whole path of a board is measured, judge and all: inspect the same folder first, with
    --min-confidence 0.001, because average precision counts every detection.
    """
    ways = [name for name, given in (("--model", model), ("--compare", compare), ("--inspected", inspected)) if given]
    if len(ways) > 1:
        raise typer.BadParameter(f"{' and '.join(ways)} do not go together: give one of them")
    dataset = read_dataset(data, layout).require_sound()
    if seen:
        dataset.of_boards(seen)  # a board misspelt would be reported as unseen
    if split:
        dataset = dataset.of_split(split)
    if board:
        dataset = dataset.of_boards(board)
    if not dataset.samples:
        raise DataError("There is nothing to evaluate on.", "Name a data set with labelled boards.")
    # A log has no width of its own; the table must not be squeezed into 80 columns there.
    stream = sys.stderr if json_file == "-" else sys.stdout
    console = Console(file=stream, highlight=False, width=None if stream.isatty() else 160)

    def inspect(which: str) -> Inspected:
        path = find_model(which)
        with counting(Console(stderr=True), path.stem, len(dataset)) as step:
            return inspect_dataset(path, dataset, runtime=runtime, precision=precision, golden=golden, step=step)

    if compare is not None:
        comparison = compare_models(inspect(compare[0]), inspect(compare[1]))
        _write_json(json_file, comparison.as_json())
        _print_comparison(console, compare, comparison)
        raise typer.Exit(0 if comparison.may_replace else 1)
    result = inspect(model) if inspected is None else read_results(inspected, dataset)
    if report is not None:
        what = find_model(model).stem if inspected is None else inspected.stem
        groups = write_report(report, f"{what} on {data.name}", result, seen or ())
        console.print(f"report: {escape(str(report))}")
    else:
        groups = grouped(result, seen or ())
    _write_json(json_file, {"engine": result.engine, "groups": {k: f.as_json() for k, f in groups.items()}})
    _print_figures(console, result.engine, groups)


def _measure_amp(console: Console, plan: object, data: object) -> None:
    import torch

    from aoi_app.training.amp import AmpRow
    from aoi_app.training.amp import measure_amp as measure
    from aoi_app.training.memory import GOOD_BATCH
    from aoi_app.training.plan import Plan
    from aoi_app.training.trainer import Data

    assert isinstance(plan, Plan)
    assert isinstance(data, Data)
    if not torch.cuda.is_available():
        raise DataError("Mixed precision is measured on a GPU, and there is none.")
    table = Table("precision", "windows/s", "MiB", "largest batch", "mAP@0.33", box=SIMPLE_HEAD)

    def tell(row: AmpRow) -> None:
        table.add_row(
            row.precision.value, f"{row.windows_per_s:.0f}", f"{row.memory_mib:.0f}", str(row.largest_batch),
            f"{100 * row.figure:.2f}",
        )  # fmt: skip

    measure(replace(plan, batch=plan.batch or GOOD_BATCH), data, torch.device("cuda"), tell)
    console.print(table)


def _command(data: Path, run: Path) -> str:
    return " ".join(["aoi", *sys.argv[1:]]) if sys.argv[1:2] == ["train"] else f"aoi train {data} --run {run}"


def _write_json(where: str, values: object) -> None:
    text = json.dumps(values, indent=2, ensure_ascii=False)
    if where == "-":
        typer.echo(text)
    elif where:
        write_text(Path(where), text + "\n")


def _print_figures(
    console: Console, engine: str, groups: dict[str, Figures], told: Sequence[str] = ("all pictures",)
) -> None:
    """Print a table of groups; of those that are `told`, the escapes in a sentence too."""
    table = Table("", "pictures", "defects", "mAP@0.33", "mAP@0.5", "mAP@0.5:0.95", "best F", "escapes", "false calls",
                  box=SIMPLE_HEAD)  # fmt: skip
    for name, f in groups.items():
        values = [f"{100 * v:.2f}" for v in (f.map33, f.map50, f.map_coco, f.f)]
        table.add_row(name, str(f.pictures), str(f.defects), *values, str(f.missed), str(f.false_calls))
    console.print(escape(engine))
    console.print(table)
    for name in told:
        f = groups[name]
        console.print(
            f"{f'{name}: ' if len(told) > 1 else ''}threshold {f.threshold:.2f}; {f.missed} of {f.defects} defects "
            f"escape, with 95 % confidence no more than {100 * f.escape_bound:.2f} %"
        )


def _print_comparison(console: Console, names: tuple[str, str], comparison: Comparison) -> None:
    table = Table("picture", "class", "box", "A", "B", box=SIMPLE_HEAD)
    for d in comparison.differences:
        box = ", ".join(f"{v:.0f}" for v in d.box)
        confidences = [f"{v:.2f}" if v else "not found" for v in (d.confidence_a, d.confidence_b)]
        table.add_row(escape(d.picture), escape(d.defect_code), box, *confidences)
    if comparison.differences:
        console.print(table)
    both = {"A": comparison.a, "B": comparison.b}
    _print_figures(console, f"A {names[0]}, B {names[1]}", both, tuple(both))
    for rule in comparison.rules:
        console.print(
            f"[{'green' if rule.holds else 'red'}]{'yes' if rule.holds else 'no '}[/] {rule.text}: {rule.found}"
        )
    console.print(f"B may {'' if comparison.may_replace else 'not '}replace A")
