"""`aoi recipe`: the recipe book from the command line."""

from __future__ import annotations

import typer

from aoi_app.cli.recipes import book, making

app = typer.Typer(no_args_is_help=True)
for module in (book, making):
    for command, name in module.COMMANDS:
        app.command(name)(command)
