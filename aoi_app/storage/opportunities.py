"""Opportunities for a defect on a board, as the recipe revisions that judged the boards count them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, select

from aoi_app.core.errors import RecipeError
from aoi_app.core.recipe import parse_recipe
from aoi_app.storage.schema import RecipeTable

Revision = tuple[str, int]
"""Name and revision of a recipe."""


def recorded_opportunities(connection: Connection, revisions: Iterable[Revision]) -> dict[Revision, int]:
    """Return the opportunities of recipe revisions; those are left out that say nothing of it or were never saved."""
    wanted = set(revisions)
    names = sorted({name for name, _ in wanted})
    rows = connection.execute(
        select(RecipeTable.name, RecipeTable.revision, RecipeTable.body).where(RecipeTable.name.in_(names))
    )
    found = {}
    for name, revision, body in rows:
        if (name, revision) not in wanted:
            continue
        try:
            count = parse_recipe(body).opportunity_count
        except RecipeError:
            # A revision that cannot be read any more says nothing; the figure then says so, and is not wrong.
            continue
        if count is not None:
            found[name, revision] = count
    return found


def chances(boards: Mapping[Revision, int], known: Mapping[Revision, int]) -> tuple[int, tuple[str, ...]]:
    """Return the opportunities of all boards, and the recipes of which they are not known.

    Parameters
    ----------
    boards
        Number of inspected boards by recipe revision.
    known
        Opportunities of one board.
    """
    missing = tuple(sorted({name for name, revision in boards if (name, revision) not in known}))
    return (0 if missing else sum(n * known[revision] for revision, n in boards.items())), missing
