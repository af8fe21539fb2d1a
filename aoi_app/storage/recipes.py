"""The recipe book: every save is a new revision, and none is ever changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, func, insert, select

from aoi_app.core.errors import RecipeError
from aoi_app.core.recipe import Recipe, parse_recipe, recipe_text
from aoi_app.storage.audit import append
from aoi_app.storage.clock import now_us
from aoi_app.storage.database import Place, connect, reading
from aoi_app.storage.faults import explained
from aoi_app.storage.following.recipes import SAVE_RECIPE
from aoi_app.storage.migrate import prepare
from aoi_app.storage.schema import RecipeTable


@dataclass(frozen=True, slots=True)
class RecipeRevision:
    """One save of a recipe."""

    name: str
    revision: int
    sha256: str
    saved_us: int
    saved_by: str
    comment: str


class RecipeBook:
    """Saves and loads recipes; safe from any thread and beside a running station."""

    def __init__(self, folder: Path, url: str = "") -> None:
        self._place = Place(folder, url)
        prepare(self._place)
        self._database = connect(self._place)
        self._newest_known: tuple[int, tuple[Recipe, ...]] = (-1, ())

    def save(self, recipe: Recipe, by: str = "", comment: str = "") -> Recipe:
        """Save as the next revision of its name and return it with that number.

        A recipe equal to the newest revision is not saved again: that one is returned.
        """
        with explained(self._place.name, self._place.folder), self._database.begin() as connection:
            newest = self._newest(connection, recipe.name)
            if newest and read_recipe(connection, recipe.name, newest) == recipe.model_copy(
                update={"revision": newest}
            ):
                return recipe.model_copy(update={"revision": newest})
            saved = recipe.model_copy(update={"revision": newest + 1})
            body, now = recipe_text(saved), now_us()
            connection.execute(
                insert(RecipeTable),
                {
                    "name": saved.name,
                    "revision": saved.revision,
                    "sha256": _sha256(body),
                    "body": body,
                    "saved_us": now,
                    "saved_by": by,
                    "comment": comment,
                },
            )
            detail = {"sha256": _sha256(body), "comment": comment, "saved_us": now}
            append(connection, by, SAVE_RECIPE, f"recipe {saved.name}, revision {saved.revision}", detail)
            return saved

    def load(self, name: str, revision: int | None = None) -> Recipe:
        """Return a revision, the newest unless told. Raises RecipeError when there is none."""
        with explained(self._place.name, self._place.folder), reading(self._database) as connection:
            wanted = self._newest(connection, name) if revision is None else revision
            recipe = read_recipe(connection, name, wanted)
        if recipe is None:
            which = f"recipe {name!r}" if revision is None else f"revision {revision} of recipe {name!r}"
            known = ", ".join(self.names()) or "none yet"
            raise RecipeError(f"There is no {which} in {self._place.name}.", f"Saved recipes: {known}.")
        return recipe

    def names(self) -> tuple[str, ...]:
        """Return the names of all recipes, sorted."""
        with explained(self._place.name, self._place.folder), reading(self._database) as connection:
            return tuple(connection.scalars(select(RecipeTable.name).distinct().order_by(RecipeTable.name)))

    def newest(self) -> tuple[Recipe, ...]:
        """Return the newest revision of every recipe; read anew only when something was saved meanwhile.

        Asked for with every board of a line that chooses its recipes by the boards' codes.
        """
        with explained(self._place.name, self._place.folder), reading(self._database) as connection:
            mark = connection.execute(select(func.max(RecipeTable.id))).scalar() or 0
            if mark != self._newest_known[0]:
                last = select(RecipeTable.name, func.max(RecipeTable.revision)).group_by(RecipeTable.name)
                found = (read_recipe(connection, name, revision) for name, revision in connection.execute(last).all())
                self._newest_known = mark, tuple(recipe for recipe in found if recipe is not None)
        return self._newest_known[1]

    def note(self, who: str, act: str, subject: str, detail: Mapping[str, str]) -> None:
        """Write into the audit what was done with a recipe."""
        with explained(self._place.name, self._place.folder), self._database.begin() as connection:
            append(connection, who, act, subject, detail)

    def history(self, name: str) -> tuple[RecipeRevision, ...]:
        """Return all saves of a recipe, newest first."""
        columns = (getattr(RecipeTable, field) for field in RecipeRevision.__slots__)
        with explained(self._place.name, self._place.folder), reading(self._database) as connection:
            rows = connection.execute(
                select(*columns).where(RecipeTable.name == name).order_by(RecipeTable.revision.desc())
            )
            return tuple(RecipeRevision(*row) for row in rows)

    def roll_back(self, name: str, revision: int, by: str = "") -> Recipe:
        """Save an earlier revision anew, as the newest one."""
        return self.save(self.load(name, revision), by, f"as revision {revision}")

    def close(self) -> None:
        """Let go of the database."""
        self._database.dispose()

    @staticmethod
    def _newest(connection: Connection, name: str) -> int:
        newest = select(func.max(RecipeTable.revision)).where(RecipeTable.name == name)
        return connection.execute(newest).scalar() or 0


def read_recipe(connection: Connection, name: str, revision: int) -> Recipe | None:
    """Return a revision from a database, None where there is none. Raises RecipeError for one that was changed."""
    row = connection.execute(
        select(RecipeTable.body, RecipeTable.sha256).where(RecipeTable.name == name, RecipeTable.revision == revision)
    ).first()
    if row is None:
        return None
    if _sha256(row.body) != row.sha256:
        raise RecipeError(
            f"Revision {revision} of recipe {name!r} is not what was saved: its hash does not match.",
            "Somebody changed the database by hand; load another revision or restore a backup.",
        )
    return parse_recipe(row.body, f"revision {revision} of recipe {name!r}")


def _sha256(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()
