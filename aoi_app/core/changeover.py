"""Which recipe a board's code asks for: patterns, priorities, and what happens when none or two fit. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, field_validator

from aoi_app.core.errors import RecipeError
from aoi_app.core.pattern_clash import common_code
from aoi_app.core.pattern_match import check_pattern, matches
from aoi_app.core.rules import Region, Strict

if TYPE_CHECKING:
    from aoi_app.core.recipe import Recipe

CodeFormat = Literal["DataMatrix", "QRCode", "MicroQRCode", "Aztec", "PDF417", "Code128", "Code39", "Code93", "EAN13"]
"""Bar codes as ISO/IEC names them."""


class Changeover(Strict):
    """How a recipe is chosen by a board's code: its serial number, or a bar code on it.

    Attributes
    ----------
    pattern
        Regular expression that the whole code matches; empty for a recipe that only people choose.
    priority
        Where several patterns match, the greatest priority wins.
    code_region
        Where the bar code is on the board; nothing is judged there, since it differs from board to board.
    formats
        Kinds of bar codes that count; empty for all.
    """

    pattern: Annotated[str, Field(max_length=200)] = ""
    priority: Annotated[int, Field(ge=0, le=999)] = 0
    code_region: Region | None = None
    formats: tuple[CodeFormat, ...] = ()

    @field_validator("pattern")
    @classmethod
    def _is_a_pattern(cls, pattern: str) -> str:
        check_pattern(pattern)
        return pattern

    def fits(self, code: str) -> bool:
        """Tell whether a code asks for this recipe."""
        return bool(self.pattern) and matches(self.pattern, code)


class UnknownProduct(RecipeError):
    """A board whose code belongs to no recipe, or to two."""


def chosen_by(code: str, recipes: Iterable[Recipe]) -> Recipe:
    """Return the recipe that a code asks for.

    Raises
    ------
    UnknownProduct
        No pattern fits, or two of the same priority do.
    """
    fitting = [recipe for recipe in recipes if recipe.changeover.fits(code)]
    if not fitting:
        raise UnknownProduct(
            f"The code {code!r} belongs to no recipe.", "Give the recipe of this product a pattern that matches it."
        )
    top = max(recipe.changeover.priority for recipe in fitting)
    best = sorted((recipe for recipe in fitting if recipe.changeover.priority == top), key=lambda recipe: recipe.name)
    if len(best) > 1:
        raise UnknownProduct(
            f"The code {code!r} belongs to {len(best)} recipes of priority {top}: {', '.join(r.name for r in best)}.",
            "Change their patterns, or give one of them a greater priority.",
        )
    return best[0]


@dataclass(frozen=True, slots=True)
class Clash:
    """Two recipes of one priority that may ask for the same board.

    Attributes
    ----------
    code
        One that both patterns match; empty where that cannot be told.
    why
        Why it cannot be told; empty where it can.
    """

    one: str
    other: str
    code: str
    why: str = ""


def clashes(recipes: Sequence[Recipe]) -> tuple[Clash, ...]:
    """Return every pair of recipes of one priority whose patterns match a common code."""
    found = []
    for one, other in combinations(sorted((r for r in recipes if r.changeover.pattern), key=lambda r: r.name), 2):
        if one.changeover.priority != other.changeover.priority:
            continue
        try:
            code, why = common_code(one.changeover.pattern, other.changeover.pattern), ""
        except ValueError as error:
            code, why = "", str(error)
        if code is not None:
            found.append(Clash(one.name, other.name, code, why))
    return tuple(found)
