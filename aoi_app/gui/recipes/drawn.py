"""Regions of a recipe as they are drawn: what each is for. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from aoi_app.core.recipe import Recipe, Region

INSPECT, IGNORE, CODE = "Inspection region", "Ignore region", "Bar code"
KINDS = (INSPECT, IGNORE, CODE)


@dataclass(frozen=True, slots=True)
class DrawnRegion:
    """A region and what it is for: `INSPECT`, `IGNORE` or `CODE`, of which a recipe has one at most."""

    kind: str
    region: Region

    def moved(self, dx: float, dy: float) -> DrawnRegion:
        """Return it elsewhere, held to the board's upper left."""
        r = self.region
        return self.changed(x=round(max(0.0, r.x + dx), 1), y=round(max(0.0, r.y + dy), 1))

    def resized(self, dw: float, dh: float, least: float = 1.0) -> DrawnRegion:
        """Return it larger or smaller."""
        r = self.region
        return self.changed(w=round(max(least, r.w + dw), 1), h=round(max(least, r.h + dh), 1))

    def changed(self, **values: object) -> DrawnRegion:
        """Return it with other values; those that the screen lets a person enter are always good."""
        return replace(self, region=self.region.model_copy(update=values))


def regions_of(recipe: Recipe) -> tuple[DrawnRegion, ...]:
    """Return all regions of a recipe."""
    code = recipe.changeover.code_region
    return (
        *(DrawnRegion(INSPECT, region) for region in recipe.regions),
        *(DrawnRegion(IGNORE, region) for region in recipe.ignore_regions),
        *([] if code is None else [DrawnRegion(CODE, code)]),
    )


def with_regions(recipe: Recipe, drawn: tuple[DrawnRegion, ...]) -> Recipe:
    """Return the recipe with other regions."""
    kinds = {kind: tuple(d.region for d in drawn if d.kind == kind) for kind in KINDS}
    code = kinds[CODE][-1] if kinds[CODE] else None
    return recipe.model_copy(
        update={
            "regions": kinds[INSPECT],
            "ignore_regions": kinds[IGNORE],
            "changeover": recipe.changeover.model_copy(update={"code_region": code}),
        }
    )


def with_drawn(drawn: tuple[DrawnRegion, ...], new: DrawnRegion) -> tuple[DrawnRegion, ...]:
    """Return the regions with one more; a new place of the bar code replaces the old one."""
    kept = tuple(d for d in drawn if not (new.kind == CODE and d.kind == CODE))
    return (*kept, new)
