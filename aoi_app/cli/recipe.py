"""`aoi recipe`: the recipe book from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from aoi_app.app import recipe_book
from aoi_app.core.recipe import load_recipe, recipe_text

app = typer.Typer(no_args_is_help=True)
Data = Annotated[Path | None, typer.Option(help="Folder of settings and record.")]


@app.command("list")
def list_recipes(data: Data = None) -> None:
    """List the recipes with their newest revision."""
    book = recipe_book(data)
    table = Table("recipe", "revision", "saved by", "comment")
    for name in book.names():
        newest = book.history(name)[0]
        table.add_row(name, str(newest.revision), newest.saved_by, newest.comment)
    Console().print(table)


@app.command()
def show(
    name: str, revision: Annotated[int | None, typer.Option(help="Newest when not given.")] = None, data: Data = None
) -> None:
    """Print a recipe as JSON."""
    typer.echo(recipe_text(recipe_book(data).load(name, revision)), nl=False)


@app.command("import")
def import_(file: Path, by: Annotated[str, typer.Option(help="Who saves it.")] = "", data: Data = None) -> None:
    """Save a recipe file as the next revision of its name."""
    saved = recipe_book(data).save(load_recipe(file), by, f"imported from {file.name}")
    typer.echo(f"{saved.name}, revision {saved.revision}")
