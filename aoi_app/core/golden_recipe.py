"""A recipe from a golden board. Pure."""

from __future__ import annotations

import math

from pydantic import ValidationError

from aoi_app.core.errors import RecipeError
from aoi_app.core.recipe import MAX_LENGTH_LINES, Recipe
from aoi_app.core.validation import named_fields

SLACK = 0.02
"""Share by which a board's length may differ from the golden one's: stretch along the transport, and a late sensor."""
SLACK_LINES = 64
OF_THE_PRODUCT = (
    "ignore_regions",
    "regions",
    "components",
    "component_frame",
    "changeover",
    "opportunities",
    "product",
)


def length_slack(lines: int) -> int:
    """Return by how many lines a board may differ from a golden one of `lines` lines."""
    return math.ceil(SLACK * lines) + SLACK_LINES


def recipe_of_golden(
    base: Recipe,
    name: str,
    size: tuple[int, int],
    golden: str,
    sha256: str = "",
    *,
    product: str = "",
    pixel_size_um: tuple[float, float] | None = None,
    align: bool = True,
) -> Recipe:
    """Return a recipe for boards that look like a golden one.

    Parameters
    ----------
    base
        Model and limits come from it; under its own name also its regions, components and codes.
    size
        Width and lines of the golden board: width and length of the recipe's boards.
    golden, sha256
        Name of the image in the archive, or its path, and its hash.
    pixel_size_um
        None keeps that of `base`.
    align
        Lay the golden board onto each scan, and refuse a scan that does not show it.

    Raises
    ------
    RecipeError
        Name, size or pixel size cannot be those of a recipe.
    """
    width, lines = size
    values = base.model_dump()
    if name != base.name:
        values = {key: value for key, value in values.items() if key not in OF_THE_PRODUCT}
    slack = length_slack(lines)
    values |= {
        "name": name,
        "revision": 0,
        "golden": golden,
        "golden_sha256": sha256,
        "align_golden": align,
        "width_px": width,
        "min_lines": max(1, lines - slack),
        "max_lines": min(MAX_LENGTH_LINES, lines + slack),
        "pixel_size_um": pixel_size_um or base.pixel_size_um,
        "product": product or values.get("product", ""),
    }
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        what = f"No recipe can be made of this golden board: {named_fields(error)}."
        raise RecipeError(what, "Correct these values.") from error
