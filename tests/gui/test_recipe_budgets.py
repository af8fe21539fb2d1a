"""What a recipe allows an engine: entered on the recipe's page, kept as it is where nobody edits it."""

from __future__ import annotations

import pytest

from aoi_app.gui.recipes.page import RecipePage
from aoi_app.station.engines import EngineBudget
from tests.gui.world import GuiWorld


def open_page(world: GuiWorld) -> RecipePage:
    world.show()
    world.window.show_page(4)
    page = world.window.page("recipes")
    assert isinstance(page, RecipePage)
    page.show_tab("Product")
    return page


def test_budgets_are_entered_saved_and_taken_away(world: GuiWorld) -> None:
    page = open_page(world)
    assert page.product.verdict_ms.text() == page.product.gpu_mib.text() == "no limit"
    page.product.width_px.setValue(4096)
    page.product.verdict_ms.setValue(62.5)
    page.product.gpu_mib.setValue(1_800)
    page.save_button.click()
    saved = world.book.load("default")
    assert EngineBudget.of(saved) == EngineBudget(62.5, 4096, 1_800)
    assert page.product.gpu_mib.text() == "1,800"
    page.product.verdict_ms.setValue(0)
    page.product.gpu_mib.setValue(0)
    page.save_button.click()
    assert EngineBudget.of(world.book.load("default")) == EngineBudget()


@pytest.mark.parametrize(("limit", "shown"), [(0.02, "0.1"), (12.345, "12.3"), (9e6, "60,000.0"), (None, "no limit")])
def test_a_limit_that_nobody_edits_stays_to_the_last_digit(world: GuiWorld, limit: float | None, shown: str) -> None:
    page = open_page(world)
    recipe = page.draft.model_copy(update={"verdict_budget_ms": limit, "gpu_memory_budget_mib": limit})
    page.load(recipe)
    assert page.product.verdict_ms.text() == shown
    assert page.recipe() == recipe
    page.product.verdict_ms.stepUp()
    page.product.verdict_ms.setValue(7.5)
    assert page.recipe().verdict_budget_ms == 7.5
    assert page.recipe().gpu_memory_budget_mib == limit


def test_the_next_recipe_does_not_keep_the_limit_of_the_one_before(world: GuiWorld) -> None:
    page = open_page(world)
    page.load(page.draft.model_copy(update={"verdict_budget_ms": 50.0}))
    page.load(page.draft.model_copy(update={"verdict_budget_ms": None}))
    assert page.recipe().verdict_budget_ms is None


def test_no_limit_is_said_in_both_languages(world: GuiWorld) -> None:
    page = open_page(world)
    world.window.set_language("zh")
    assert page.product.verdict_ms.text() == "不限"
    assert page.product.gpu_mib.accessibleName() == "显存，MiB"
