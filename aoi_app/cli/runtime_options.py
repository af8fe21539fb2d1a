"""`--option NAME=VALUE`: options of the runtime on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from aoi_app.core.options import Option, parse_options

OptionTexts = Annotated[
    list[str] | None,
    typer.Option("--option", metavar="NAME=VALUE", help="Option of the runtime, e.g. url=SERVER:8001; several times."),
]


def runtime_options(runtime: str, texts: Sequence[str] | None) -> dict[str, Option]:
    """Return what the command line says of a runtime. Raises SettingsError."""
    if not texts:
        return {}
    from aoi_app.inference.runtimes.table import RUNTIMES

    return parse_options(texts, RUNTIMES[runtime].fields if runtime in RUNTIMES else ())
