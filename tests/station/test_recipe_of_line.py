"""Which recipe a line begins with: that of a demonstration is for its own boards, on others it would hide defects."""

from __future__ import annotations

from pathlib import Path

import pytest

from aoi_app.app import recipe_of_line
from aoi_app.core.recipe import Recipe, load_recipe
from aoi_app.demo import ANY_BOARD, DEMOS, SHIPPED, recipe_of
from aoi_app.storage.recipes import RecipeBook

RECIPES = Path(__file__).parents[2] / "resources" / "recipes"


@pytest.mark.parametrize(
    ("source", "current", "recipe"),
    [
        ("simulated:bare", "demo-assembled", "demo-bare"),
        ("simulated:bare", "my-board", "demo-bare"),
        ("gige:192.168.0.10", "my-board", "my-board"),
        ("gige:192.168.0.10", "demo-assembled", ANY_BOARD),
        ("scans/", "demo-bare", ANY_BOARD),
        ("scans/", ANY_BOARD, ANY_BOARD),
    ],
)
def test_a_recipe_goes_with_its_line(source: str, current: str, recipe: str) -> None:
    assert recipe_of(source, current) == recipe


def test_the_recipe_for_any_board_hides_nothing() -> None:
    assert {path.stem for path in RECIPES.glob("*.json")} == SHIPPED
    recipe = load_recipe(RECIPES / f"{ANY_BOARD}.json")
    plain = Recipe(name=ANY_BOARD, product=recipe.product, model=recipe.model, default_rule=recipe.default_rule)
    assert recipe == plain


def test_a_recipe_of_a_plant_stays_when_its_line_changes(tmp_path: Path) -> None:
    book = RecipeBook(tmp_path, "")
    try:
        found = recipe_of_line(book, "scans/", "demo-assembled")
        assert found is not None and (found.name, found.revision) == (ANY_BOARD, 1)
        assert recipe_of_line(book, "scans/", ANY_BOARD) is None
        assert recipe_of_line(book, "simulated:assembled", "my-board") is None
        back = recipe_of_line(book, "simulated:assembled", ANY_BOARD)
        assert back is not None and back.name == DEMOS["simulated:assembled"].recipe
        # Whoever edited one made it their own.
        book.save(back.model_copy(update={"product": "Mine"}))
        assert recipe_of_line(book, "scans/", "demo-assembled") is None
    finally:
        book.close()
