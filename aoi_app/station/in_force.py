"""What the line works with: settings, recipe, and the engine that both ask for."""

from __future__ import annotations

from aoi_app.core.errors import RecipeError
from aoi_app.core.recipe import Recipe
from aoi_app.core.settings import Settings
from aoi_app.station.engines import Engines, EngineSpec
from aoi_app.station.journal import Journal
from aoi_app.station.status import Level


class InForce:
    """Settings and recipe in force, and the recipe that waits for its engine or for the camera.

    The supervisor changes them; the inspection thread takes over between two boards.
    """

    def __init__(self, engines: Engines, journal: Journal, settings: Settings, recipe: Recipe) -> None:
        self._engines = engines
        self._journal = journal
        self.settings = settings
        self.recipe = recipe
        self._next: Recipe | None = None
        self._spec: EngineSpec | None = None

    def arm(self) -> None:
        """Have the engine made ready, where it is not."""
        spec = self._wanted(self._next or self.recipe)
        if self._engines.next_spec is None or self._is_new(spec):
            self._request(spec)

    def use_settings(self, settings: Settings, *, armed: bool) -> None:
        """Take over settings; where the line is armed, an engine that they ask for is made ready."""
        old, self.settings = self.settings, settings
        spec = self._wanted(self._next or self.recipe)
        # The same settings once more are a second try; any other change leaves a refused engine alone.
        new = self._is_new(spec) if settings == old else spec != self._spec
        if new and armed:
            self._request(spec)

    def use_recipe(self, recipe: Recipe, *, armed: bool, line_changes: bool) -> None:
        """Take over a recipe; with the engine, or the change of the line, that it has to wait for."""
        spec = self._wanted(recipe)
        new = self._spec is not None and self._is_new(spec) and armed
        if new or line_changes:
            self._next = recipe
        else:
            self.recipe, self._next = recipe, None
        if new:
            self._request(spec)

    def line_opens(self) -> None:
        """Take over the recipe that waited for a line of its own."""
        if self._next is not None:
            self._take_over(self._next, self._engines.next_spec)

    def for_next_board(self, *, line_changes: bool) -> Recipe:
        """Return the recipe for a board that begins now: one that waits, once its engine inspects."""
        waiting = self._next
        if waiting is not None and self._engines.settled and not line_changes:
            self._take_over(waiting, self._engines.current_spec)
        return self.recipe

    def change_over(self, recipe: Recipe) -> None:
        """Put the recipe of the board in hand into force, with its engine.

        Raises
        ------
        RecipeError
            The engine could not be made ready.
        """
        wanted, spec = self._wanted(recipe), self._engines.current_spec
        if spec is None or not spec.serves(wanted.model, recipe.lowest_confidence):
            self._spec = wanted
            if not self._engines.change_to(wanted):
                what = f"The engine of recipe {recipe.name} could not be made ready."
                raise RecipeError(what, "See the log for what it lacks.")
        self.recipe, self._next = recipe, None

    def _take_over(self, waiting: Recipe, spec: EngineSpec | None) -> None:
        self._next = None
        if spec is not None and spec.serves(self._wanted(waiting).model, waiting.lowest_confidence):
            self.recipe = waiting
            return
        what = f"Recipe {waiting.name} is not in force: its engine could not be made ready."
        self._journal.add(Level.ERROR, "engine", what, "The recipe before stays; see the log.")

    def _is_new(self, spec: EngineSpec) -> bool:
        return spec != self._spec or spec == self._engines.refused

    def _wanted(self, recipe: Recipe) -> EngineSpec:
        return EngineSpec.of(self.settings, recipe)

    def _request(self, spec: EngineSpec) -> None:
        self._spec = spec
        self._engines.request(spec)
