"""`aoi` without a command: the station with its window."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aoi_app.cli.runtime_options import OptionTexts, runtime_options
from aoi_app.core.version import own_version


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"aoi {own_version()}")
        raise typer.Exit


def run(
    ctx: typer.Context,
    source: Annotated[
        str, typer.Option(help="Camera: simulated, simulated:assembled, gige:ADDRESS, ..., an image or a folder.")
    ] = "",
    recipe: Annotated[str, typer.Option(help="Name of a recipe, or a recipe file.")] = "",
    model: Annotated[str, typer.Option(help="ONNX file, or a name from the engines folder.")] = "",
    runtime: Annotated[str, typer.Option(help="What runs the network, e.g. onnxruntime or tensorrt.")] = "",
    precision: Annotated[str, typer.Option(help="fp32, fp16 or int8.")] = "",
    option: OptionTexts = None,
    golden: Annotated[Path | None, typer.Option(help="Defect-free image of the product.")] = None,
    lang: Annotated[str, typer.Option(metavar="zh|en", help="Language of the window.")] = "",
    data: Annotated[Path | None, typer.Option(help="Folder of settings and record.")] = None,
    offscreen: Annotated[bool, typer.Option("--offscreen", help="Run without a display.")] = False,
    quit_after: Annotated[float | None, typer.Option(metavar="SECONDS", min=0, help="Quit by itself.")] = None,
    screenshot: Annotated[
        Path | None, typer.Option(metavar="FILE.png", help="Save a picture of the window before quitting.")
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_say_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """Inspect circuit boards from a line-scan camera: the verdict leaves with the board.

    Without a command the station opens, with its window. Settings that are named here are used and not saved.
    """
    if ctx.invoked_subcommand is not None:
        return
    from aoi_app.app import open_station

    changes = {"runtime": runtime, "precision": precision, "model": model, "language": lang}
    code = open_station(
        {name: value for name, value in changes.items() if value},
        runtime_options=lambda used: runtime_options(used, option),
        source=source,
        recipe=recipe,
        golden=golden,
        data=data,
        offscreen=offscreen,
        quit_after=quit_after,
        screenshot=screenshot,
    )
    raise typer.Exit(code)
