"""`aoi recipe new`, `components`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from aoi_app.app import recipe_book
from aoi_app.boards.centroid import CentroidFile, Side, fitted_frame, outside, read_centroid, usual_frame, with_parts
from aoi_app.boards.centroid.columns import ROTATION
from aoi_app.camera.images import read_board
from aoi_app.cli.output import tables
from aoi_app.cli.recipes.book import By, Data, saver
from aoi_app.core.components import BoardFrame
from aoi_app.core.errors import RecipeError
from aoi_app.core.golden_recipe import recipe_of_golden
from aoi_app.core.image_resolution import pixel_size_um
from aoi_app.core.recipe import Recipe
from aoi_app.core.validation import named_fields
from aoi_app.golden_boards import golden_files
from aoi_app.storage.folders import record_place
from aoi_app.storage.goldens import keep_golden

Centroid = Annotated[Path | None, typer.Option(help="Centroid (pick-and-place) file: names defects by components.")]
OnSide = Annotated[str, typer.Option(metavar="top|bottom", help="Side of the board that the camera sees.")]
Unit = Annotated[str, typer.Option(metavar="mm|mil|inch", help="Of the centroid file, whatever it says itself.")]
At = Annotated[
    list[str] | None,
    typer.Option(metavar="R1=X,Y", help="Where a component's centre is on the golden board, pixels; two or more."),
]
YDown = Annotated[bool, typer.Option("--y-down", help="The file's y axis runs down the picture.")]


def new(
    name: Annotated[str, typer.Argument(help="Name of the recipe.")],
    golden: Annotated[Path, typer.Option(help="Image of a defect-free board, as the camera delivers it.")],
    like: Annotated[str, typer.Option(help="Recipe whose model and limits are taken over.")] = "",
    product: Annotated[str, typer.Option(help="What the product is called.")] = "",
    model: Annotated[str, typer.Option(help="Model file in the engines folder.")] = "",
    pixel_size: Annotated[
        str, typer.Option(metavar="UM|UMxUM", help="Micrometres a pixel; what the image file says when not given.")
    ] = "",
    align: Annotated[bool, typer.Option(help="Lay the golden board onto each scan, refuse scans of others.")] = True,
    pattern: Annotated[str, typer.Option(help="Regular expression of the codes that ask for this recipe.")] = "",
    opportunities: Annotated[
        int | None, typer.Option(min=1, help="Opportunities for a defect on one board, for DPMO.")
    ] = None,
    centroid: Centroid = None,
    side: OnSide = "top",
    unit: Unit = "",
    at: At = None,
    y_down: YDown = False,
    by: By = "",
    data: Data = None,
) -> None:
    """Make a recipe from a golden board: its image goes into the archive, its size into the recipe."""
    board = read_board(golden)
    book, place = recipe_book(data), record_place(data)
    stored = keep_golden(place.images, board)
    size = board.shape[1], board.shape[0]
    recipe = recipe_of_golden(
        book.load(like) if like else Recipe(),
        name,
        size,
        stored.name,
        stored.sha256,
        product=product,
        pixel_size_um=_pixel_size(pixel_size) or pixel_size_um(golden.read_bytes()),
        align=align,
    )
    changeover = recipe.changeover.model_dump() | ({"pattern": pattern} if pattern else {})
    recipe = _validated(
        recipe,
        changeover=changeover,
        model=model or recipe.model,
        opportunities=opportunities or recipe.opportunities,
    )
    if centroid is not None:
        recipe = _with_components(recipe, read_centroid(centroid, unit), _side(side), _places(at), y_down, size)
    saved = book.save(recipe, saver(by), f"golden board {golden.name}")
    um = "no pixel size" if saved.pixel_size_um is None else "{:g} x {:g} µm a pixel".format(*saved.pixel_size_um)
    typer.echo(
        f"{saved.name}, revision {saved.revision}: {size[0]} px x {size[1]} lines, {um}, "
        f"{len(saved.components)} components"
    )


def components(
    name: Annotated[str, typer.Argument(help="Name of the recipe.")],
    centroid: Annotated[Path, typer.Option(help="Centroid (pick-and-place) file.")],
    side: OnSide = "top",
    unit: Unit = "",
    at: At = None,
    y_down: YDown = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Show what would be taken over, and save nothing.")
    ] = False,
    by: By = "",
    data: Data = None,
) -> None:
    """Give a recipe the components of a centroid file, so that its defects are named by them."""
    book, place = recipe_book(data), record_place(data)
    recipe, file = book.load(name), read_centroid(centroid, unit)
    golden = golden_files(None, lambda: place.images).image(recipe)
    size = (golden.shape[1], golden.shape[0]) if golden is not None else (recipe.width_px or 0, recipe.max_lines)
    changed = _with_components(recipe, file, _side(side), _places(at), y_down, size)
    if preview:
        _show(file, changed)
        return
    saved = book.save(changed, saver(by), f"components of {centroid.name}")
    typer.echo(f"{saved.name}, revision {saved.revision}: {len(saved.components)} components")


def _with_components(
    recipe: Recipe, file: CentroidFile, side: Side, places: dict[str, tuple[float, float]], y_down: bool,
    size: tuple[int, int],
) -> Recipe:  # fmt: skip
    parts = file.of_side(side)
    if not parts:
        raise RecipeError(f"The file lists no part on the {side}.", "Choose the other side with --side.")
    people = Console(stderr=True, highlight=False, markup=False)
    frame: BoardFrame
    if places:
        frame, residual = fitted_frame(recipe, parts, places, side, y_down)
        alone = "; a third would tell whether the side is the right one" if len(places) == 2 else ""
        people.print(f"the given places agree to {residual:.1f} px{alone}")
    else:
        frame = usual_frame(recipe, size[1], side, y_down)
    changed = with_parts(recipe, parts, frame, size)
    beyond = outside(changed.components, frame, size)
    unknown = [c.reference for c in changed.components if c.terminations is None]
    people.print(
        f"{len(parts)} parts in {file.unit} ({file.unit_from}), {len(file.skipped)} rows skipped, "
        f"{len(beyond)} parts beyond the board"
    )
    people.print(", ".join(f"{meaning} = {name}" for meaning, name in file.columns))
    if ROTATION not in dict(file.columns):
        people.print("no column of rotations was found: all are 0")
    if unknown and recipe.opportunities is None:
        shown = ", ".join(unknown[:8]) + (" …" if len(unknown) > 8 else "")
        people.print(f"joints of {len(unknown)} parts are not known ({shown}): give --opportunities for DPMO")
    return changed


def _show(file: CentroidFile, recipe: Recipe) -> None:
    table = Table("reference", "package", "x, mm", "y, mm", "rotation", "joints")
    for c in recipe.components:
        joints = "?" if c.terminations is None else str(c.terminations)
        table.add_row(c.reference, c.package, f"{c.x_mm:.3f}", f"{c.y_mm:.3f}", f"{c.rotation:g}", joints)
    tables().print(table)
    for number, why in file.skipped:
        typer.echo(f"line {number} skipped: {why}", err=True)


def _validated(recipe: Recipe, **changes: object) -> Recipe:
    try:
        return Recipe.model_validate(recipe.model_dump() | changes)
    except ValidationError as error:
        raise RecipeError(f"No such recipe can be made: {named_fields(error)}.", "Correct the options.") from error


def _side(text: str) -> Side:
    if text == "top":
        return "top"
    if text == "bottom":
        return "bottom"
    raise typer.BadParameter(f"{text!r} is no side; give top or bottom")


def _places(texts: list[str] | None) -> dict[str, tuple[float, float]]:
    places = {}
    for text in texts or ():
        name, _, place = text.partition("=")
        try:
            x, y = (float(v) for v in place.split(","))
            if not (math.isfinite(x) and math.isfinite(y)):
                raise ValueError("not finite")
        except ValueError as error:
            raise typer.BadParameter(f"{text!r} is no place; write it as R1=812,403") from error
        places[name.strip()] = (x, y)
    return places


def _pixel_size(text: str) -> tuple[float, float] | None:
    if not text:
        return None
    try:
        sides = [float(side) for side in text.lower().split("x")]
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no pixel size; write it as 20 or 20x21") from error
    return sides[0], sides[-1]


COMMANDS = ((new, "new"), (components, "components"))
