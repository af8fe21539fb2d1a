"""`aoi data`: check, convert, split and draw data sets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from aoi_app.boards import BoardKind, BoardSpec, Look
from aoi_app.training.data.check import CheckReport
from aoi_app.training.data.check import check as check_dataset
from aoi_app.training.data.dataset import Dataset, Sample, Samples
from aoi_app.training.data.draw import BoxStyle, DrawnSamples
from aoi_app.training.data.layouts.table import LAYOUTS, read_dataset
from aoi_app.training.data.split import split_by_board

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")

_NAMES = ", ".join(LAYOUTS)
Source = Annotated[Path, typer.Argument(help="Folder with the data set, or its COCO (.json) or history (.jsonl) file.")]
Target = Annotated[Path, typer.Argument(help="Folder to write to; it must be empty or not exist yet.")]
From = Annotated[str, typer.Option("--from", help=f"Layout of the source: {_NAMES}. Found out when left out.")]
To = Annotated[str, typer.Option("--to", help=f"Layout to write: {_NAMES}.")]
Lenient = Annotated[
    bool, typer.Option("--skip-broken", help="Leave out what is broken (it is counted) instead of stopping.")
]


@app.command()
def check(
    path: Source,
    layout: Annotated[str, typer.Option("--layout", help=f"One of {_NAMES}. Found out when left out.")] = "",
    json_file: Annotated[
        str, typer.Option("--json", help="Write the report to this file as JSON; - is the screen.")
    ] = "",
    show: Annotated[int, typer.Option("--show", min=0, help="How many problems to list.")] = 20,
) -> None:
    """Look for broken labels, duplicates and leaks between splits; show class balance and box sizes.

    Exit code 0: sound. 1: something must be corrected before training.
    """
    dataset = read_dataset(path, layout)
    with _progress("Looking at pictures", len(dataset)) as step:
        report = check_dataset(dataset, step)
    if json_file == "-":
        typer.echo(json.dumps(report.as_json(), indent=2, ensure_ascii=False))
    else:
        if json_file:
            Path(json_file).write_text(json.dumps(report.as_json(), indent=2, ensure_ascii=False) + "\n", "utf-8")
        _print(report, show)
    raise typer.Exit(0 if report.sound else 1)


@app.command()
def convert(path: Source, target: Target, to: To, layout: From = "", skip_broken: Lenient = False) -> None:
    """Write a data set in another layout. Pictures are copied as they are."""
    dataset = _read(path, layout, skip_broken)
    _write(dataset, len(dataset), target, to)


@app.command()
def split(
    path: Source,
    target: Target,
    to: To = "yolo",
    shares: Annotated[str, typer.Option(help="Share of each split, by name: train, val, test.")] = "train=0.8,val=0.2",
    seed: Annotated[int, typer.Option(help="Another seed deals equal boards out differently.")] = 0,
    layout: From = "",
    skip_broken: Lenient = False,
) -> None:
    """Split a data set by board, never by picture, and write it.

    Pictures of one board resemble each other: a split between them makes a model look better than it is.
    """
    dataset = split_by_board(_read(path, layout, skip_broken), _shares(shares), seed)
    _write(dataset, len(dataset), target, to)
    for name in dataset.splits:
        part = dataset.of_split(name)
        typer.echo(f"{name}: {len(part)} pictures of {len(part.boards)} boards: {', '.join(part.boards[:8])}")


@app.command()
def draw(
    target: Target,
    count: Annotated[int, typer.Option(min=1, help="How many pictures.")] = 1000,
    to: To = "deeppcb",
    kind: Annotated[BoardKind, typer.Option(help="Bare copper, or with parts on it.")] = BoardKind.BARE,
    look: Annotated[Look, typer.Option(help="Ideal drawing, binary like DeepPCB, or lit and noisy.")] = Look.BINARY,
    size: Annotated[int, typer.Option(min=64, max=4096, help="Side of a picture, pixels.")] = 640,
    px_per_mm: Annotated[float, typer.Option(min=1, max=200, help="Resolution; DeepPCB has 48.")] = 48.0,
    least: Annotated[int, typer.Option(min=0, help="Least number of defects in a picture.")] = 3,
    most: Annotated[int, typer.Option(min=0, help="Greatest number of defects in a picture.")] = 12,
    colour: Annotated[bool, typer.Option("--colour", help="RGB (boards with parts only).")] = False,
    misregistration: Annotated[float, typer.Option(min=0, max=64, help="Greatest shift of the golden picture.")] = 1.0,
    tighten: Annotated[
        float, typer.Option(min=0, max=8, help="Pixels to take off each side of the boxes: what optics round off.")
    ] = 0.0,
    pixel_boxes: Annotated[
        bool, typer.Option("--pixel-boxes", help="Boxes name their first and last pixel, as DeepPCB's do.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same pictures.")] = 0,
) -> None:
    """Draw boards with labelled defects and golden pictures, as many as you like."""
    if most < least:
        raise typer.BadParameter(f"--most is {most}, less than --least, {least}")
    spec = BoardSpec(
        kind=kind, width=size, lines=size, px_per_mm=px_per_mm, defects=(least, most), look=look,
        misregistration_px=misregistration, colour=colour and kind is BoardKind.ASSEMBLED,
    )  # fmt: skip
    _write(DrawnSamples(spec, count, seed, BoxStyle(tighten, pixel_boxes)), count, target, to, "Drawing")


def _read(path: Path, layout: str, skip_broken: bool) -> Dataset:
    dataset = read_dataset(path, layout)
    if not skip_broken:
        return dataset.require_sound()
    if dataset.problems:
        typer.secho(f"{len(dataset.problems)} problems; what they concern is left out.", fg="yellow", err=True)
    return dataset


@dataclass(slots=True)
class _Counted:
    """Samples that are counted while they pass."""

    source: Samples
    pictures: int = 0
    defects: int = 0
    boards: set[str] = field(default_factory=set)

    @property
    def classes(self) -> tuple[str, ...]:
        return self.source.classes

    @property
    def samples(self) -> Iterator[Sample]:
        for sample in self.source.samples:
            self.pictures += 1
            self.defects += len(sample.labels)
            self.boards.add(sample.board)
            yield sample


def _write(samples: Samples, count: int, target: Path, to: str, what: str = "Writing") -> None:
    if to not in LAYOUTS:
        raise typer.BadParameter(f"there is no layout {to!r}; there are {_NAMES}")
    counted = _Counted(samples)
    with _progress(what, count) as step:
        LAYOUTS[to].write(counted, target, step)
    of = f"{counted.pictures} pictures of {len(counted.boards)} boards, {counted.defects} defects"
    typer.echo(f"{target}: {of}, layout {to}")


def _shares(text: str) -> dict[str, float]:
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, _, share = part.partition("=")
        try:
            shares[name.strip()] = float(share)
        except ValueError as error:
            raise typer.BadParameter(f"{part!r} is not NAME=SHARE, such as train=0.8") from error
        if name.strip() not in ("train", "val", "test"):
            raise typer.BadParameter(f"the split {name.strip()!r} is none of train, val, test")
    return shares


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def _print(report: CheckReport, show: int) -> None:
    console = Console()
    splits = ", ".join(f"{name} {count}" for name, count in report.splits.items()) or "no splits"
    console.print(
        f"{report.pictures} pictures of {report.boards} boards ({splits}); {report.good} without a defect, "
        f"{report.with_golden} with a golden picture"
    )
    table = Table("class", "defects", "pictures", "boards", "width, px", "height, px", box=SIMPLE_HEAD)
    for name, f in report.classes.items():
        spans = [" / ".join(f"{v:g}" for v in values) for values in (f.width, f.height)]
        table.add_row(escape(name), str(f.labels), str(f.pictures), str(f.boards), *spans)
    console.print(table)
    console.print("width and height: 5th, 50th and 95th percentile of the boxes")
    ordered = sorted(report.problems, key=lambda p: not p.fatal)
    for problem in ordered[:show]:
        colour, word = ("red", "error") if problem.fatal else ("yellow", "note")
        console.print(f"[{colour}]{word}[/] {escape(problem.fault.value)}: {escape(str(problem))}")
    if len(ordered) > show:
        console.print(f"... and {len(ordered) - show} more; --show or --json gives all")
    console.print("[green]sound[/]" if report.sound else "[red]not sound: correct the errors before training[/]")
