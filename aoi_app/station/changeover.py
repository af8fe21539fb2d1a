"""Which recipe inspects a board: the one in force, or the one that the board's own code asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from aoi_app.core.changeover import UnknownProduct, chosen_by
from aoi_app.core.errors import RecipeError
from aoi_app.core.recipe import Recipe
from aoi_app.core.rules import Region
from aoi_app.core.scan import BoardScan, Pixels

MARGIN_PX = 80
"""A board lies shifted by no more than this: the code is looked for so far around its region."""

Catalogue = Callable[[], Sequence[Recipe]]
"""The newest revision of every recipe."""

ReadCodes = Callable[[Pixels, Sequence[str]], Sequence[str]]
"""Reads the bar codes of some kinds in a picture."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A recipe for a board.

    Attributes
    ----------
    code
        What asked for it; empty where a person chose.
    changed
        Another recipe was in force for the board before.
    """

    recipe: Recipe
    code: str = ""
    changed: bool = False


class Changeover(Protocol):
    """Chooses the recipe of a board that begins."""

    def lines_needed(self) -> int:
        """Return the lines of a board that must be in before its recipe can be chosen."""

    def choose(self, scan: BoardScan, lines: int) -> Chosen:
        """Return the recipe of a board of which `lines` lines are in. Raises RecipeError when it has none."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where codes of some kinds are looked for, pixels of the scan."""

    left: int
    top: int
    right: int
    bottom: int
    formats: tuple[str, ...]

    @staticmethod
    def around(region: Region, formats: Sequence[str]) -> _Place:
        return _Place(
            max(0, round(region.x) - MARGIN_PX),
            max(0, round(region.y) - MARGIN_PX),
            round(region.x + region.w) + MARGIN_PX,
            round(region.y + region.h) + MARGIN_PX,
            tuple(formats),
        )

    def window(self, pixels: Pixels) -> Pixels:
        return pixels[self.top : self.bottom, self.left : self.right]


class BySerial:
    """Chooses by the serial number that was read at the gate."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def lines_needed(self) -> int:
        """Return 0: the number comes with the board's first line."""
        return 0

    def choose(self, scan: BoardScan, lines: int) -> Chosen:
        """Return the recipe whose pattern the serial number matches."""
        return Chosen(chosen_by(scan.serial, self._catalogue()), scan.serial)


class ByBarcode:
    """Chooses by a bar code on the board, as soon as the lines that hold it are in."""

    def __init__(self, catalogue: Catalogue, read: ReadCodes) -> None:
        self._catalogue = catalogue
        self._read = read

    def lines_needed(self) -> int:
        """Return the last line on which any recipe's code may be."""
        return max((place.bottom for place in self._places()), default=0)

    def choose(self, scan: BoardScan, lines: int) -> Chosen:
        """Return the recipe whose pattern a code in its own region matches."""
        places = self._places()
        if not places:
            raise UnknownProduct("No recipe says where its bar code is.", "Draw the code's region on the recipes page.")
        chosen: dict[str, Chosen] = {}
        problem: UnknownProduct | None = None
        read = False
        for place, recipes in places.items():
            for code in self._read(place.window(scan.pixels[:lines]), place.formats):
                read = True
                try:
                    recipe = chosen_by(code, recipes)
                except UnknownProduct as error:
                    problem = error
                else:
                    chosen.setdefault(recipe.name, Chosen(recipe, code))
        if not read:
            raise UnknownProduct(
                "No bar code could be read on the board.", "Check the code, its region in the recipe, and the light."
            )
        top = max((c.recipe.changeover.priority for c in chosen.values()), default=0)
        best = [c for c in chosen.values() if c.recipe.changeover.priority == top]
        if len(best) == 1:
            return best[0]
        if best:
            names = ", ".join(sorted(c.recipe.name for c in best))
            raise UnknownProduct(
                f"The bar codes on the board belong to {len(best)} recipes of priority {top}: {names}.",
                "Change their patterns, or give one of them a greater priority.",
            )
        assert problem is not None
        raise problem

    def _places(self) -> dict[_Place, list[Recipe]]:
        """Return where codes are looked for, and the recipes that they may ask for there."""
        places: dict[_Place, list[Recipe]] = {}
        for recipe in self._catalogue():
            region = recipe.changeover.code_region
            if region is not None and recipe.changeover.pattern:
                places.setdefault(_Place.around(region, recipe.changeover.formats), []).append(recipe)
        return places


class LineChangeover:
    """Chooses for a running line, and puts what was chosen into force.

    Parameters
    ----------
    changeover
        The choice in the settings; None where people choose.
    in_force
        Returns the recipe for the next board where nothing else is chosen.
    put_in_force
        Makes ready whatever a recipe needs and puts it into force. Raises RecipeError when it cannot.
    changed
        Hears of every changeover.
    """

    def __init__(
        self,
        changeover: Callable[[], Changeover | None],
        in_force: Callable[[], Recipe],
        put_in_force: Callable[[Recipe], None],
        changed: Callable[[Chosen, Recipe], None],
    ) -> None:
        self._changeover = changeover
        self._in_force = in_force
        self._put_in_force = put_in_force
        self._changed = changed
        self._refused: RecipeError | None = None

    def take_refused(self) -> RecipeError | None:
        """Return why the newest board got no recipe, once; None when it got one."""
        refused, self._refused = self._refused, None
        return refused

    def lines_needed(self) -> int:
        """Return the lines that must be in before `choose`."""
        changeover = self._changeover()
        return 0 if changeover is None else changeover.lines_needed()

    def choose(self, scan: BoardScan, lines: int) -> Chosen:
        """Return the recipe of a board; it is in force then. Raises RecipeError."""
        self._refused = None
        changeover, before = self._changeover(), self._in_force()
        if changeover is None:
            return Chosen(before)
        try:
            chosen = changeover.choose(scan, lines)
            if chosen.recipe.name == before.name:
                # A newer revision is not put into force by the next board, but by a person.
                return Chosen(before, chosen.code)
            self._put_in_force(chosen.recipe)
        except RecipeError as error:
            self._refused = error
            raise
        self._changed(chosen, before)
        return replace(chosen, changed=True)
