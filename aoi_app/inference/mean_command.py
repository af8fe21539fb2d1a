"""`aoi engine mean`: two trainings of one network become one model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from aoi_app.inference.catalog import find_model
from aoi_app.inference.mean import write_mean
from aoi_app.inference.model import read_model


def mean(
    first: Annotated[str, typer.Argument(help="ONNX file, or a name from the engines folder.")],
    second: Annotated[str, typer.Argument(help="The one whose training was begun from the first (aoi train --start).")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The model that is written, .onnx, with its card.")],
    share: Annotated[float, typer.Option(min=0, max=1, help="Share of the second: 0 is the first alone.")] = 0.5,
    name: Annotated[str, typer.Option(help="Name on the model's card; the file's when left out.")] = "",
) -> None:
    """Write the model between two trainings of one network, which often does better than both of them.

    Whether this one does says `aoi evaluate --compare`, on boards that neither has seen.
    """
    console = Console(highlight=False, markup=False, soft_wrap=True)
    written = write_mean(read_model(find_model(first)), read_model(find_model(second)), out, share, name)
    console.print(f"{written}")
    console.print(f"Measure it: aoi evaluate DATA --compare {first} {written}")
