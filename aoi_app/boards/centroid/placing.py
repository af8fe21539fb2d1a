"""Lays the parts of a centroid file onto the golden board of a recipe. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aoi_app.boards.centroid.components import components_of
from aoi_app.boards.centroid.part import Part, Side
from aoi_app.core.components import BoardFrame, Component, fit_frame
from aoi_app.core.errors import RecipeError
from aoi_app.core.recipe import Recipe

MOST_RESIDUAL_MM = 2.0
"""Places that are known disagree by no more: a person points at the centre of a part, not at its pad."""
MOST_SCALE = 1.1
"""Places and pixel size tell the same scale within this factor."""

Places = Mapping[str, tuple[float, float]]
"""Reference designator -> where its centre is on the golden board, pixels."""


def usual_frame(recipe: Recipe, lines: int, side: Side, y_down: bool = False) -> BoardFrame:
    """Return the frame of a file whose origin is a corner of the golden board: lower left, or upper left with y down.

    Parameters
    ----------
    lines
        Length of the golden board.

    Raises
    ------
    RecipeError
        The recipe has no pixel size.
    """
    if recipe.pixel_size_um is None:
        raise RecipeError(
            f"Recipe {recipe.name} has no pixel size: millimetres cannot be laid onto its golden board.",
            "Give the recipe its pixel size, or two components with their places on the golden board.",
        )
    across, along = recipe.pixel_size_um
    right = float(recipe.width_px or 0) if side == "bottom" else 0.0
    return BoardFrame(
        origin_px=(right, 0.0 if y_down else float(lines)),
        px_per_mm=(1000 / across, 1000 / along),
        mirrored=side == "bottom",
        y_down=y_down,
    )


def fitted_frame(
    recipe: Recipe, parts: Sequence[Part], places: Places, side: Side, y_down: bool = False
) -> tuple[BoardFrame, float]:
    """Find the frame from components whose places on the golden board are known; see `fit_frame`.

    Raises
    ------
    RecipeError
        A reference designator is not in the file, the places do not tell, or contradict the file or the pixel size.
    """
    known = {part.reference: part for part in parts}
    strangers = sorted(set(places) - set(known))
    if strangers:
        raise RecipeError(
            f"The file does not list {', '.join(strangers)}.", "Name components of the side that is inspected."
        )
    across, along = recipe.pixel_size_um or (1.0, 1.0)
    mm = np.array([(known[name].x_mm, known[name].y_mm) for name in places], np.float64).reshape(-1, 2)
    pixels = np.array(list(places.values()), np.float64).reshape(-1, 2)
    frame, residual = fit_frame(mm, pixels, along / across, mirrored=side == "bottom", y_down=y_down)
    if residual > MOST_RESIDUAL_MM * min(frame.px_per_mm):
        raise RecipeError(
            f"The places do not fit the file: one of them is {residual:.0f} px off.",
            "Check the places, the side of the board, and whether y runs down.",
        )
    if recipe.pixel_size_um is not None:
        by_pixels = 1000 / along
        if not 1 / MOST_SCALE < frame.px_per_mm[1] / by_pixels < MOST_SCALE:
            raise RecipeError(
                f"The places say {frame.px_per_mm[1]:.3g} px/mm, the recipe's pixel size {by_pixels:.3g}.",
                "Check the places, the unit of the file, and the pixel size.",
            )
    return frame, residual


def outside(components: Sequence[Component], frame: BoardFrame, size: tuple[int, int]) -> tuple[str, ...]:
    """Return the components whose centres are not on a golden board of `size` (width, lines)."""
    if not components:
        return ()
    places = frame.to_pixels(np.array([(c.x_mm, c.y_mm) for c in components], np.float64))
    inside = [0 <= x < size[0] and 0 <= y < size[1] for x, y in places.tolist()]
    return tuple(c.reference for c, on_board in zip(components, inside, strict=True) if not on_board)


def with_parts(recipe: Recipe, parts: Sequence[Part], frame: BoardFrame, size: tuple[int, int]) -> Recipe:
    """Return a recipe with the components of a file.

    Parameters
    ----------
    size
        Width and lines of the golden board.

    Raises
    ------
    RecipeError
        No component lies on the golden board.
    """
    components = components_of(parts)
    beyond = outside(components, frame, size)
    if components and len(beyond) == len(components):
        raise RecipeError(
            f"None of the {len(components)} components lies on the golden board of {size[0]} x {size[1]} px.",
            "Check the file's unit and side, and where its origin is on the board.",
        )
    return Recipe.model_validate(
        recipe.model_dump()
        | {"components": [c.model_dump() for c in components], "component_frame": frame.model_dump()}
    )
