"""`aoi recipe list`, `show`, `import`, `difference`, `roll-back`, `check`, `trial`."""

from __future__ import annotations

import getpass
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from aoi_app.app import recipe_book
from aoi_app.cli.output import tables
from aoi_app.core.changeover import clashes
from aoi_app.core.errors import AoiError
from aoi_app.core.inspection import Defect
from aoi_app.core.recipe import load_recipe, recipe_text
from aoi_app.golden_boards import golden_files
from aoi_app.storage.difference import compare_recipes
from aoi_app.storage.folders import existing_record, record_place
from aoi_app.storage.history import History
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.trial import try_recipe

Data = Annotated[Path | None, typer.Option(help="Folder of settings and record.")]
By = Annotated[str, typer.Option(help="Who saves it; the computer's user when not given.")]


def saver(by: str) -> str:
    """Return the name that a save is recorded under: in the audit somebody stands for every act."""
    return by or getpass.getuser()


def list_recipes(data: Data = None) -> None:
    """List the recipes with their newest revision."""
    book = recipe_book(data)
    table = Table("recipe", "revision", "saved by", "comment", "code", "components", "opportunities")
    for recipe in book.newest():
        newest = book.history(recipe.name)[0]
        chances = recipe.opportunity_count
        table.add_row(
            recipe.name,
            str(newest.revision),
            newest.saved_by,
            newest.comment,
            recipe.changeover.pattern,
            str(len(recipe.components) or ""),
            "not set" if chances is None else f"{chances:,}",
        )
    tables().print(table)


def show(
    name: str, revision: Annotated[int | None, typer.Option(help="Newest when not given.")] = None, data: Data = None
) -> None:
    """Print a recipe as JSON."""
    typer.echo(recipe_text(recipe_book(data).load(name, revision)), nl=False)


def import_(file: Path, by: By = "", data: Data = None) -> None:
    """Save a recipe file as the next revision of its name."""
    saved = recipe_book(data).save(load_recipe(file), saver(by), f"imported from {file.name}")
    typer.echo(f"{saved.name}, revision {saved.revision}")


def difference(
    name: str,
    before: Annotated[int, typer.Argument(help="An earlier revision.")],
    after: Annotated[int | None, typer.Argument(help="A later one; the newest when not given.")] = None,
    data: Data = None,
) -> None:
    """Show the fields in which two revisions differ."""
    book = recipe_book(data)
    table = Table("field", "before", "after")
    for change in compare_recipes(book.load(name, before), book.load(name, after)):
        table.add_row(change.field, str(change.before), str(change.after))
    tables().print(table)


def roll_back(name: str, revision: int, by: By = "", data: Data = None) -> None:
    """Save an earlier revision anew, as the newest one."""
    saved = recipe_book(data).roll_back(name, revision, saver(by))
    typer.echo(f"{saved.name}, revision {saved.revision}: as revision {revision}")


def check(data: Data = None) -> None:
    """Check all recipes: golden boards that are missing or changed, patterns that match a common code.

    Exit status 1 when something is wrong.
    """
    recipes = recipe_book(data).newest()
    files = golden_files(None, lambda: record_place(data).images)
    problems = []
    for recipe in recipes:
        try:
            files.image(recipe)
        except AoiError as error:
            problems.append(f"{recipe.name}: {error}")
    for clash in clashes(recipes):
        said = clash.why or f"both match {clash.code!r}"
        problems.append(f"{clash.one} and {clash.other}: {said}; a board with such a code is ERROR")
    for problem in problems:
        typer.echo(problem)
    typer.echo(f"{len(recipes)} recipes, {len(problems)} problems", err=True)
    raise typer.Exit(int(bool(problems)))


def trial(
    file: Annotated[Path, typer.Argument(help="The draft: a recipe file.")],
    recipe: Annotated[str, typer.Option(help="Boards inspected with this recipe; the draft's name by default.")] = "",
    boards: Annotated[int, typer.Option(min=1, help="The newest so many boards.")] = 300,
    data: Data = None,
) -> None:
    """Judge recorded boards by a draft, and show what it would have changed."""
    draft, where = load_recipe(file), existing_record(data)
    history = History(where.folder, where.url)
    try:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("judging recorded boards", total=boards)

            def judged(done: int) -> bool:
                progress.update(task, completed=done)
                return True

            records = islice(history.records(HistoryQuery(recipes=(recipe or draft.name,))), boards)
            tried = try_recipe(records, draft, judged)
    finally:
        history.close()
    table = Table("board", "before", "after", "no longer counts", "counts now")
    for entry in tried.changed:
        table.add_row(
            entry.serial, entry.before.value, entry.after.value, _defect_names(entry.gone), _defect_names(entry.new)
        )
    tables().print(table)
    typer.echo(
        f"{tried.boards} boards: {len(tried.now_passed)} that failed would pass, {len(tried.now_failed)} that passed "
        f"would not; {tried.defects_less} defects less and {tried.defects_more} more would count."
    )


def _defect_names(defects: Iterable[Defect]) -> str:
    return ", ".join(f"{d.component or d.region} {d.defect_code}".strip() for d in defects)


COMMANDS = (
    (list_recipes, "list"),
    (show, "show"),
    (import_, "import"),
    (difference, "difference"),
    (roll_back, "roll-back"),
    (check, "check"),
    (trial, "trial"),
)
